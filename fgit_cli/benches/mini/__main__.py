"""Instruction records of the mini family, as JSONL, or a copy of its student.

python -m fgit_cli.benches.mini --split train --count 400
python -m fgit_cli.benches.mini --student FOLDER
"""

import argparse
import shutil
import sys

from fgit_cli.benches.mini import STUDENT
from fgit_cli.benches.mini.family import tasks
from fgit_cli.jsonl import dumps


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fgit_cli.benches.mini", description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=("train", "validation", "test"), default="train")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--student", metavar="FOLDER", help="copy the student into this folder, and nothing else")
    args = parser.parse_args()
    if args.student:
        shutil.copytree(STUDENT, args.student, dirs_exist_ok=True)
        return
    for task in tasks(args.split, args.count, args.seed):
        sys.stdout.buffer.write(dumps(task.record()))


if __name__ == "__main__":
    main()
