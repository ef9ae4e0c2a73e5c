"""Builds the file system inside the box: the interpreter and the system's libraries, read-only; nothing of the user's.

It is built on a tmpfs with bind mounts and entered with pivot_root; the host's tree is detached.
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
_LIKE_TMP = ("/var/tmp", "/dev/shm")  # links to /tmp inside
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
    folders = _with_what_they_link_to(interpreter_folders())  # now, for absolute links lead astray in the new tree
    base = next(p for p in _PLACES if os.path.isdir(p))
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SLAVE)
    linux.mount("tmpfs", base, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=4m")
    os.mkdir(f"{base}/new")
    os.mkdir(f"{base}{_OLD}")
    linux.pivot_root(base, f"{base}{_OLD}")
    os.chdir("/")
    linux.mount("tmpfs", "/new", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=4m")
    for folder, real in folders.items():
        _bind(_OLD + real, f"/new{inside(folder)}", _LIBRARY)
    for name in _SYSTEM:
        if os.path.islink(_OLD + name):
            os.symlink(os.readlink(_OLD + name), f"/new{name}")
        elif os.path.isdir(_OLD + name):
            _show(name)
    _write_etc(user)
    for name in _DEVICES:
        _bind(f"{_OLD}/dev/{name}", f"/new/dev/{name}", linux.ATTR_NOSUID)
    os.symlink("/proc/self/fd", "/new/dev/fd")
    aside = _put_aside({f: real for f, real in folders.items() if _below(inside(f), "/tmp")})
    os.makedirs("/new/tmp", exist_ok=True)
    for name in _LIKE_TMP:
        os.makedirs(f"/new{os.path.dirname(name)}", exist_ok=True)
        os.symlink("/tmp", f"/new{name}")
    os.mkdir("/new/proc")
    linux.mount(f"{_OLD}/proc", "/new/proc", flags=linux.MS_BIND | linux.MS_REC)
    linux.restrict_mount("/new", linux.ATTR_RDONLY | linux.ATTR_NOSUID, recursive=False)
    os.chdir("/new")
    linux.pivot_root(".", ".")
    linux.umount(".")
    os.chdir("/")
    return aside


def _with_what_they_link_to(folders: list[str]) -> dict[str, str]:
    """Each folder, and each that it really is, with the real one's path."""
    real = {folder: os.path.realpath(folder) for folder in folders}
    return real | {path: path for path in real.values() if not any(_below(path, f) for f in _SYSTEM)}


def inside(folder: str) -> str:
    """Where a folder lies in the new tree: what is below a link to /tmp is below /tmp."""
    for name in _LIKE_TMP:
        if _below(folder, name):
            return "/tmp" + folder[len(name) :]
    return folder


def _put_aside(folders: dict[str, str]) -> list[tuple[str, str]]:
    """Show the folders a second time, for the first place will be covered."""
    pairs = []
    for number, (folder, real) in enumerate(folders.items()):
        place = f"/aside/{number}"
        _bind(_OLD + real, f"/new{place}", _LIBRARY)
        pairs.append((place, inside(folder)))
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
