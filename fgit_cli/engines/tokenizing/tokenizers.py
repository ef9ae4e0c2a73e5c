"""Encodes text with the student's tokenizer, prompt and response apart, and knows each token's characters."""

import hashlib
import json
import re
from bisect import bisect_left
from functools import cached_property
from typing import Any, NamedTuple

from tokenizers import AddedToken
from tokenizers import Tokenizer as Fast

from fgit_cli.core.align import (
    Kind,
    Spans,
    TokenBytes,
    Unaligned,
    spans_by_bytes,
    spans_by_normalising,
    spans_by_offsets,
)
from fgit_cli.core.reuse import sure_places, window
from fgit_cli.engines.tokenizing.tokenizer_files import Vocabulary, read
from fgit_cli.errors import UsageError

_CONTROL = re.compile(r"<[|｜].*[|｜]>|</?s>|<(pad|unk|bos|eos|mask|cls|sep)>|\[(PAD|UNK|BOS|EOS|MASK|CLS|SEP)\]", re.S)


class Encoded(NamedTuple):
    """The ids of a response, and the characters of each; None where those are not all accounted for."""

    ids: list[int]
    spans: Spans | None


class ChangedPart(NamedTuple):
    """What of a response is to be encoded; the ids before and from `after` on are those of the correct response."""

    text: str
    before: int
    after: int


class Tokenizer:
    """A fast tokenizer that encodes prompt and response apart, and data as text.

    `sha256` is of the loaded tokenizer's `to_str()` without padding and truncation. `controls` maps the texts of
    the tokens that steer a model (special by flag, by the configuration's word, or by their look) to id and token: a
    template alone produces them, never data.
    """

    def __init__(self, loaded: Fast, vocabulary: Vocabulary) -> None:
        loaded.no_padding()
        loaded.no_truncation()
        self._vocabulary = vocabulary
        self.name, self.special, self.chat_template = vocabulary.name, vocabulary.special, vocabulary.chat_template
        self.serialised = loaded.to_str()
        self.sha256 = hashlib.sha256(self.serialised.encode()).hexdigest()
        added = loaded.get_added_tokens_decoder()
        named = set(self.special.values())
        self.controls = {t.content: (i, t) for i, t in added.items() if _is_control(t, named)}
        self._control_ids = frozenset(i for i, _ in self.controls.values())
        self.prefix_ids = _prefix_ids(loaded)
        self._make_encoders(loaded)
        self.bytes = TokenBytes(
            _kind(json.loads(self.serialised)), self._whole.id_to_token, {i: t.content for i, t in added.items()}
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy for another process, without the files."""
        return _again, (self.serialised, self._vocabulary)

    @property
    def named_tokens(self) -> dict[str, str]:
        """The texts of `eos_token`, `bos_token` and the like, by these names."""
        return {name: text for name, text in self.special.items() if name.endswith("_token")}

    def control(self, token_id: int) -> str:
        """The text of a control token."""
        return next(text for text, (found, _) in self.controls.items() if found == token_id)

    def fast(self) -> Fast:
        """A copy as the `tokenizers` package loaded it: control tokens in a text are read as such."""
        return Fast.from_str(self.serialised)

    def _make_encoders(self, loaded: Fast) -> None:
        """One encoder for the start of a text, one for what follows a special token, one that puts nothing before."""
        self._whole = self._as_text(loaded)
        state = json.loads(self.serialised)
        bare, first_only = _without_prefix(state)
        self._bare = self._as_text(Fast.from_str(json.dumps(state))) if bare else self._whole
        self._later = self._bare if first_only else self._whole
        self._places = sure_places(state, _components(state.get("pre_tokenizer")))
        self._normalise = self._bare.normalizer.normalize_str if self._bare.normalizer else None

    def _as_text(self, encoder: Fast) -> Fast:
        """The encoder with control tokens read as any other text."""
        encoder.add_special_tokens([AddedToken(t.content, special=True) for _, t in self.controls.values()])
        encoder.encode_special_tokens = True
        return encoder

    @cached_property
    def eos(self) -> int:
        """The id of the end-of-sequence token. Raises UsageError where the tokenizer names none."""
        token = self.special.get("eos_token")
        found = self._whole.token_to_id(token) if token else None
        if found is None:
            raise UsageError(f"tokenizer {self.name} names no eos_token; add it to its tokenizer_config.json")
        return found

    def encode_prompts(self, prompts: list[list[str | int]]) -> list[list[int] | None]:
        """The ids of prompts given as pieces: a text, or the id of a token that the template writes.

        None for a prompt whose data the tokenizer would turn into a control token.
        """
        first = [(p[0], 0, n) for n, p in enumerate(prompts) if p and isinstance(p[0], str)]
        later = [(t, at, n) for n, p in enumerate(prompts) for at, t in enumerate(p) if at and isinstance(t, str)]
        ids: dict[tuple[int, int], list[int]] = {}
        for encoder, items in ((self._whole, first), (self._later, later)):
            encoded = encoder.encode_batch_fast([t for t, _, _ in items], add_special_tokens=False)
            for (_, at, n), encoding in zip(items, encoded, strict=True):
                ids[n, at] = encoding.ids
        out: list[list[int] | None] = []
        for n, prompt in enumerate(prompts):
            joined: list[int] = []
            clean = True
            for at, piece in enumerate(prompt):
                if isinstance(piece, str):
                    clean = clean and self._control_ids.isdisjoint(ids[n, at])
                    joined += ids[n, at]
                else:
                    joined.append(piece)
            out.append(joined if clean else None)
        return out

    def encode_responses(self, texts: list[str]) -> list[list[int]]:
        """The ids of texts that follow a prompt: nothing is put before them, no special token is added."""
        return [e.ids for e in self._bare.encode_batch_fast(texts, add_special_tokens=False)]

    def encode_pairs(self, pairs: list[tuple[str, str | None]]) -> list[tuple[Encoded, Encoded | None]]:
        """Correct and incorrect responses (None: there is none), as `encode_responses` and `spans` would give them.

        What the incorrect response shares with the correct one is not encoded again where that is sure to give the
        same ids.
        """
        correct = [
            self._spanned(text, ids)
            for (text, _), ids in zip(pairs, self.encode_responses([c for c, _ in pairs]), strict=True)
        ]
        parts = [self._part(c, a, e) if a is not None else None for (c, a), e in zip(pairs, correct, strict=True)]
        encoded = iter(self.encode_responses([part.text for part in parts if part]))
        out: list[tuple[Encoded, Encoded | None]] = []
        for (_, text), first, part in zip(pairs, correct, parts, strict=True):
            if text is None or part is None:
                out.append((first, None))
                continue
            ids = next(encoded)
            if part.before or part.after < len(first.ids):
                ids = first.ids[: part.before] + ids + first.ids[part.after :]
            out.append((first, self._spanned(text, ids)))
        return out

    def _part(self, correct: str, incorrect: str, encoded: Encoded) -> ChangedPart:
        """What of the incorrect response must be encoded, and how many tokens of the correct one stay around it."""
        if self._places and encoded.spans:
            start, end, incorrect_end = window(correct, incorrect, self._places)
            spans = encoded.spans
            before, after = bisect_left(spans.starts, start), bisect_left(spans.starts, end)
            if spans.cut_at(before, start) and spans.cut_at(after, end):
                return ChangedPart(incorrect[start:incorrect_end], before, after)
        return ChangedPart(incorrect, 0, len(encoded.ids))

    def _spanned(self, text: str, ids: list[int]) -> Encoded:
        try:
            return Encoded(ids, self.spans(text, ids))
        except Unaligned:
            return Encoded(ids, None)

    def spans(self, text: str, ids: list[int]) -> Spans:
        """The characters of each token of a response. Raises Unaligned."""
        found = spans_by_bytes(ids, self.bytes, text)
        if found is None and self._normalise:
            found = spans_by_normalising(ids, self.bytes, text, self._normalise)
        if found is None:
            encoding = self._bare.encode(text, add_special_tokens=False)
            found = spans_by_offsets(encoding.offsets, text) if encoding.ids == ids else None
        if found is None or not self._control_ids.isdisjoint(ids):
            raise Unaligned
        return found

    def decode(self, ids: list[int]) -> str:
        """The text that the tokens' bytes spell; tokens without bytes as the vocabulary writes them."""
        pieces = [(self.bytes[i], i) for i in ids]
        return b"".join(b if b is not None else (self._whole.id_to_token(i) or "").encode() for b, i in pieces).decode(
            errors="replace"
        )


def _again(serialised: str, vocabulary: Vocabulary) -> Tokenizer:
    return Tokenizer(Fast.from_str(serialised), vocabulary)


def load(name: str) -> Tokenizer:
    """The tokenizer of a folder or a hub name.

    Raises UsageError where there is none or only a slow one, MissingExtra where building it needs transformers.
    """
    return Tokenizer(*read(name))


def _is_control(token: AddedToken, named: set[str]) -> bool:
    return token.special or token.content in named or _CONTROL.fullmatch(token.content) is not None


def _prefix_ids(fast: Fast) -> list[int]:
    """What the tokenizer's own encoding puts before a text (BOS, where it does)."""
    encoding = fast.encode("x")
    count = 0
    while count < len(encoding.ids) and encoding.special_tokens_mask[count]:
        count += 1
    return encoding.ids[:count]


def _components(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A normaliser, pre-tokenizer or decoder as the list of its steps."""
    if part is None:
        return []
    nested = next((part[k] for k in ("normalizers", "pretokenizers", "decoders") if k in part), None)
    return [part] if nested is None else [c for p in nested for c in _components(p)]


def _kind(state: dict[str, Any]) -> Kind:
    steps = _components(state.get("decoder")) + _components(state.get("pre_tokenizer"))
    types = {step["type"] for step in steps}
    if "ByteLevel" in types:
        return "byte-level"
    spaces = any(s["type"] == "Replace" and s.get("content") == " " for s in steps)
    return "sentencepiece" if spaces or types & {"Metaspace", "ByteFallback"} else "other"


def _without_prefix(state: dict[str, Any]) -> tuple[bool, bool]:
    """Take out of the state what puts a space before a text.

    Returns whether there was anything, and whether it did so at the start of a text only.
    """
    changed, first_only = False, True
    steps = _components(state.get("normalizer"))
    kept = [step for step in steps if step["type"] != "Prepend"]
    if kept != steps:
        state["normalizer"] = {"type": "Sequence", "normalizers": kept} if kept else None
        changed, first_only = True, False
    for step in _components(state.get("pre_tokenizer")):
        if step["type"] == "Metaspace" and step.get("prepend_scheme", "always") != "never":
            first_only = first_only and step.get("prepend_scheme") == "first"
            step["prepend_scheme"], changed = "never", True
        if step["type"] == "ByteLevel" and step.get("add_prefix_space"):
            step["add_prefix_space"], changed, first_only = False, True, False
    return changed, changed and first_only
