"""Parts of a data set by a hash of each record's name, the same on every machine."""

import hashlib
from typing import Any, NamedTuple

from fgit_cli.core import fields
from fgit_cli.errors import UsageError


class Shard(NamedTuple):
    """Part `number` of `of` parts, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The part that `I/N` names. Raises UsageError for anything else."""
        words = text.split("/")
        if len(words) != 2 or not all(w.isdecimal() for w in words) or not 1 <= int(words[0]) <= int(words[1]):
            raise UsageError(f"--shard {text}: give it as I/N with I from 1 to N, such as 1/8")
        return cls(int(words[0]), int(words[1]))

    def has(self, record: dict[str, Any]) -> bool:
        """Whether the record is of this part: by its `id`, a sample by its task, any other by its instruction."""
        name = record.get("id", record.get("task_id"))
        if name is None:
            name = fields.instruction(record).text
        digest = hashlib.sha256(str(name).encode()).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1
