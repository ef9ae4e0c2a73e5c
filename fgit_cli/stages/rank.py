"""A rank of a training run: `python -m fgit_cli.stages.rank JOB`, started by training/launch.py."""

import sys
from pathlib import Path

from fgit_cli.stages.examine import examiner
from fgit_cli.training import rank

if __name__ == "__main__":
    sys.exit(rank.main(Path(sys.argv[1]), examiner))
