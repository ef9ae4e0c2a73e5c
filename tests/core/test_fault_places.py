"""Where a change of code could be a fault, and where it only changes what shows the code."""

import pytest

from fgit_cli.core import fault_places as places

PYTHON = '''import sys

LIMIT = 10
WORDS = ["a", "b"]


def largest(xs: list[int]) -> int:
    """The largest."""
    if not xs:
        raise ValueError("xs is empty: 1 is wanted")
    print("working on 3 numbers, see http://x.org/1")
    return max(x for x in xs if x < LIMIT and WORDS[0] != "c")


# Example usage
numbers = [1, 2, 3]
for n in numbers:
    print(largest([n, 4]))
result = largest(numbers) + 5
if __name__ == "__main__":
    sys.exit(0)
'''
C = """#include <stdio.h>
int f(int x) { return x + 1; }
int main() {
    int a[] = {5, 6};
    int n = sizeof(a) / sizeof(a[0]);
    printf("%d of 7\\n", f(n));
    return 0;
}
"""
JAVASCRIPT = """function area(r) {
  console.error("no radius 1");
  return Math.PI * r ** 2;
}
console.log(area(3.5));
app.get("/a", (req, res) => { res.send(area(4)); });
"""
SCRIPT = "numbers = [2, 4, 6]\ntotal = 0\nfor n in numbers:\n    total += n\nprint(total * 3)\n"


@pytest.mark.parametrize(
    ("language", "code", "old", "new", "reason"),
    [
        ("python", PYTHON, "x < LIMIT", "x <= LIMIT", None),
        ("python", PYTHON, "LIMIT = 10", "LIMIT = 11", None),
        ("python", PYTHON, '"a", "b"', '"b"', None),
        ("python", PYTHON, '!= "c"', '!= ""', None),
        ("python", PYTHON, "not xs", "xs", None),
        ("python", PYTHON, "1 is wanted", "2 is wanted", places.MESSAGE),
        ("python", PYTHON, "3 numbers", "4 numbers", places.MESSAGE),
        ("python", PYTHON, "x.org/1", "x.org/0", places.MESSAGE),
        ("python", PYTHON, "list[int]", "list[int, 1]", places.ANNOTATION),
        ("python", PYTHON, "[1, 2, 3]", "[1, 3]", places.EXAMPLE),
        ("python", PYTHON, "[n, 4]", "[n, 5]", places.EXAMPLE),
        ("python", PYTHON, "largest(numbers) + 5", "largest(numbers) - 5", places.EXAMPLE),
        ("python", PYTHON, '__name__ == "', '__name__ <= "', places.EXIT),
        ("python", PYTHON, "sys.exit(0)", "sys.exit(1)", places.EXIT),
        ("python", SCRIPT, "[2, 4, 6]", "[2, 6]", places.EXAMPLE),
        ("python", SCRIPT, "total = 0", "total = 1", None),
        ("python", SCRIPT, "+= n", "-= n", None),
        ("python", SCRIPT, "total * 3", "total + 3", None),
        ("c", C, "x + 1", "x - 1", None),
        ("c", C, "{5, 6}", "{6}", places.EXAMPLE),
        ("c", C, ") / sizeof", ") - sizeof", None),
        ("c", C, "of 7", "of 8", places.MESSAGE),
        ("c", C, "return 0;", "return 1;", places.EXIT),
        ("c", C, "    return 0;\n", "", places.EXIT),
        ("javascript", JAVASCRIPT, "** 2", "** 3", None),
        ("javascript", JAVASCRIPT, "radius 1", "radius 2", places.MESSAGE),
        ("javascript", JAVASCRIPT, "area(3.5)", "area(0.5)", places.EXAMPLE),
        ("javascript", JAVASCRIPT, "area(4)", "area(5)", None),
        ("sql", "SELECT name FROM t WHERE n > 3\n", "> 3", ">= 3", None),
        ("sql", "SELECT name FROM people WHERE city IS NOT NULL\n", " NOT", "", None),
        ("python", "We want to say that one plus two is three.\n", "one plus", "one minus", places.PROSE),
        ("perl", "my $u = 'http://x.org/1';\n", "/1", "/2", places.MESSAGE),
    ],
)
def test_places(language, code, old, new, reason):
    assert code.count(old) == 1
    assert places.why_no_fault(code, code.replace(old, new), language) == reason


@pytest.mark.parametrize("correct", ["", "x", "x = 1\n", "é = 'ü'\n"])
@pytest.mark.parametrize("variant", ["", "y", "x = 12\n", "é = 'ö'\n"])
def test_any_two_codes(correct, variant):
    for language in ("python", "c", "", "nothing"):
        places.why_no_fault(correct, variant, language)
