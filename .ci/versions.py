"""Print, as pip's constraints, versions of the packages that pyproject.toml names for users.

python .ci/versions.py lowest [--torch VERSION]   what the ranges begin at; VERSION where that torch cannot be had
python .ci/versions.py tested --without NAME      what constraints.txt says, but for NAME
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("train", "select", "mutate", "eval", "data", "ray", "report", "plots")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lowest() -> dict[str, str]:
    """The lower bound of each package of the core and of EXTRAS."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(r for extra in EXTRAS for r in project["optional-dependencies"][extra])]
    return {normal(name): version for name, version in (re.match(r"([\w.-]+)>=([\w.]+)", r).groups() for r in asked)}


def tested() -> dict[str, str]:
    """The same packages at the versions of constraints.txt."""
    lines = [line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    return {normal(name): version for name, version in lines if normal(name) in lowest()}


def main() -> None:
    versions = {"lowest": lowest, "tested": tested}[sys.argv[1]]()
    if "--torch" in sys.argv:
        versions["torch"] = sys.argv[sys.argv.index("--torch") + 1]
    if "--without" in sys.argv:
        del versions[sys.argv[sys.argv.index("--without") + 1]]
    print(*(f"{name}=={version}" for name, version in sorted(versions.items())), sep="\n")


if __name__ == "__main__":
    main()
