"""What an earlier run left in the output folder: it is done, it is gone on with, or it is in the way."""

import json
from pathlib import Path
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.options import resolved
from fgit_cli.training import checkpoints, manifest, runlog
from fgit_cli.training.options import Options


def finished(options: Options) -> bool:
    """Settle what an earlier run left in the output folder; True where it is done and `--resume` has nothing to do."""
    folder = Path(options.output_dir)
    if options.overwrite_output_dir:
        checkpoints.remove_run(folder)
        return False
    done, begun = (folder / "run.json").exists(), next(iter(checkpoints.steps_first(folder)), None)
    if options.resume and done:
        made, damage = _as_finished(folder)
        if made:
            checkpoints.check_same(f"--resume: {folder} holds a run", made["options"], resolved(options))
        if not damage:
            runlog.say(f"{folder} holds the finished run; nothing to do")
            return True
        runlog.say(f"{folder} holds a finished run that is damaged ({damage}); its last steps are done again")
    if (done or begun) and not options.resume:
        what = "a finished run" if done else f"an unfinished run ({begun})"
        more = "" if done else "--resume goes on with it, "
        raise UsageError(
            f"--output-dir {folder} holds {what}; {more}--overwrite-output-dir starts anew, or choose another"
        )
    return False


def _as_finished(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """The record of the finished run, None where it cannot be read; and what is wrong with it or with its model."""
    try:
        made: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        files, _ = made["files"], made["options"]
        return made, manifest.missing(folder, files) or manifest.altered(folder, files)
    except (OSError, ValueError, KeyError, TypeError):
        return None, "run.json cannot be read"
