"""Print, as pip's constraints, the lowest version that pyproject.toml allows of each package that users install.

`--torch VERSION` stands for torch where its lowest cannot be had.
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("train", "select", "mutate", "eval", "report", "plots")


def main() -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    lowest = {}
    for requirement in [*project["dependencies"], *(r for extra in EXTRAS for r in optional[extra])]:
        name, version = re.match(r"([\w.-]+)>=([\w.]+)", requirement).groups()
        lowest[name] = version
    if "--torch" in sys.argv:
        lowest["torch"] = sys.argv[sys.argv.index("--torch") + 1]
    print(*(f"{name}=={version}" for name, version in sorted(lowest.items())), sep="\n")


if __name__ == "__main__":
    main()
