"""FAIT, Figure 6: fixed weights beside the dynamic one, on HumanEval (+).

The figure's values are not in the paper's text; `fgit report --plots` draws ours.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import EVOL_ONE, FAIT, FIXED, SEMCODER_S
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fait:1",
    rows=((SEMCODER_S, EVOL_ONE),),
    arms=(*FIXED, FAIT),
    benches=("humaneval+",),
    report="--plots plots-figure6",
)

if __name__ == "__main__":
    main(RECIPE)
