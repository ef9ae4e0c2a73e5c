"""The way of `fgit mutate` that makes faults by rules, universalmutator's or Cosmic Ray's; each is judged first."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import NamedTuple

from fgit_cli.core import equivalence, fault_places, variants
from fgit_cli.core.mutants import evenly, no_fault
from fgit_cli.engines.rules import Mutation, compilers
from fgit_cli.stages.mutate import NO_CODE, Fill, Nothing, Original, Variants, Way, without
from fgit_cli.stages.running import Tally

UNTOLD = "variants on which a compiler gave no answer (out of time, memory or disk, or killed), kept"


class _Drawn(NamedTuple):
    """A mutation of a block, its code, and why it is none, as far as that is known; a compiler may still be asked."""

    block: variants.CodeBlock
    mutation: Mutation
    code: str
    reason: str | None
    compiled: Future[compilers.Verdict] | None


def by_rules(
    backend: ModuleType,
    method: str,
    wanted: int,
    seed: int,
    faults_only: bool = True,
    workers: int = 1,
    more: Callable[[], bool] = lambda: False,
) -> Way:
    """The way that applies a backend's mutation rules: `wanted` variants, drawn evenly over its operators.

    What a compiler does not take is left out; with `faults_only` also changes where nothing could go wrong by them.
    `workers` compilers run at a time, for the records that are read ahead while there is `more` to read at once.
    """

    def draw(original: Original, blocks: list[variants.CodeBlock], pool: ThreadPoolExecutor) -> Iterator[_Drawn]:
        """The mutations in the order in which they are tried, the first ones sent to the compilers already."""
        found = ((m.operator, (b, m)) for b in blocks for m in backend.mutations(b.code, b.language))
        order = evenly(found, f"{seed} {original.record['id']}")
        drawn = (_judged(block, mutation, faults_only, pool) for block, mutation in order)
        ahead: list[_Drawn] = []
        for one in drawn:
            ahead.append(one)
            if sum(not a.reason for a in ahead) > wanted:
                break
        return itertools.chain(ahead, drawn)

    def fill(original: Original, drawn: Iterator[_Drawn], tally: Tally, made: Variants) -> None:
        for block, mutation, code, reason, compiled in drawn:
            told = compiled.result() if compiled else "fragment"
            if reason or told == "breaks":
                made.refuse(reason or equivalence.NOT_COMPILED)
                continue
            origin = {
                "method": method,
                "version": backend.version(),
                "operator": mutation.operator,
                "rule": mutation.rule,
                "language": block.language,
                "block": block.number,
                "line": mutation.line,
                "seed": seed,
            }
            text = variants.spliced(original.correct, block, code)
            left_out = made.add(text, [(block.code, code, block.language)], origin)
            if told == "untold" and not left_out:
                tally.odd(UNTOLD)
            if len(made.variants) == wanted:
                break

    def way(originals: Iterable[Original], tally: Tally) -> Iterator[tuple[Original, Fill]]:
        waiting: deque[tuple[Original, Fill]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for original in originals:
                blocks = [b for b in original.blocks if b.language in backend.LANGUAGES]
                if blocks:
                    with tally.each(original.record):
                        waiting.append((original, partial(fill, original, draw(original, blocks, pool), tally)))
                elif original.blocks:
                    language = original.blocks[0].language or "a language that is not known"
                    waiting.append((original, without(Nothing(f"no rules for {language}"))))
                else:
                    waiting.append((original, without(Nothing(NO_CODE))))
                while waiting and (len(waiting) > 2 * workers or not more()):
                    yield waiting.popleft()
            yield from waiting

    return way


def _judged(block: variants.CodeBlock, mutation: Mutation, faults_only: bool, pool: ThreadPoolExecutor) -> _Drawn:
    code, language = mutation.code, block.language
    reason = fault_places.why_no_fault(block.code, code, language) if faults_only else None
    ask = not reason and compilers.installed(language) and no_fault([(block.code, code, language)]) is None
    compiled = pool.submit(compilers.verdict, block.code, code, language) if ask else None
    return _Drawn(block, mutation, code, reason, compiled)
