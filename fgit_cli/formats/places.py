"""Where files are: on this machine, or behind an address that fsspec knows (s3://, gs://, memory://).

A function here takes a name as it was typed. `file://` is this machine.
"""

import errno
import glob as local_glob
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli import install
from fgit_cli.errors import InputError, UsageError, one_line

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://")
_WILD = re.compile(r"[*?\[]")
PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "ssh": "paramiko",
}


def local(name: str) -> str:
    """The name without `file://`."""
    return name.removeprefix("file://") if name.startswith("file:///") else name


def is_remote(name: str) -> bool:
    """Whether the name is an address, and no file of this machine."""
    return bool(_ADDRESS.match(name)) and not name.startswith("file:///")


def file_system(name: str) -> tuple[Any, str]:
    """The file system of an address and the path there. Raises UsageError for one that is not known here."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(name)
    except ImportError:
        scheme = name.partition("://")[0]
        advice = install.packages(PACKAGES[scheme]) if scheme in PACKAGES else "see fsspec's documentation"
        raise UsageError(f"{name}: {scheme}:// needs a package of fsspec's that is not installed; {advice}") from None
    except ValueError as error:
        raise UsageError(f"{name}: no address that fsspec knows ({error})") from None


def open_read(name: str) -> BinaryIO:
    """A file, open to be read. Raises InputError where there is none."""
    try:
        if not is_remote(name):
            return open(local(name), "rb")
        system, path = file_system(name)
        return system.open(path, "rb")
    except (UsageError, InputError):
        raise
    except FileNotFoundError:
        raise InputError("cannot be opened: No such file or directory", name) from None
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror or error or 'it is not there'}", name) from None
    except Exception as error:  # an address's own library has its own errors
        raise InputError(f"cannot be opened: {type(error).__name__}: {one_line(error, 200)}", name) from None


def open_new(name: str) -> Any:
    """A new file, open to be written, its folder made if need be; the file is its owner's alone where the folder is.

    A link that is there already is not followed. Raises OSError.
    """
    if is_remote(name):
        system, path = file_system(name)
        try:
            make_folder(name)
            return system.open(path, "wb")
        except Exception as error:
            raise as_os_error(error) from None
    path_ = Path(local(name))
    path_.parent.mkdir(parents=True, exist_ok=True)
    private = not path_.parent.stat().st_mode & 0o077
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        return open(os.open(path_, flags, 0o600 if private else 0o666), "wb", buffering=0)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, f"{path_.name} is a link, which is not followed; remove it") from None
        raise


def rename(old: str, new: str) -> None:
    """Give a whole file its name, at once where the file system can do that. Raises OSError."""
    if not is_remote(new):
        os.replace(local(old), local(new))
        return
    system, path = file_system(new)
    try:
        system.mv(file_system(old)[1], path)
    except Exception as error:
        raise as_os_error(error) from None


def size(name: str) -> int:
    """The bytes of a file; 0 for one behind an address that does not say, or in which no place can be gone to."""
    if not is_remote(name):
        return os.path.getsize(local(name))
    system, path = file_system(name)
    try:
        with system.open(path, "rb") as stream:
            return int(system.size(path) or 0) if stream.seekable() else 0
    except Exception:  # an address's own library has its own errors; who reads it meets them again
        return 0


def stem(name: str) -> str:
    """The last part of a name without the endings of its format and packing: `a` of `s3://box/a.jsonl.gz`."""
    return re.sub(r"(\.(jsonl|json|csv|tsv|parquet|arrow))?(\.(gz|zst|xz|bz2))?$", "", Path(name).name)


def join(folder: str, *parts: str) -> str:
    """The name of something in a folder, which may be an address."""
    return "/".join((folder.rstrip("/") or "/", *parts))


def make_folder(name: str) -> None:
    """Make the folder in which something of that name can be."""
    if is_remote(name):
        system, path = file_system(name)
        system.makedirs(system._parent(path), exist_ok=True)
    else:
        Path(local(name)).parent.mkdir(parents=True, exist_ok=True)


def absolute(name: str) -> str:
    """The name, which means the same from any working folder."""
    return name if is_remote(name) else os.path.abspath(local(name))


def remove(name: str) -> None:
    """Take a file or a folder with all that is in it away; one that is not there is no error."""
    try:
        if is_remote(name):
            system, path = file_system(name)
            if system.exists(path):
                system.rm(path, recursive=True)
        elif os.path.isdir(local(name)):
            shutil.rmtree(local(name), ignore_errors=True)
        else:
            os.unlink(local(name))
    except FileNotFoundError:
        pass


def stamp(name: str) -> list[Any]:
    """What changes when a file does, without reading it: size and time, or what its file system says.

    Raises InputError for a file that is not there.
    """
    if name.startswith("hf://"):
        return []
    if is_remote(name):
        system, path = file_system(name)
        return [str(system.ukey(path))]
    if is_folder(name):
        return [[p.name, *stamp(str(p))] for p in sorted(Path(local(name)).iterdir())]
    try:
        status = os.stat(local(name))
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", name) from None
    return [status.st_size, status.st_mtime_ns]


def exists(name: str) -> bool:
    """Whether there is a file or a folder of that name."""
    if not is_remote(name):
        return os.path.exists(local(name))
    system, path = file_system(name)
    return bool(system.exists(path))


def is_folder(name: str) -> bool:
    if not is_remote(name):
        return os.path.isdir(local(name))
    system, path = file_system(name)
    return bool(system.isdir(path))


def expanded(names: list[str]) -> list[str]:
    """The names, each pattern (`shards/*.jsonl.gz`) as the files that fit it, sorted.

    Raises InputError for a pattern that nothing fits.
    """
    found = []
    for name in names:
        if not _WILD.search(name) or name.startswith("hf://") or exists(name):
            found.append(name)
            continue
        if is_remote(name):
            system, path = file_system(name)
            fitting = [system.unstrip_protocol(one) for one in system.glob(path)]
        else:
            fitting = local_glob.glob(local(name), recursive=True)
        if not fitting:
            raise InputError("no file fits this pattern", name)
        found += sorted(fitting)
    return found


def identity(name: str) -> str:
    """What tells a file from another of its name: the hash of its content; behind an address what its system says.

    Raises InputError for a file that cannot be read.
    """
    if name.startswith("hf://"):
        return name
    if is_remote(name):
        system, path = file_system(name)
        try:
            return f"{name} {system.ukey(path)}"
        except Exception as error:
            raise InputError(f"cannot be opened: {one_line(error, 200)}", name) from None
    try:
        if not is_folder(name):
            return _digest(local(name))
        folder = Path(local(name))
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return hashlib.sha256("".join(f"{p.relative_to(folder)} {_digest(p)}\n" for p in files).encode()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", name) from None


def _digest(path: str | Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def as_os_error(error: Exception) -> OSError:
    """An error of an address's library as one of the file system."""
    if isinstance(error, OSError) and error.strerror:
        return error
    return OSError(errno.EIO, f"{type(error).__name__}: {one_line(error, 200)}")
