"""FAIT, Table 2: line, token and both granularities.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL_ONE, FAIT, FGIT_BENCHES, LINE, MAGICODER_S_DS, SEMCODER_S, TOKEN
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:2",
    rows=tuple((student, EVOL_ONE) for student in (MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, LINE, TOKEN, FAIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
