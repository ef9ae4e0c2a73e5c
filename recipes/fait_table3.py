"""FAIT, Table 3: other models with the data that they were made with.

Training: 1.1 h on 8 x a800-80gb; models: 54 GB.
"""

from recipes.papers import BASE, FAIT, FGIT_BENCHES, MAGICODER_DS, OSS_ONE, PYX_ONE, SEMCODER, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:3",
    rows=((MAGICODER_DS, OSS_ONE), (SEMCODER, PYX_ONE)),
    arms=(BASE, SFT, FAIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
