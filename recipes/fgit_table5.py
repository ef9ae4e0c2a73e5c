"""FGit, Table V: FGit beside DPO on the same pairs.

Training: 2.6 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import BASE, EVOL, FGIT, FGIT_BENCHES, FGIT_DPO, MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:V",
    rows=tuple((student, EVOL) for student in (MAGICODER_S_CL, MAGICODER_S_DS, SEMCODER_S)),
    arms=(BASE, FGIT_DPO, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
