"""The file system inside the box: the interpreter, the system's libraries, read-only; nothing of the user's.

Built on a tmpfs with bind mounts, then entered with pivot_root; the host's tree is detached.
"""

import os
import sys
from pathlib import Path

from fgit_cli.executor import linux

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "mime.types", "services", "protocols",
    "alternatives", "fonts", "ssl/certs", "magic",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PLACES = ("/tmp", "/var/tmp", "/mnt", "/run")  # one must exist, to mount the new tree on
_OLD = "/old"
_LIBRARY = linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV


def interpreter_folders() -> list[str]:
    """The folders that this Python needs to import what it can import now (its own and its environment's)."""
    named = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *_library_folders()]
    found: list[str] = []
    for name in sorted({os.path.normpath(p) for p in named}):
        if name != "/" and os.path.isdir(name) and not any(_below(name, f) for f in [*found, *_SYSTEM]):
            found.append(name)
    return found


def _library_folders() -> list[str]:
    return [p for p in sys.path if p.endswith(("site-packages", "dist-packages", "lib-dynload"))]


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def build_and_enter(user: int) -> list[tuple[str, str]]:
    """Build the tree and make it this process's root; needs CAP_SYS_ADMIN over a mount namespace of its own.

    Raises OSError where a step is not permitted. /tmp and /proc are directories to be mounted on. Returns, for an
    interpreter that lies below /tmp, where else it can be seen: pairs (there, its own place).
    """
    folders = interpreter_folders()
    base = next(p for p in _PLACES if os.path.isdir(p))
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SLAVE)
    linux.mount("tmpfs", base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=4m")
    os.mkdir(f"{base}/new")
    os.mkdir(f"{base}{_OLD}")
    linux.pivot_root(base, f"{base}{_OLD}")
    os.chdir("/")
    linux.mount("tmpfs", "/new", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=4m")
    for folder in folders:
        _show(folder)
        if os.path.realpath(_OLD + folder) != _OLD + folder:
            _show(os.path.realpath(_OLD + folder).removeprefix(_OLD))
    for name in _SYSTEM:
        if os.path.islink(_OLD + name):
            os.symlink(os.readlink(_OLD + name), f"/new{name}")
        elif os.path.isdir(_OLD + name):
            _show(name)
    _write_etc(user)
    for name in _DEVICES:
        _bind(f"{_OLD}/dev/{name}", f"/new/dev/{name}", linux.ATTR_NOSUID)
    os.symlink("/tmp", "/new/dev/shm")
    os.symlink("/proc/self/fd", "/new/dev/fd")
    aside = _put_aside([f for f in folders if _below(f, "/tmp")])
    os.makedirs("/new/tmp", exist_ok=True)
    os.mkdir("/new/var")
    os.symlink("/tmp", "/new/var/tmp")
    os.mkdir("/new/proc")
    linux.mount(f"{_OLD}/proc", "/new/proc", flags=linux.MS_BIND | linux.MS_REC)
    linux.restrict_mount("/new", linux.ATTR_RDONLY | linux.ATTR_NOSUID, recursive=False)
    os.chdir("/new")
    linux.pivot_root(".", ".")
    linux.umount(".")
    os.chdir("/")
    return aside


def _put_aside(folders: list[str]) -> list[tuple[str, str]]:
    """Show the folders a second time, for the first place will be covered."""
    pairs = []
    for number, folder in enumerate(folders):
        place = f"/aside/{number}"
        _bind(os.path.realpath(_OLD + folder), f"/new{place}", _LIBRARY)
        pairs.append((place, folder))
    return pairs


def _show(folder: str) -> None:
    _bind(os.path.realpath(_OLD + folder), f"/new{folder}", _LIBRARY)


def _bind(source: str, target: str, attributes: int) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    linux.mount(source, target, flags=linux.MS_BIND | linux.MS_REC)
    linux.restrict_mount(target, attributes)


def _write_etc(user: int) -> None:
    os.makedirs("/new/etc", exist_ok=True)
    for name in _ETC:
        if os.path.exists(f"{_OLD}/etc/{name}"):
            _show(f"/etc/{name}")
    Path("/new/etc/passwd").write_text(f"sample:x:{user}:{user}:sample:/tmp:/bin/sh\n")
    Path("/new/etc/group").write_text(f"sample:x:{user}:\n")
    Path("/new/etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    Path("/new/etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
