"""FAIT, Table 4: models whose own instruction data is closed.

Training: 1.4 h on 8 x a800-80gb; models: 54 GB.
"""

from recipes.papers import BASE, CODELLAMA_INSTRUCT, DEEPSEEK_INSTRUCT, EVOL_ONE, FAIT, FGIT_BENCHES, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:4",
    rows=((CODELLAMA_INSTRUCT, EVOL_ONE), (DEEPSEEK_INSTRUCT, EVOL_ONE)),
    arms=(BASE, SFT, FAIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
