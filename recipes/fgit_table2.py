"""FGit, Table II: line, token and both granularities.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL, FGIT, FGIT_BENCHES, LINE, MAGICODER_S_DS, SEMCODER_S, TOKEN
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:II",
    rows=tuple((student, EVOL) for student in (MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, LINE, TOKEN, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
