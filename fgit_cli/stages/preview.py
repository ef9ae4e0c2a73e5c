"""Shows prompts, answers and what is made of them to a person, before a week of GPU time is spent."""

import difflib
import itertools
from collections.abc import Iterable, Iterator

from fgit_cli.engines.generation import RequestFailed
from fgit_cli.engines.generation.teacher import Teacher, made_by
from fgit_cli.stages.mutate import Asking, Original, Variants


def preview(teacher: Teacher, asking: Asking, originals: Iterable[Original], number: int) -> Iterator[str]:
    """One text per record: the prompt, then for each answer its fate and the difference that it makes."""
    some = itertools.islice((original for original in originals if original.blocks), number)
    unanswered: list[str] = []

    def prompt_of(original: Original) -> list[str]:
        messages = asking.request(original).messages or []
        return [f"=== {original.record['id']}: the prompt", *(message["content"] for message in messages)]

    def failed(original: Original, why: RequestFailed) -> None:
        unanswered.append("\n".join([*prompt_of(original), f"--- failed: {why}", ""]))

    for original, answer in teacher.ask(some, asking.request, failed):
        yield from unanswered
        unanswered.clear()
        parts = prompt_of(original)
        made = Variants()
        for index, completion in enumerate(answer):
            reason = asking.read(original, completion, made, made_by(teacher, "llm", index))
            parts.append(f"--- answer {index + 1} of {len(answer)} ({completion.finish_reason})")
            if reason:
                parts += [completion.text, f"--- left out: {reason}"]
            else:
                hints = made.variants[-1]["origin"].get("hints")
                parts.append(_difference(original.correct, made.variants[-1]["text"]))
                parts.append(f"--- a variant{f'; hints taken out: {hints}' if hints else ''}")
        yield "\n".join([*parts, ""])
    yield from unanswered


def _difference(correct: str, variant: str) -> str:
    lines = difflib.unified_diff(correct.split("\n"), variant.split("\n"), "correct", "variant", lineterm="", n=2)
    return "\n".join(lines)
