"""A finished model on the hub: the repository is made before the first step, the folder goes up after the last.

One process speaks to the hub, and uploads when no rank waits for it any more: an upload takes longer than they wait.
"""

from pathlib import Path
from typing import Any

from fgit_cli.errors import EngineError, UsageError, one_line
from fgit_cli.training.options import Options
from fgit_cli.training.runlog import say

KEPT_HERE = ["checkpoint-*", "checkpoint-*/**", ".job-*", ".job-*/**"]


def check_options(options: Options) -> None:
    """Raises UsageError for options of --push-to-hub without it."""
    if not options.push_to_hub and (options.hub_model_id or options.hub_private_repo):
        raise UsageError("--hub-model-id and --hub-private-repo are for --push-to-hub")


def reserve(options: Options) -> None:
    """Make the repository where there is none yet. Raises UsageError where the hub knows no account or refuses it."""
    if not options.push_to_hub:
        return
    try:
        repository(options)
    except Exception as error:  # network, token, name: the hub's classes differ by version
        cure = "unset that" if _offline(error) else "log in with: hf auth login (or set HF_TOKEN)"
        raise UsageError(f"--push-to-hub: {_reason(error)}; {cure}, or train without it") from None


def push(options: Options) -> None:
    """Upload the output folder. Raises EngineError with the line that does it by hand: the model itself is finished."""
    if not options.push_to_hub:
        return
    folder = Path(options.output_dir)
    name = options.hub_model_id or folder.resolve().name
    try:
        name = repository(options)
        done = _hub().upload_folder(
            repo_id=name, folder_path=folder, ignore_patterns=KEPT_HERE, commit_message="Model tuned with fgit"
        )
    except Exception as error:
        raise EngineError(
            f"--push-to-hub: {_reason(error)}; the model is whole in {folder}, upload it with: "
            f"hf upload {name} {folder} --exclude 'checkpoint-*'"
        ) from None
    if not options.quiet:
        say(f"uploaded to {getattr(done, 'commit_url', name)}")


def repository(options: Options) -> str:
    """The repository's full name; it is made if it is not there."""
    name = options.hub_model_id or Path(options.output_dir).resolve().name
    return str(_hub().create_repo(name, private=options.hub_private_repo or None, exist_ok=True).repo_id)


def _hub() -> Any:
    from huggingface_hub import HfApi

    return HfApi(library_name="fgit")


def _offline(error: Exception) -> bool:
    return type(error).__name__ == "OfflineModeIsEnabled"


def _reason(error: Exception) -> str:
    if _offline(error):
        return "the hub is switched off: HF_HUB_OFFLINE is set"
    return f"the hub: {type(error).__name__}: {one_line(error, 200).rstrip('.')}"
