"""Makes one site of README.md, docs/ and other pages of the repository: hooks of mkdocs, named by mkdocs.yml.

On the site README.md is the first page, and the pages of `BESIDE` keep their names. Links are written for a reader of
the repository; here they are made to lead to the same pages of the site. A link to a file that the site has not loses
its target and keeps its words; a link to nothing is a warning, which `--strict` makes an error.
"""

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from fgit_cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
BESIDE = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "lab/RESULTS.md", "lab/LOG.md")
_GROUP = re.compile(r"^\| (?P<group>\w+) \| (?P<names>`\w+`(?:, `\w+`)*) \|$", re.M)  # a row of library.md's reference
_LINK = re.compile(r"(?P<words>!?\[[^\]\n]*\])\((?P<target>(?!\w+:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```)", re.S | re.M)
log = logging.getLogger("mkdocs.hooks")


def on_config(config: Any) -> Any:
    """Name the commands' pages in the navigation, and behind the reference pages that it does not name."""
    sections = {title: inside for entry in config.nav for title, inside in entry.items()}
    sections["Commands"].extend(f"commands/{name}.md" for name in COMMANDS)
    named = {page for inside in sections.values() for page in pages_of(inside)}
    others = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name not in named)
    sections["Reference"].extend(others)
    return config


def pages_of(inside: Any) -> list[str]:
    """The pages under an entry of the navigation."""
    if isinstance(inside, str):
        return [inside]
    return [page for entry in inside for page in pages_of(entry if isinstance(entry, str) else [*entry.values()])]


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that do not lie in docs/, and the reference that is made from the source."""
    files.append(File.generated(config, "index.md", abs_src_path=str(ROOT / "README.md")))
    for name in BESIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, "api.md", content=api_page()))
    return files


def api_page() -> str:
    """The reference of fgit_cli.api, in the groups of library.md."""
    alone = ("members", "show_root_heading", "show_root_toc_entry")  # of the module: what it says, and no more
    options = "".join(f"\n      {name}: false" for name in alone)
    parts = ["# fgit_cli.api", f"::: fgit_cli.api\n    options:{options}"]
    for row in _GROUP.finditer((ROOT / "docs" / "library.md").read_text(encoding="utf-8")):
        parts.append(f"## {row['group'].capitalize()}")
        parts += [f"::: fgit_cli.api.{name}" for name in re.findall(r"\w+", row["names"])]
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The page's text with links that lead to pages of the site."""
    here = repository_path(page.file.src_uri)

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), match["target"]))
        if not (ROOT / target).exists():
            log.warning(f"{here}: a link leads to {target}, which is not there")
        there = site_path(target)
        if files.get_file_from_path(there) is None:
            return match["words"].removeprefix("!")[1:-1]
        relative = posixpath.relpath(there, posixpath.dirname(page.file.src_uri) or ".")
        return f"{match['words']}({relative}{match['anchor'] or ''})"

    parts = _CODE.split(markdown)  # fenced code, at the odd places, holds no links
    return "".join(part if i % 2 else _LINK.sub(link, part) for i, part in enumerate(parts))


def repository_path(name: str) -> str:
    """Where the page of the site comes from, from the repository's root."""
    if name == "index.md":
        return "README.md"
    return name if name in BESIDE else f"docs/{name}"


def site_path(path: str) -> str:
    """The page of the site that a file of the repository is."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")
