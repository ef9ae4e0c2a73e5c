"""FGit, Table VII: standard SFT on data that the model has or has not seen.

Training: 1.6 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL, FGIT_BENCHES, MAGICODER_DS, OSS, PYX, SEMCODER
from recipes.runner import Arm, Recipe, main

SETS = tuple(Arm(f"SFT on {data.name}", "--objective sft", data=data) for data in (OSS, PYX, EVOL))

RECIPE = Recipe(
    against="fgit:VII",
    rows=((MAGICODER_DS, OSS), (SEMCODER, PYX)),
    arms=(BASE, *SETS),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
