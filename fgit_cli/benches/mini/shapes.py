"""The shapes of the tasks: how parts become an instruction and a solution in ordinary style.

A shape returns drafts' ingredients as plain text with slots. A slot holds what is right and, for the constructs that
are commonly misunderstood, what is written instead; `Draft.solution(wrong=...)` fills them. What a task returns for
empty input is always said, so that it can be meant in one way only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from fgit_cli.benches.mini import inputs
from fgit_cli.benches.mini.parts import (
    CHARACTER_TESTS,
    NUMBER_MAPS,
    NUMBER_TESTS,
    PAIR_MAPS,
    PAIR_TESTS,
    WORD_TESTS,
    Part,
)


@dataclass(frozen=True)
class Slot:
    """A place in the code: what is right, and the mistake that `construct` stands for (None: nobody makes one)."""

    construct: str
    right: str
    wrong: str | None = None


# What a list of numbers and its elements, or a text, are called; drawn once a task.
LISTS = (("numbers", "number"), ("scores", "score"), ("prices", "price"), ("levels", "level"))
TEXTS = ("text", "line", "message")
VERBS = ("find", "get", "make", "take", "check", "solve", "compute", "process", "handle", "answer", "read", "run")
NOUNS = ("result", "items", "part", "data", "answer", "task", "case", "row", "entry", "value", "batch", "point")
TWO_LISTS = (("first", "second"), ("left", "right"), ("ours", "theirs"))


@dataclass
class Draft:
    """A task before it has a number: what is asked, how it is solved, which inputs test it."""

    composition: str
    parameters: str
    asked: str
    template: str
    arguments: Callable[[Random], list[tuple]]
    slots: dict[str, Slot] = field(default_factory=dict)
    name: str = "solve"
    called: dict[str, str] = field(default_factory=dict)  # other names for `numbers`, `number`, `text`

    @property
    def signature(self) -> str:
        """The name with its parameters, as it stands in instruction and code."""
        return f"{self.name}({self._rename(self.parameters)})"

    @property
    def description(self) -> str:
        """What is asked, with the names that the task uses (they stand in back-quotes)."""
        return re.sub(r"`\w+`", lambda name: self._rename(name[0]), self.asked)

    @property
    def constructs(self) -> list[str]:
        """The constructs in which this task can go wrong."""
        return sorted({s.construct for s in self.slots.values() if s.wrong is not None})

    @property
    def meaning(self) -> str:
        """The same for tasks that differ in names and words alone."""
        return f"{self.composition}\n{self.body()}"

    def solution(self, wrong: frozenset[str] = frozenset()) -> str:
        """The code; with the usual mistake in every construct named in `wrong`."""
        return f"def {self.signature}:\n{self._rename(self.body(wrong))}"

    def body(self, wrong: frozenset[str] = frozenset()) -> str:
        """The code below the signature, before names are drawn: the same for tasks that differ in names alone."""
        filled = {
            key: slot.wrong if slot.wrong is not None and slot.construct in wrong else slot.right
            for key, slot in self.slots.items()
        }
        body = self.template
        for key, text in filled.items():
            body = body.replace(f"<{key}>", text or "")
        return body

    def _rename(self, text: str) -> str:
        return re.sub(r"\w+", lambda word: self.called.get(word[0], word[0]), text)


def _part(part: Part, constants: dict, **names: str) -> Slot:
    values = {**constants, **names}
    wrong = part.mistake.format(**values) if part.mistake is not None else None
    return Slot(part.name, part.code.format(**values), wrong)


def _words(random: Random, part: Part, constants: dict) -> str:
    return random.choice(part.words).format(**constants)


def _ints(*constants: dict) -> list[int]:
    return [v for c in constants for v in c.values() if isinstance(v, int)]


def _letters(constants: dict) -> str:
    return str(constants.get("c", ""))


_FOLDS = {
    "sum": ("the sum of {what} in the list `numbers` (0 if there are none)", "    total = 0\n", "            total += <value>\n", "    return total\n"),
    "product": (
        "the product of {what} in the list `numbers` (1 if there are none)",
        "    result = <start>\n", "            result *= <value>\n", "    return result\n",
    ),
    "count": ("how many {what} there are in the list `numbers`", "    count = 0\n", "            count += 1\n", "    return count\n"),
    "largest": (
        "the largest of {what} in the list `numbers` (None if there are none)",
        "    best = <start>\n",
        "            value = <value>\n            if best is None or value > best:\n                best = value\n",
        "    return best\n",
    ),
    "smallest": (
        "the smallest of {what} in the list `numbers` (None if there are none)",
        "    best = <start>\n",
        "            value = <value>\n            if best is None or value < best:\n                best = value\n",
        "    return best\n",
    ),
    "list": ("the list of {what} in the list `numbers`, in order", "    result = []\n", "            result.append(<value>)\n", "    return result\n"),
}  # fmt: skip
_STARTS = {
    "product": Slot("product_start", "1", "0"),
    "largest": Slot("best_start", "None", "0"),
    "smallest": Slot("best_start", "None", "0"),
}


def fold(random: Random) -> Draft:
    """Filter, map, reduce over a list of numbers."""
    test, made, how = random.choice(NUMBER_TESTS), random.choice(NUMBER_MAPS), random.choice(list(_FOLDS))
    if how == "count":
        made = NUMBER_MAPS[-1]
    tc, mc = test.draw(random), made.draw(random)
    asked, start, step, end = _FOLDS[how]
    noun = f"{made.words[0].format(**mc)} the {_words(random, test, tc)}".strip()
    if how == "count":
        noun = noun.removeprefix("the ")
    slots = {"test": _part(test, tc, n="number"), "value": _part(made, mc, n="number")}
    if how in _STARTS:
        slots["start"] = _STARTS[how]
    return Draft(
        f"fold/{test.name}/{made.name}/{how}",
        "numbers",
        asked.format(what=noun),
        f"{start}    for number in numbers:\n        if <test>:\n{step}{end}",
        lambda random: [(xs,) for xs in inputs.number_lists(random, _ints(tc, mc))],
        slots,
    )


def neighbours(random: Random) -> Draft:
    """Pairs of neighbours in a list of numbers."""
    how = random.choice(("count", "every", "first", "sum", "largest", "smallest", "list"))
    bounds = Slot("neighbour_range", "len(numbers) - 1", "len(numbers)")
    names = {"x": "numbers[i]", "y": "numbers[i + 1]"}
    loop = "    for i in range(<bounds>):\n"
    if how in ("count", "every", "first"):
        part = random.choice(PAIR_TESTS)
        constants = part.draw(random)
        what = _words(random, part, constants)
        asked, before, inside, after = {
            "count": (
                f"how many pairs of neighbours there are in the list `numbers` {what}",
                "    count = 0\n", "        if <test>:\n            count += 1\n", "    return count\n",
            ),
            "every": (
                f"True if the list `numbers` has only pairs of neighbours {what}, and False otherwise "
                "(True if there are no pairs)",
                "", "        if not (<test>):\n            return False\n", "    return True\n",
            ),
            "first": (
                f"the index at which the first pair of neighbours {what} begins in the list `numbers` "
                "(-1 if there is none)",
                "", "        if <test>:\n            return i\n", "    return -1\n",
            ),
        }[how]  # fmt: skip
        slots = {"test": _part(part, constants, **names), "bounds": bounds}
    else:
        part = random.choice(PAIR_MAPS)
        constants = part.draw(random)
        what = f"{part.words[0]} of each pair of neighbours"
        asked, before, inside, after = {
            "sum": (
                f"the total, over the list `numbers`, of {what} (0 if there are no pairs)",
                "    total = 0\n", "        total += <value>\n", "    return total\n",
            ),
            "largest": (
                f"the greatest value, over the list `numbers`, of {what} (None if there are no pairs)",
                "    best = <start>\n",
                "        value = <value>\n        if best is None or value > best:\n            best = value\n",
                "    return best\n",
            ),
            "smallest": (
                f"the least value, over the list `numbers`, of {what} (None if there are no pairs)",
                "    best = <start>\n",
                "        value = <value>\n        if best is None or value < best:\n            best = value\n",
                "    return best\n",
            ),
            "list": (
                f"the list, for the list `numbers`, of {what}, in order",
                "    result = []\n", "        result.append(<value>)\n", "    return result\n",
            ),
        }[how]  # fmt: skip
        slots = {"value": _part(part, constants, **names), "bounds": bounds}
        if how in _STARTS:
            slots["start"] = _STARTS[how]
    return Draft(
        f"neighbours/{part.name}/{how}", "numbers", asked,
        f"{before}{loop}{inside}{after}", lambda random: [(xs,) for xs in inputs.number_lists(random, _ints(constants))], slots,
    )  # fmt: skip


def windows(random: Random) -> Draft:
    """Runs of `size` consecutive numbers."""
    made = random.choice(("sum", "max", "min", "span", "count"))
    how = random.choice(("largest", "smallest", "list", "above"))
    size = random.choice((2, 3, 4))
    test = random.choice(NUMBER_TESTS)
    constants = test.draw(random) if made == "count" else {}
    words = {
        "sum": "the sum", "max": "the largest number", "min": "the smallest number",
        "span": "the largest minus the smallest number",
        "count": f"the count of the {test.words[0].format(**constants)}" if made == "count" else "",
    }[made]  # fmt: skip
    value = {
        "sum": "sum(part)", "max": "max(part)", "min": "min(part)", "span": "max(part) - min(part)",
        "count": "len([number for number in part if <test>])",
    }[made]  # fmt: skip
    limit = random.choice((0, 1, 2)) if made == "count" else random.choice((5, 6, 8, 10))
    run = f"each run of {size} consecutive numbers in the list `numbers`"
    asked, before, inside, after = {
        "largest": (
            f"the greatest value of {words} of {run} (None if the list is too short)", "    best = <start>\n",
            "        if best is None or value > best:\n            best = value\n", "    return best\n",
        ),
        "smallest": (
            f"the least value of {words} of {run} (None if the list is too short)", "    best = <start>\n",
            "        if best is None or value < best:\n            best = value\n", "    return best\n",
        ),
        "list": (f"the list, in order, of {words} of {run}", "    result = []\n", "        result.append(value)\n",
                 "    return result\n"),
        "above": (f"how many times {words} of {run} is greater than {limit}", "    count = 0\n",
                  f"        if value > {limit}:\n            count += 1\n", "    return count\n"),
    }[how]  # fmt: skip
    body = f"{before}    for i in range(<bounds>):\n        part = numbers[i:i + {size}]\n        value = {value}\n{inside}{after}"
    slots = {"bounds": Slot("window_range", f"len(numbers) - {size - 1}", f"len(numbers) - {size}")}
    if made == "count":
        slots["test"] = _part(test, constants, n="number")
    if how in _STARTS:
        slots["start"] = _STARTS[how]
    return Draft(
        f"windows/{test.name if made == 'count' else made}/{how}", "numbers", asked, body,
        lambda random: [(xs,) for xs in inputs.number_lists(random, [size, limit // size, limit, *_ints(constants)])], slots,
    )  # fmt: skip


def characters(random: Random) -> Draft:
    """One pass over the characters of a text."""
    part = random.choice(CHARACTER_TESTS)
    how = random.choice(("count", "keep", "drop", "replace", "double", "first", "positions"))
    constants = part.draw(random)
    what, mark = _words(random, part, constants), random.choice("*-#")
    build = "    for character in text:\n        if <test>:\n            result += {yes}\n        else:\n            result += {no}\n"
    asked, before, loop, after = {
        "count": (f"how many {what} there are in the string `text`", "    count = 0\n",
                  "    for character in text:\n        if <test>:\n            count += 1\n", "    return count\n"),
        "keep": (f"the string `text` with nothing kept but the {what}", '    result = ""\n',
                 "    for character in text:\n        if <test>:\n            result += character\n", "    return result\n"),
        "drop": (f"the string `text` without the {what}", '    result = ""\n',
                 "    for character in text:\n        if not (<test>):\n            result += character\n", "    return result\n"),
        "replace": (f'the string `text` with "{mark}" in place of each of the {what}', '    result = ""\n',
                    build.format(yes=f'"{mark}"', no="character"), "    return result\n"),
        "double": (f"the string `text` with each of the {what} written twice", '    result = ""\n',
                   build.format(yes="character * 2", no="character"), "    return result\n"),
        "first": (f"the index of the first of the {what} in the string `text` (-1 if there are none)", "",
                  "    for i, character in enumerate(text):\n        if <test>:\n            return i\n", "    return -1\n"),
        "positions": (f"the list of the indexes of the {what} in the string `text`", "    result = []\n",
                      "    for i, character in enumerate(text):\n        if <test>:\n            result.append(i)\n",
                      "    return result\n"),
    }[how]  # fmt: skip
    return Draft(
        f"characters/{part.name}/{how}", "text", asked, f"{before}{loop}{after}",
        lambda random: [(t,) for t in inputs.texts(random, _letters(constants))], {"test": _part(part, constants, n="character")},
    )  # fmt: skip


def words(random: Random) -> Draft:
    """One pass over the words of a text."""
    part = random.choice(WORD_TESTS)
    how = random.choice(("count", "list", "first", "longest", "letters", "reversed"))
    constants = part.draw(random)
    what = _words(random, part, constants)
    place = "the string `text` (words are separated by spaces)"
    asked, before, inside, after = {
        "count": (f"how many {what} there are in {place}", "    count = 0\n", "            count += 1\n", "    return count\n"),
        "list": (f"the list of the {what} in {place}, in order", "    result = []\n", "            result.append(word)\n",
                 "    return result\n"),
        "first": (f"the first of the {what} in {place} (None if there are none)", "", "            return word\n", "    return None\n"),
        "longest": (
            f'the longest of the {what} in {place} (the first of them if several are equally long, "" if there are none)',
            '    best = ""\n',
            "            if <longer>:\n                best = word\n",
            "    return best\n",
        ),
        "letters": (f"the number of letters that all the {what} in {place} have together", "    total = 0\n",
                    "            total += len(word)\n", "    return total\n"),
        "reversed": (f"the list of the {what} in {place}, in order, each written backwards", "    result = []\n",
                     "            result.append(word[::-1])\n", "    return result\n"),
    }[how]  # fmt: skip
    slots = {"test": _part(part, constants, n="word")}
    if how == "longest":
        slots["longer"] = Slot("first_of_equals", "len(word) > len(best)", "len(word) >= len(best)")
    return Draft(
        f"words/{part.name}/{how}", "text",
        asked,
        f"{before}    for word in text.split():\n        if <test>:\n{inside}{after}",
        lambda random: [(t,) for t in inputs.sentences(random, _letters(constants))], slots,
    )  # fmt: skip


def together(random: Random) -> Draft:
    """Two lists walked together."""
    how = random.choice(("list", "sum", "largest", "smallest", "count", "every", "first"))
    tested = how in ("count", "every", "first")
    part = random.choice(PAIR_TESTS if tested else PAIR_MAPS)
    constants = part.draw(random)
    names = {"x": "first[i]", "y": "second[i]"}
    both = "the lists `first` and `second`"
    if tested:
        what = _words(random, part, constants).replace("in which the second is", "in which the number of `second` is")
        what = what.replace("than the first", "than that of `first`")
        asked, before, inside, after = {
            "count": (f"how many pairs of numbers at the same index there are {what}, in {both}",
                      "    count = 0\n", "        if <test>:\n            count += 1\n", "    return count\n"),
            "every": (f"True if {both} have at the same index only pairs of numbers {what}, and False otherwise",
                      "", "        if not (<test>):\n            return False\n", "    return True\n"),
            "first": (f"the first index at which {both} have a pair of numbers {what} (-1 if there is none)",
                      "", "        if <test>:\n            return i\n", "    return -1\n"),
        }[how]  # fmt: skip
    else:
        what = f"{part.words[0]} of the two numbers at each index of {both}"
        asked, before, inside, after = {
            "list": (f"the list, in order, of {what}",
                     "    result = []\n", "        result.append(<value>)\n", "    return result\n"),
            "sum": (f"the total of {what}", "    total = 0\n", "        total += <value>\n", "    return total\n"),
            "largest": (f"the greatest value of {what} (None if there is none)", "    best = <start>\n",
                        "        value = <value>\n        if best is None or value > best:\n            best = value\n",
                        "    return best\n"),
            "smallest": (f"the least value of {what} (None if there is none)", "    best = <start>\n",
                         "        value = <value>\n        if best is None or value < best:\n            best = value\n",
                         "    return best\n"),
        }[how]  # fmt: skip
    slots = {
        "test" if tested else "value": _part(part, constants, **names),
        "size": Slot("shorter_list", "min(len(first), len(second))", "len(first)"),
    }
    if how in _STARTS:
        slots["start"] = _STARTS[how]

    def arguments(random: Random) -> list[tuple]:
        left, right = (inputs.number_lists(random, _ints(constants)) for _ in range(2))
        right[1:3] = [left[1], left[2]]  # equal lists
        random.shuffle(right)
        return list(zip(left, right, strict=False))

    return Draft(
        f"together/{part.name}/{how}", "first, second",
        f"{asked} (what the longer list has beyond the shorter one is ignored)",
        f"{before}    for i in range(<size>):\n{inside}{after}", arguments, slots,
    )  # fmt: skip


def search(random: Random) -> Draft:
    """The first or last number of a kind."""
    part = random.choice(NUMBER_TESTS)
    how = random.choice(("first_index", "last_index", "before", "after"))
    constants = part.draw(random)
    what = _words(random, part, constants)
    asked, body = {
        "first_index": (
            f"the index of the first of the {what} in the list `numbers` (-1 if there are none)",
            "    for i, number in enumerate(numbers):\n        if <test>:\n            return i\n    return -1\n",
        ),
        "last_index": (
            f"the index of the last of the {what} in the list `numbers` (-1 if there are none)",
            "    found = -1\n    for i, number in enumerate(numbers):\n        if <test>:\n            found = i\n    return found\n",
        ),
        "before": (
            f"the list of what comes before the first of the {what} in the list `numbers` "
            "(the whole list if there are none)",
            "    for i, number in enumerate(numbers):\n        if <test>:\n            return numbers[:<end>]\n    return numbers\n",
        ),
        "after": (
            f"the list of what comes after the first of the {what} in the list `numbers` (empty if there are none)",
            "    for i, number in enumerate(numbers):\n        if <test>:\n            return numbers[<begin>:]\n    return []\n",
        ),
    }[how]
    slots = {
        "test": _part(part, constants, n="number"),
        "end": Slot("before_itself", "i", "i + 1"),
        "begin": Slot("after_itself", "i + 1", "i"),
    }
    slots = {key: slot for key, slot in slots.items() if f"<{key}>" in body}
    return Draft(
        f"search/{part.name}/{how}", "numbers", asked, body,
        lambda random: [(xs,) for xs in inputs.number_lists(random, _ints(constants))], slots,
    )  # fmt: skip


def running(random: Random) -> Draft:
    """A sum or product carried along a list."""
    whole, part = random.choice(("sum", "product")), random.choice(NUMBER_MAPS)
    how = random.choice(("list", "reach", "count"))
    constants = part.draw(random)
    limit = random.choice((5, 6, 8, 10, 12))
    carried = f"the {whole} of {part.words[0].format(**constants)} the numbers up to and including".replace("  ", " ")
    operator = "+" if whole == "sum" else "*"
    step = f"        total {operator}= <value>\n"
    asked, before, loop, after = {
        "list": (f"the list that holds, for each number of the list `numbers`, {carried} it", "    result = []\n",
                 f"    for number in numbers:\n{step}        result.append(total)\n", "    return result\n"),
        "reach": (f"the first index of the list `numbers` for which {carried} that index is greater than {limit} "
                  "(-1 if there is none)", "",
                  f"    for i, number in enumerate(numbers):\n{step}        if total > {limit}:\n            return i\n",
                  "    return -1\n"),
        "count": (f"for how many numbers of the list `numbers` {carried} it is greater than {limit}", "    count = 0\n",
                  f"    for number in numbers:\n{step}        if total > {limit}:\n            count += 1\n",
                  "    return count\n"),
    }[how]  # fmt: skip
    slots = {
        "start": Slot("sum_start", "0") if whole == "sum" else _STARTS["product"],
        "value": _part(part, constants, n="number"),
    }
    return Draft(
        f"running/{whole}/{part.name}/{how}", "numbers", asked, f"    total = <start>\n{before}{loop}{after}",
        lambda random: [(xs,) for xs in inputs.number_lists(random, [limit, limit // 2, *_ints(constants)])], slots,
    )  # fmt: skip


def counts(random: Random) -> Draft:
    """How often things of a kind occur."""
    kind = random.choice(("numbers", "characters", "words"))
    how = random.choice(("repeated", "once", "most", "times"))
    part = random.choice({"numbers": NUMBER_TESTS, "characters": CHARACTER_TESTS, "words": WORD_TESTS}[kind])
    constants = part.draw(random)
    k = random.choice((2, 3))
    over = {"numbers": "numbers", "characters": "text", "words": "text.split()"}[kind]
    place = {"numbers": "the list `numbers`", "characters": "the string `text`",
             "words": "the string `text` (words are separated by spaces)"}[kind]  # fmt: skip
    what = f"the {_words(random, part, constants)} in {place}"
    asked, after = {
        "repeated": (f"the list of those of {what} that occur more than once, each once, in order of first occurrence",
                     "    return [item for item in seen if seen[item] > 1]\n"),
        "once": (f"the list of those of {what} that occur exactly once, in order",
                 "    return [item for item in seen if seen[item] == 1]\n"),
        "times": (f"how many different ones of {what} occur at least {k} times",
                  "    return len([item for item in seen if <enough>])\n"),
        "most": (f"how often the most frequent one of {what} occurs (0 if there are none)",
                 "    return max(seen.values(), default=0)\n"),
    }[how]  # fmt: skip
    slots = {"start": Slot("count_start", "0", "1"), "test": _part(part, constants, n="item")}
    if how == "times":
        slots["enough"] = Slot("at_least", f"seen[item] >= {k}", f"seen[item] > {k}")

    def arguments(random: Random) -> list[tuple]:
        made: list = []
        if kind == "numbers":
            made += inputs.number_lists(random, [1, 2, *_ints(constants)])
            made += [xs * 2 for xs in made[1:3]] + [[x] * 2 for x in made[1]] + [made[1] * 3]
        elif kind == "characters":
            made += inputs.texts(random, "ab" + _letters(constants))
            made += [t * 2 for t in made[:8]] + [t * 3 for t in made[2:6]]
        else:
            made += inputs.sentences(random, "a" + _letters(constants))
            made += [f"{t} {t}" for t in made[1:10]] + [f"{t} {t} {t}" for t in made[2:6]]
        return [(xs,) for xs in made]

    return Draft(
        f"counts/{kind}/{part.name}/{how}", "numbers" if kind == "numbers" else "text", asked,
        f"    seen = {{}}\n    for item in {over}:\n        if <test>:\n"
        f"            seen[item] = seen.get(item, <start>) + 1\n{after}",
        arguments, slots,
    )  # fmt: skip


# Shapes and how often each is drawn.
SHAPES: dict[Callable[[Random], Draft], int] = {
    fold: 6, neighbours: 4, windows: 2, characters: 4, words: 4, together: 2, search: 4, running: 2, counts: 1,
}  # fmt: skip


def draw(random: Random) -> Draft:
    """A draft of a random shape, with random names for its function and its list or text."""
    draft = random.choices(list(SHAPES), list(SHAPES.values()))[0](random)
    several, one = random.choice(LISTS)
    left, right = random.choice(TWO_LISTS)
    draft.name = f"{random.choice(VERBS)}_{random.choice(NOUNS)}"
    draft.called = {"numbers": several, "number": one, "text": random.choice(TEXTS), "first": left, "second": right}
    return draft
