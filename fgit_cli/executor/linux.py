"""Calls Linux where Python's standard library does not, by ctypes; each function raises OSError when its call fails.

Here is only what a sandbox needs: namespaces, mounts, capabilities, Landlock, seccomp, process attributes. See the
manual page of the same name for each.
"""

import ctypes
import os
import platform
import struct
import time

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18, 1 << 19,
)  # fmt: skip
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
_SECCOMP_MODE_FILTER = 2

# The same on x86_64 and aarch64 from 424 on; the older ones by machine.
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 442, 444, 445, 446
_OLDER = {"x86_64": {"pivot_root": 155, "capset": 126}, "aarch64": {"pivot_root": 41, "capset": 91}}
MACHINE = platform.machine()

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


_python = ctypes.PyDLL(None, use_errno=True)  # calls that keep the interpreter's lock


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(number: int, what: str, *arguments: object) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def fork() -> int:
    """fork(2) alone, in a process of one thread, where nothing of Python's state has to be put right in the child.

    os.fork's work after it (locks made anew, `random` seeded, every module's hooks) copies a hundred pages: half a
    millisecond of the four that a small sample takes.
    """
    return _checked(_python.fork(), "fork")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    done = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    _checked(done, f"mount {kind or source} on {target}")


def umount(target: str) -> None:
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    _syscall(_OLDER[MACHINE]["pivot_root"], "pivot_root", new.encode(), old.encode())


def restrict_mount(target: str, attributes: int, recursive: bool = True) -> None:
    """Add attributes (ATTR_*) to a mount, and to those below it; Linux 5.12."""
    wanted = struct.pack("<QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _syscall(
        _MOUNT_SETATTR, f"mount_setattr {target}", _AT_FDCWD, target.encode(), flags, wanted,
        ctypes.c_size_t(len(wanted)),
    )  # fmt: skip


def drop_capabilities() -> None:
    """Give up every capability, effective, permitted and inheritable."""
    header = struct.pack("<Ii", 0x20080522, 0)
    _syscall(_OLDER[MACHINE]["capset"], "capset", header, bytes(24))


def no_new_privileges() -> None:
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(NO_NEW_PRIVS)")


def die_with_parent(sig: int) -> None:
    """Have the kernel send this process `sig` when the thread that started it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0), "prctl(PDEATHSIG)")


def set_dumpable(yes: bool) -> None:
    """Say whether others of the same user may look into this process (ptrace, /proc/PID/mem)."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, int(yes), 0, 0, 0), "prctl(DUMPABLE)")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended, so that they can be found and killed."""
    _checked(_libc.prctl(_PR_SET_SUBREAPER, 1, 0, 0, 0), "prctl(SUBREAPER)")


def install_filter(program: bytes) -> None:
    """Install a seccomp filter (packed `struct sock_filter`s); needs `no_new_privileges`."""
    code = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0), "prctl(SECCOMP)")


def processor_seconds(pid: int) -> float:
    """Processor time of another process, all threads; 0 when it is gone (clock_getcpuclockid)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def landlock_abi() -> int:
    """The kernel's Landlock version. Raises OSError where there is none or it is switched off."""
    return _syscall(_LANDLOCK_CREATE, "landlock", None, ctypes.c_size_t(0), 1)


def landlock_ruleset(files: int, network: int, scoped: int) -> int:
    """A file descriptor for rules that forbid the given accesses wherever no rule allows them."""
    attributes = struct.pack("<QQQ", files, network, scoped)
    size = 24 if scoped else 16 if network else 8
    return _syscall(_LANDLOCK_CREATE, "landlock_create_ruleset", attributes, ctypes.c_size_t(size), 0)


def landlock_allow(ruleset: int, directory: int, files: int) -> None:
    """Allow `files` accesses beneath the open directory (or on the open file)."""
    _syscall(_LANDLOCK_ADD, "landlock_add_rule", ruleset, 1, struct.pack("<Qi", files, directory), 0)


def landlock_enforce(ruleset: int) -> None:
    _syscall(_LANDLOCK_RESTRICT, "landlock_restrict_self", ruleset, 0)


def raise_loopback() -> None:
    """Bring the interface `lo` of this network namespace up."""
    import fcntl
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh22x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS
