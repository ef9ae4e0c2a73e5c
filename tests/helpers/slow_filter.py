"""A filter that waits, once, at the record that says so, until somebody kills its process: for tests of a cluster."""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from fgit_cli.commands.select import Options
from fgit_cli.errors import FgitError
from fgit_cli.stages.cluster.driver import run_pieces
from fgit_cli.stages.filter import Filter
from fgit_cli.stages.run import conclude


@contextmanager
def opened(options):
    opening = ["opened"]  # counted with the first piece that this process does

    def stage(records, tally):
        if opening:
            tally.count(opening.pop())
        if options.ray_gpus:
            tally.count(f"pieces on GPU {os.environ['CUDA_VISIBLE_DEVICES']}")
        for record in records:
            mark = Path(record["mark"]) if "mark" in record else None
            if mark and not mark.exists():
                mark.write_text(str(os.getpid()))
                time.sleep(300)  # until the test kills this worker; the next one finds the mark and goes on
            time.sleep(record.get("seconds", 0))  # so that a run lasts until the test kills or interrupts it
            tally.count("seen")
            yield record

    yield Filter(lambda record: record, stage)


def main(ray, output, *files):
    on_gpus = "--ray-gpus" in files
    names = [name for name in files if name != "--ray-gpus"]
    tally = run_pieces("select", Options(ray=ray, output=output, files=names, ray_gpus=on_gpus), opened)
    conclude(tally)


if __name__ == "__main__":
    from tests.helpers import slow_filter  # under its name, by which the workers import it

    try:
        slow_filter.main(*sys.argv[1:])
    except FgitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
