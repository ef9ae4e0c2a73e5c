"""FAIT, Table 5: FAIT beside DPO on the same pairs.

Training: 2.6 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL_ONE, FAIT, FAIT_DPO, FGIT_BENCHES, MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:5",
    rows=tuple((student, EVOL_ONE) for student in (MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, FAIT_DPO, FAIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
