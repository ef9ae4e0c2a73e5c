"""Shows prompts, answers and what is made of them to a person, before a week of GPU time is spent."""

import difflib
import itertools
from collections.abc import Iterable, Iterator

from fgit_cli.engines.generation import RequestFailed
from fgit_cli.engines.generation.teacher import Teacher, made_by
from fgit_cli.stages.mutate import Asking, Item, Made


def preview(teacher: Teacher, asking: Asking, items: Iterable[Item], number: int) -> Iterator[str]:
    """One text per record: the prompt, then for each answer its fate and the difference that it makes."""
    some = itertools.islice((item for item in items if item.blocks), number)
    unanswered: list[str] = []

    def prompt_of(item: Item) -> list[str]:
        messages = asking.request(item).messages or []
        return [f"=== {item.record['id']}: the prompt", *(message["content"] for message in messages)]

    def failed(item: Item, why: RequestFailed) -> None:
        unanswered.append("\n".join([*prompt_of(item), f"--- failed: {why}", ""]))

    for item, answer in teacher.ask(some, asking.request, failed):
        yield from unanswered
        unanswered.clear()
        parts = prompt_of(item)
        made = Made()
        for index, completion in enumerate(answer):
            reason = asking.read(item, completion, made, made_by(teacher, "llm", index))
            parts.append(f"--- answer {index + 1} of {len(answer)} ({completion.finish_reason})")
            if reason:
                parts += [completion.text, f"--- left out: {reason}"]
            else:
                hints = made.variants[-1]["origin"].get("hints")
                parts.append(_difference(item.correct, made.variants[-1]["text"]))
                parts.append(f"--- a variant{f'; hints taken out: {hints}' if hints else ''}")
        yield "\n".join([*parts, ""])
    yield from unanswered


def _difference(correct: str, variant: str) -> str:
    lines = difflib.unified_diff(correct.split("\n"), variant.split("\n"), "correct", "variant", lineterm="", n=2)
    return "\n".join(lines)
