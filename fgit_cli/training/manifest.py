"""A list of a folder's files with their sizes and checksums, by which damage is known: `files.json`.

The checksum is XXH3-64, which takes a few hundredths of the time that writing takes. Ranks share the reading.
"""

import json
import mmap
import os
from pathlib import Path
from typing import Any

from fgit_cli.training.on_main import on_main

NAME = "files.json"
Files = dict[str, list[Any]]  # path inside the folder: size in bytes, checksum


def checksum(file: Path) -> str:
    """XXH3-64 of the file's bytes, in hex."""
    from xxhash import xxh3_64_hexdigest

    with open(file, "rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            return str(xxh3_64_hexdigest(b""))
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return str(xxh3_64_hexdigest(content))


def described(folder: Path, files: list[str]) -> Files:
    """Sizes and checksums of files in `folder`; those that are not there are left out."""
    found: Files = {}
    for name in files:
        try:
            found[name] = [(folder / name).stat().st_size, checksum(folder / name)]
        except OSError:
            continue
    return found


def seal(folder: Path, accelerator: Any = None) -> None:
    """Write the list of all files in `folder`, as its last file; called by every rank."""
    files = _shared(folder, _names(folder), accelerator)
    if accelerator is None or accelerator.is_main_process:
        text = json.dumps({"files": files, "checksum": _own(files)}, indent=1)
        (folder / NAME).write_text(text, encoding="utf-8")


def missing(folder: Path, files: Files | None = None) -> str | None:
    """What its list (or `files`) has and the folder has not, as a phrase: a file, or a part of one; None if nothing."""
    try:
        wanted = read(folder) if files is None else files
    except (OSError, ValueError, KeyError, TypeError):
        return f"its {NAME} is missing or damaged"
    for name, (size, _) in wanted.items():
        try:
            found = (folder / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if found != size:
            return f"{name} has {found:,} bytes of {size:,}"
    return None


def altered(folder: Path, files: Files | None = None, accelerator: Any = None) -> str | None:
    """Which files of a folder without anything `missing` are not what was written, as a phrase; None if none.

    Called by every rank.
    """
    wanted = read(folder) if files is None else files
    now = _shared(folder, list(wanted), accelerator)
    wrong = sorted(name for name in wanted if now.get(name) != wanted[name])
    return f"{', '.join(wrong[:3])} not as written" if wrong else None


def read(folder: Path) -> Files:
    """The list that `seal` wrote. Raises OSError, ValueError, KeyError or TypeError where it is none."""
    told = json.loads((folder / NAME).read_text(encoding="utf-8"))
    files: Files = told["files"]
    if told["checksum"] != _own(files):
        raise ValueError(NAME)
    return files


def _own(files: Files) -> str:
    from xxhash import xxh3_64_hexdigest

    return str(xxh3_64_hexdigest(json.dumps(files, sort_keys=True).encode()))


def _names(folder: Path) -> list[str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != NAME)
    return [str(p.relative_to(folder)) for p in files]


def _shared(folder: Path, names: list[str], accelerator: Any) -> Files:
    """`described`, the largest files first, each rank its share; what a rank does not see the main process reads."""
    if accelerator is None or accelerator.num_processes == 1:
        return described(folder, names)
    from accelerate.utils import gather_object

    names = on_main(accelerator, lambda: sorted(names, key=lambda n: -_size(folder / n)))
    mine = described(folder, names[accelerator.process_index :: accelerator.num_processes])
    found: Files = {}
    for part in gather_object([mine]):
        found |= part
    return on_main(accelerator, lambda: found | described(folder, [n for n in names if n not in found]))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
