"""FGit, Table IV: models whose own instruction data is closed.

Training: 1.4 h on 8 x a800-80gb; models: 54 GB.
"""

from recipes.papers import BASE, CODELLAMA_INSTRUCT, DEEPSEEK_INSTRUCT, EVOL, FGIT, FGIT_BENCHES, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:IV",
    rows=((CODELLAMA_INSTRUCT, EVOL), (DEEPSEEK_INSTRUCT, EVOL)),
    arms=(BASE, SFT, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
