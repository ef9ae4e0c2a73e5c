"""Loads a student's tokenizer from a folder or a hub name (from the cache when offline), exactly as its files say.

`tokenizer.json` is loaded by the `tokenizers` package itself: transformers 5 rebuilds some tokenizers (Llama-2-style
ones, deepseek-coder's) so that other ids come out. Where transformers must build one, its ids are compared.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Fast

from fgit_cli import hub
from fgit_cli.errors import MissingExtra, UsageError

FILES = [
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
    "*.tiktoken",
]


@dataclass(frozen=True)
class Vocabulary:
    """What a tokenizer's folder says, besides how it encodes."""

    name: str
    special: dict[str, str]  # bos_token, eos_token, ... as text
    chat_template: str | None


def read(name: str) -> tuple[Fast, Vocabulary]:
    """The tokenizer of a folder or a hub name, and what stands beside it.

    Raises UsageError where there is none or only a slow one, MissingExtra where building it needs transformers.
    """
    folder = _folder(name)
    config = _read(folder / "tokenizer_config.json")
    special = {k: _content(v) for k, v in {**_read(folder / "special_tokens_map.json"), **config}.items()
               if k.endswith("_token") and _content(v)}  # fmt: skip
    for n, token in enumerate(config.get("additional_special_tokens") or []):
        special[f"additional_{n}"] = _content(token)
    if (folder / "tokenizer.json").exists():
        try:
            fast = Fast.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the package raises nothing narrower
            raise UsageError(f"tokenizer {name}: tokenizer.json cannot be loaded: {error}") from None
    else:
        fast = _built_by_transformers(name, folder)
    _complete(name, fast, config)
    return fast, Vocabulary(name, special, _chat_template(folder, config))


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is None:
        raise UsageError(f"--tokenizer {name}: no such folder, and no name on the hub")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # network, permission, spelling: the hub's classes differ by version
        raise hub.nowhere("--tokenizer", name, hub.reason(error)) from None


def _built_by_transformers(name: str, folder: Path) -> Fast:
    """A fast tokenizer from vocabulary files; what was built must hold the files' own ids."""
    if not (folder / "vocab.json").exists() or not (folder / "merges.txt").exists():
        what = (
            "only a slow tokenizer" if any(folder.glob("tokenizer.model")) or any(folder.glob("*.tiktoken")) else "none"
        )
        raise UsageError(
            f"tokenizer {name}: there is {what}; fgit needs a fast one: tokenizer.json, or vocab.json and merges.txt"
        )
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingExtra(f"tokenizer {name} (it has no tokenizer.json)", "train") from None
    built = AutoTokenizer.from_pretrained(str(folder))
    if not built.is_fast:
        raise UsageError(f"tokenizer {name}: transformers builds only a slow tokenizer; fgit needs a fast one")
    fast = built.backend_tokenizer
    vocabulary = fast.get_vocab()
    for token, token_id in _read(folder / "vocab.json").items():
        if vocabulary.get(token) != token_id:
            raise UsageError(
                f"tokenizer {name}: transformers gives {token!r} the id {vocabulary.get(token)}, vocab.json says "
                f"{token_id}; save it with the transformers version that made it"
            )
    return fast


def _complete(name: str, fast: Fast, config: dict[str, Any]) -> None:
    """Add the tokens that only tokenizer_config.json lists, at the ids it gives; refuse ids that contradict."""
    listed = config.get("added_tokens_decoder") or {}
    for key in sorted(listed, key=int):
        token, token_id = listed[key], int(key)
        if fast.token_to_id(token["content"]) is None and token_id == fast.get_vocab_size():
            flags = {k: bool(token.get(k)) for k in ("single_word", "lstrip", "rstrip", "normalized", "special")}
            made = AddedToken(token["content"], **flags)
            (fast.add_special_tokens if token.get("special") else fast.add_tokens)([made])
        if fast.token_to_id(token["content"]) != token_id:
            raise UsageError(
                f"tokenizer {name}: tokenizer_config.json gives {token['content']!r} the id {token_id}, the tokenizer "
                f"{fast.token_to_id(token['content'])}; mend the one that is wrong"
            )


def _chat_template(folder: Path, config: dict[str, Any]) -> str | None:
    """The chat template, from where transformers keeps it: its own file, or the configuration (a list has names)."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    template = config.get("chat_template") or _read(folder / "chat_template.json").get("chat_template")
    if isinstance(template, list):
        return next((t["template"] for t in template if t["name"] == "default"), None)
    return template


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from None


def _content(token: Any) -> str:
    """A token's text, which the files write plainly or as an object."""
    return token.get("content", "") if isinstance(token, dict) else token if isinstance(token, str) else ""
