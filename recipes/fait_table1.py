"""FAIT, Table 1: FAIT beside the base models and standard SFT.

The closed and other open models of the table are not tuned: see --against.

Training: 2.1 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL_ONE, FAIT, FGIT_BENCHES, MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:1",
    rows=tuple((student, EVOL_ONE) for student in (MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, SFT, FAIT),
    benches=FGIT_BENCHES,
    absent="closed models and other instruction-tuned models, which are published figures",
)

if __name__ == "__main__":
    main(RECIPE)
