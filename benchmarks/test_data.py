"""Where the benchmarks' real data are: the folder named by FGIT_TEST_DATA, else `shared/data` beside the checkout."""

import os
import sys
from pathlib import Path

BESIDE = Path(__file__).parents[2] / "shared" / "data"


def folder(*parts: str) -> Path:
    """A path in the data. Ends the script with one line where the data are not there."""
    root = Path(os.environ.get("FGIT_TEST_DATA") or BESIDE)
    path = root.joinpath(*parts)
    if not path.exists():
        sys.exit(f"{path} is not there; name the folder of the test data by FGIT_TEST_DATA (see CONTRIBUTING.md)")
    return path
