"""FGit, Table V: FGit beside DPO on the same pairs.

Training: 2.6 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, DPO, EVOL, FGIT, FGIT_BENCHES, MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:V",
    rows=tuple((student, EVOL) for student in (MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, DPO, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
