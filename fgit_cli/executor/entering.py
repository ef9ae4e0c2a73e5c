"""Shuts a fresh interpreter in, by level, before it becomes the zygote."""

import os
import signal
import stat
import sys

from fgit_cli.executor import linux, rootfs, seccomp
from fgit_cli.executor.confine import PID, Box, high

_OOM_SCORE = "600"  # of -1000 to 1000

# Landlock's accesses (linux/landlock.h), by the version that brought them.
_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
_READ = _READ_FILE | 1 << 3  # and list directories
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK = 0b11  # TCP bind and connect, from 4
_SCOPED = 0b11  # abstract unix sockets and signals, from 6
_READABLE = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/localtime",
             "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")  # fmt: skip
_WRITABLE = ("/dev/null",)


def enter(level: str, profile: str, user: int | None) -> Box:
    """Shut this process in at the level; the returned box's process may be a child of the one that called.

    `user`: the unprivileged user to become, where this is root. Raises OSError where the level is not to be had.
    """
    box = Box(level, profile)
    if sys.platform == "linux":
        _be_first_to_go()
    if level in ("namespaces", "landlock+seccomp"):
        pid = int.from_bytes(PID, sys.byteorder)
        pure = seccomp.pure_filter(linux.MACHINE, pid, private_files=box.namespaces)
        box.filter = pure if profile == "pure" else seccomp.open_filter(linux.MACHINE)
    if level == "namespaces":
        _enter_namespaces(box, user)
    elif level == "landlock+seccomp":
        _enter_landlock(box, user)
    elif sys.platform == "linux":
        linux.adopt_orphans()
        box.proc = high(os.open("/proc", os.O_RDONLY | os.O_DIRECTORY))
        if user is not None and level == "container":
            _become(user, box)
    return box


def _be_first_to_go() -> None:
    """Have the kernel end this process or its children first when the machine runs out of memory, not the user's."""
    try:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write(_OOM_SCORE)
    except OSError:
        pass  # a /proc that cannot be written is no reason to run nothing


def _switch(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _enter_namespaces(box: Box, user: int | None) -> None:
    if user is not None:  # as root: show the interpreter, wherever it lies, then leave root for good
        linux.unshare(linux.NEWNS)
        box.aside = rootfs.build_and_enter(user)
        _switch(user)
    linux.set_dumpable(True)  # for the maps below
    me, group = os.getuid(), os.getgid()
    linux.unshare(linux.NEWUSER | linux.NEWNS | linux.NEWPID | linux.NEWNET | linux.NEWIPC | linux.NEWUTS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{me} {me} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as f:
            f.write(text)
    if user is None:
        box.aside = rootfs.build_and_enter(me)
    _continue_as_first_process()
    linux.set_dumpable(False)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    box.proc = high(os.open("/proc", os.O_RDONLY | os.O_DIRECTORY))
    box.pid_namespace = high(os.open("/proc/self/ns/pid", os.O_RDONLY))
    if box.profile == "pure":
        linux.mount("tmpfs", "/proc", "tmpfs", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV, "size=4k,mode=555")
    else:
        linux.raise_loopback()


def _continue_as_first_process() -> None:
    """Fork; the child, the first process of the new PID namespace, returns; this one waits and ends as it does."""
    child = os.fork()
    if child:
        os.closerange(3, 4096)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    linux.die_with_parent(signal.SIGKILL)


def _enter_landlock(box: Box, user: int | None) -> None:
    abi = linux.landlock_abi()
    folders = [os.open(p, os.O_PATH) for p in (*rootfs.interpreter_folders(), *_READABLE) if os.path.exists(p)]
    writable = [os.open(p, os.O_PATH) for p in _WRITABLE]
    if user is not None:
        _become(user, box)
    linux.set_dumpable(False)
    files = _FILES[max(v for v in _FILES if v <= abi)]
    box.ruleset = high(linux.landlock_ruleset(files, _NETWORK if abi >= 4 else 0, _SCOPED if abi >= 6 else 0))
    for fd in folders:
        linux.landlock_allow(box.ruleset, fd, _READ if stat.S_ISDIR(os.fstat(fd).st_mode) else _READ_FILE)
    for fd in writable:
        linux.landlock_allow(box.ruleset, fd, _WRITE_FILE | _READ_FILE)
    for fd in [*folders, *writable]:
        os.close(fd)
    box.proc = high(os.open("/proc", os.O_RDONLY | os.O_DIRECTORY))


def _become(user: int, box: Box) -> None:
    """Leave root. Import folders that the user cannot reach (under /root, say) stay open and are read through that."""
    opened = {p: high(os.open(p, os.O_PATH | os.O_DIRECTORY)) for p in sys.path if os.path.isdir(p)}
    _switch(user)
    box.own_user = True
    for path, fd in opened.items():
        if os.access(path, os.R_OK | os.X_OK):
            os.close(fd)
            continue
        box.kept.append(fd)
        there = f"/proc/self/fd/{fd}"
        sys.path[:] = [there if p == path else p for p in sys.path]
        for module in list(sys.modules.values()):
            folders = getattr(module, "__path__", None)
            if isinstance(folders, list):
                folders[:] = [there + p[len(path) :] if p.startswith(path + "/") else p for p in folders]
    sys.path_importer_cache.clear()
