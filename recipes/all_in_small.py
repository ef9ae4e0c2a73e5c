"""Every recipe on the mini student, one after the other in one process (`make recipes`); stopped, it goes on.

python -m recipes.all_in_small [FOLDER]
"""

import importlib
import sys
import time
from pathlib import Path

from recipes.runner import Place, execute

FOLDER = Path(__file__).parent


def main() -> None:
    place = Place(Path(sys.argv[1] if len(sys.argv) > 1 else "recipes-work") / "smoke", smoke=True)
    began = time.monotonic()
    names = sorted(path.stem for path in FOLDER.glob("[a-z]*_*.py") if path.stem != Path(__file__).stem)
    for name in names:
        print(f"\n# {name}", flush=True)
        execute(importlib.import_module(f"recipes.{name}").RECIPE, place)
    print(f"\n{len(names)} recipes in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
