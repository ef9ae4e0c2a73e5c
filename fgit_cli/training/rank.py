"""What a rank does; stages/rank.py is the program that launch.py and `accelerate launch` start.

Reads the job folder, trains, and leaves what went wrong in `failure.json` there.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli.errors import INTERRUPTED, FgitError
from fgit_cli.training.launch import RECORDS, die_with_parent, read_options


def main(job: Path, examiner: Callable[[Any, Path], Any]) -> int:
    """The rank's exit status. `examiner` makes of options and job what asks the model in training (loop.Examiner)."""
    die_with_parent()
    options = read_options(job)
    try:
        from fgit_cli.training import libraries, loop, machines

        libraries.hush()
        in_file = os.environ.get(RECORDS) == "file"
        records = open(job / "records", "ab", buffering=0) if in_file else sys.stderr.buffer
        plan = machines.Plan(**json.loads((job / "plan.json").read_text(encoding="utf-8")))
        accelerator = machines.start(options, plan)
        loop.train(options, accelerator, job, records, examiner=examiner(options, job))
        accelerator.end_training()  # closes the trackers, takes the process group down
    except FgitError as error:
        partial = job / f"failure.{os.getpid()}"
        partial.write_text(json.dumps({"exit_code": error.exit_code, "message": str(error)}), encoding="utf-8")
        os.replace(partial, job / "failure.json")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@contextlib.contextmanager
def own_stdout() -> Iterator[BinaryIO]:
    """The real stdout, unbuffered; meanwhile descriptor 1, and so every print of any library, is stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "wb", buffering=0) as stream:
            yield stream
    finally:
        os.dup2(kept, 1)
        os.close(kept)
