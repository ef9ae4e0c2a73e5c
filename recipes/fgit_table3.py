"""FGit, Table III: other models with the data that they were made with.

Training: 1.1 h on 8 x a800-80gb; models: 54 GB.
"""

from recipes.papers import BASE, FGIT, FGIT_BENCHES, MAGICODER_DS, OSS, PYX, SEMCODER, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:III",
    rows=((MAGICODER_DS, OSS), (SEMCODER, PYX)),
    arms=(BASE, SFT, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
