"""Makes seccomp filters for the code under test: a list of what is allowed (`pure`) or of what never is (`open`).

A filter is classic BPF over (system call number, architecture, arguments); see seccomp(2). Numbers of another
architecture, and x86's x32 numbers, kill the process.
"""

import errno
import itertools
import struct
import sys

from fgit_cli.executor.syscalls import ABSENT, AUDIT_ARCH, CHANGE_FILES, COMPUTE, NEVER, NUMBERS

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _AND, _JEQ, _JGE, _JGT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x25, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16

_THREAD = 0x10000  # CLONE_THREAD
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW*
_TERMINAL_AND_PIPE = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FI(O|ON)CLEX
_FCNTL = (*range(8), 9, 36, 37, 38, 1030, 1031, 1032, 1033, 1034)  # none that has a signal sent
_PRCTL = (3, 15, 16, 23, 0x53564D41)  # GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ, SET_VMA
_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink: those that a network namespace holds (vsock is none)
_SOCKET_FLAGS = 0x80800  # SOCK_CLOEXEC | SOCK_NONBLOCK

Instruction = tuple[int, int, int, int]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


_PERMIT: Instruction = (_RETURN, 0, 0, _ALLOW)


def _argument(index: int, high: bool = False) -> Instruction:
    big = sys.byteorder == "big"
    return _load(_ARGUMENTS + 8 * index + (4 if high != big else 0))


def _when(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which returns, for this system call; the accumulator holds the call's number before and after."""
    return [(_JEQ, 0, len(body), number), *body]


def _one_of(index: int, values: tuple[int, ...], otherwise: int = errno.EPERM) -> list[Instruction]:
    """Allow the call when the low word of an argument is one of the values."""
    body = [_argument(index)]
    for value in values:
        body += [(_JEQ, 0, 1, value & 0xFFFFFFFF), _PERMIT]
    return [*body, _refuse(otherwise)]


def _bits(index: int, mask: int, wanted: int) -> list[Instruction]:
    """Allow the call when the masked low word of an argument is `wanted`."""
    return [_argument(index), (_AND, 0, 0, mask & 0xFFFFFFFF), (_JEQ, 0, 1, wanted), _PERMIT, _refuse(errno.EPERM)]


def _null_address(index: int) -> list[Instruction]:
    return [
        _argument(index), (_JEQ, 0, 3, 0), _argument(index, high=True), (_JEQ, 0, 1, 0), _PERMIT, _refuse(errno.EPERM),
    ]  # fmt: skip


def _socketpair() -> list[Instruction]:
    """A pair of connected unix streams, as asyncio makes; it reaches nobody else."""
    return [
        _argument(0), (_JEQ, 0, 4, 1), _argument(1), (_AND, 0, 0, ~_SOCKET_FLAGS & 0xFFFFFFFF), (_JEQ, 0, 1, 1),
        _PERMIT, _refuse(errno.EPERM),
    ]  # fmt: skip


def _ranges(numbers: list[int]) -> list[Instruction]:
    """Allow these numbers, neighbours as one test."""
    program: list[Instruction] = []
    for _, group in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        run = [n for _, n in group]
        program += [(_JGE, 0, 2, run[0]), (_JGT, 1, 0, run[-1]), _PERMIT]
    return program


def _pack(machine: str, program: list[Instruction]) -> bytes:
    start: list[Instruction] = [_load(_ARCH), (_JEQ, 1, 0, AUDIT_ARCH[machine]), (_RETURN, 0, 0, _KILL), _load(_NUMBER)]
    if machine == "x86_64":
        start += [(_JGE, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    return b"".join(struct.pack("HBBI", *i) for i in [*start, *program])


def pure_filter(machine: str, pid: int, private_files: bool) -> bytes:
    """The filter of the profile `pure` for the process `pid`: threads, but no other process, no socket, no exec.

    Signals and limits reach the process itself alone. `private_files`: all that is writable belongs to this sample,
    so names may be changed; without it nothing may be created, renamed, truncated or given other modes.
    """
    number = NUMBERS[machine]
    plain = [n for n in COMPUTE if private_files or n != "ftruncate"] + (CHANGE_FILES if private_files else [])
    conditional = {
        "clone": _bits(0, _THREAD, _THREAD),
        "kill": _one_of(0, (pid,)),
        "tgkill": _one_of(0, (pid,)),
        "prlimit64": _one_of(0, (0, pid)),
        "sched_setaffinity": _one_of(0, (0, pid)),
        "prctl": _one_of(0, _PRCTL),
        "ioctl": _one_of(1, _TERMINAL_AND_PIPE, errno.ENOTTY),
        "fcntl": _one_of(1, _FCNTL, errno.EINVAL),
        "socketpair": _socketpair(),
        "sendto": _null_address(4),
        **{name: [_refuse(errno.ENOSYS)] for name in ABSENT},
    }
    program = _ranges([number[n] for n in plain if n in number])
    for name, body in conditional.items():
        if name in number:
            program += _when(number[name], body)
    return _pack(machine, [*program, _refuse(errno.EPERM)])


def open_filter(machine: str) -> bytes:
    """The filter of the profile `open`: everything but what reaches out of the box or around its limits."""
    number = NUMBERS[machine]
    program: list[Instruction] = []
    for name in NEVER:
        if name in number:
            program += _when(number[name], [_refuse(errno.EPERM)])
    for name in ABSENT:
        program += _when(number[name], [_refuse(errno.ENOSYS)])
    program += _when(number["clone"], _bits(0, _NEW_NAMESPACES, 0))
    program += _when(number["socket"], _one_of(0, _FAMILIES, errno.EAFNOSUPPORT))
    return _pack(machine, [*program, _PERMIT])
