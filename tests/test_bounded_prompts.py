"""A template of the user's that raises, loops or grows without end is one line, soon."""

import time

import pytest

from fgit_cli.errors import UsageError
from fgit_cli.prompts import Prompt, bounded

VALUES = {"instruction": "Add.", "response": "x", "language": "python", "fenced": True, "scope": "code"}
DOUBLED = (
    "{%% set ns = namespace(x='ab') %%}{%% for i in range(99) %%}{%% set ns.x = ns.x %s ns.x %%}"
    "{%% endfor %%}{{ ns.x }}"
)
LOOP = (
    "{% set n = range(99999)|list %}{% for i in n %}{% for j in n %}{% for k in n %}{% endfor %}"
    "{% endfor %}{% endfor %}"
)
BROKEN = {
    "division": "{{ 1 / 0 }}",
    "type": "{{ instruction + 1 }}",
    "lookup": "{{ [1, 2][instruction] }}",
    "attribute of nothing": "{{ instruction.author.name }}",
    "unknown": "{{ author }}",
    "range": "{% for i in range(10 ** 9) %}{% endfor %}",
    "loops": LOOP,
    "loops that write": "{% set n = range(99999)|list %}{% for i in n %}{% for j in n %}word {% endfor %}{% endfor %}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "two macros": "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "text times": "{{ instruction * 10 ** 12 }}",
    "list times": "{{ [0] * 10 ** 12 }}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "powers": "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}",
    "width": "{{ '%999999999999d' % 1 }}",
    "growing": DOUBLED % "+",
    "joined": DOUBLED % "~",
    "centred": "{{ instruction|center(10 ** 11) }}",
    "justified": "{{ instruction.ljust(10 ** 11) }}",
    "filter": "{{ instruction|round }}",
    "unsafe": "{{ ''.__class__.__mro__ }}",
    "nested": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_one_line_and_soon(monkeypatch, name):
    monkeypatch.setattr(bounded, "SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(UsageError) as caught:
        Prompt("mine.md", BROKEN[name]).render(**VALUES)
    assert time.monotonic() - began < 20
    assert str(caught.value).startswith("prompt mine.md")
    assert "\n" not in str(caught.value)
    assert Prompt("good.md", "{{ instruction }} {{ 2 * 3 }}{{ '-' * 3 }}").render(**VALUES) == "Add. 6---"


def test_a_command_says_it_in_one_line(fgit, tmp_path):
    (tmp_path / "p.md").write_text("{{ 1 / 0 }}")
    ran = fgit(
        "mutate", "--dry-run", "--prompt-file", "p.md", stdin='{"instruction":"a","response":"```python\\nx=1\\n```"}\n'
    )
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "fgit mutate: prompt p.md: ZeroDivisionError: division by zero\n"
