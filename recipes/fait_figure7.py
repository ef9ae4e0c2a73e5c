"""FAIT, Figure 7: the weight's range α, on HumanEval (+).

The figure's values are not in the paper's text; `fgit report --plots` draws ours.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import ALPHA, EVOL_ONE, SEMCODER_S, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:1",
    rows=((SEMCODER_S, EVOL_ONE),),
    arms=(*ALPHA, SFT),
    benches=("humaneval+",),
    report="--plots plots-figure7",
)

if __name__ == "__main__":
    main(RECIPE)
