"""A model by its name: a folder, or a name on the hub. Whether there is one is asked before it is loaded.

transformers, asked for a name that is nowhere, or while the hub cannot be reached, tries again for a minute.
"""

import functools
import re
from pathlib import Path

from fgit_cli.errors import UsageError, one_line

NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
# Classes of huggingface_hub, and of the network libraries below it, by name: their modules differ by version.
REASONS = (
    (("GatedRepoError",), "its terms must be accepted on the hub, and you must be logged in: hf auth login"),
    (("RevisionNotFoundError",), "the hub has no such revision"),
    (("RepositoryNotFoundError",), "the hub knows no such name, or it is private: hf auth login"),
    (("ConnectionError", "ConnectError", "Timeout", "TimeoutException", "NetworkError"), "the hub cannot be reached"),
    (("LocalEntryNotFoundError",), "the hub cannot be reached"),
)
SECONDS = 20.0  # for the hub's answer; then what is in its cache has to do


def cached_only(name: str, revision: str | None = None) -> bool:
    """Whether the model has to be loaded from the hub's cache, because the hub itself cannot be asked.

    Raises UsageError for a name that is neither a folder nor on the hub or in its cache.
    """
    if Path(name).is_dir():
        return False
    if NAME.fullmatch(name) is None:
        raise UsageError(f"--model {name}: no such folder, and no name on the hub")
    return _hub_is_away(name, revision)


@functools.cache  # configuration and weights of a model are loaded one after the other
def _hub_is_away(name: str, revision: str | None) -> bool:
    from huggingface_hub import model_info, snapshot_download

    try:
        model_info(name, revision=revision, timeout=SECONDS)
        return False
    except Exception as error:  # network, permission, spelling: the hub's classes differ by version
        why = reason(error)
    try:
        snapshot_download(name, revision=revision, local_files_only=True)
        return True
    except Exception:
        raise nowhere("--model", name, why) from None


def commit(name: str, revision: str | None = None) -> str | None:
    """The commit from which the hub's cache holds the model, once it was loaded; None for a folder."""
    from huggingface_hub import try_to_load_from_cache

    if Path(name).is_dir():
        return None
    found = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def nowhere(flag: str, name: str, why: str) -> UsageError:
    """The error for a name that is no folder and that neither hub nor cache has; the cure comes before the reason."""
    return UsageError(
        f"{flag} {name}: no such folder, and not in the hub's cache; give a folder, or fetch it with: "
        f"hf download {name} ({why})"
    )


def reason(error: BaseException) -> str:
    """Why the hub did not give something, in a few words; a library's own words only where there is no better."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off: HF_HUB_OFFLINE is set"
    kinds: set[str] = set()
    chain: BaseException | None = error
    while chain is not None:
        kinds |= {kind.__name__ for kind in type(chain).__mro__}
        chain = chain.__cause__ or chain.__context__
    for named, words in REASONS:
        if kinds & set(named):
            return words
    said = one_line(error)
    return f"{type(error).__name__}: {said[:80]}{'…' if len(said) > 80 else ''}"
