"""FGit, Figure 6: fixed weights beside the dynamic one, on HumanEval (+).

The figure's values are not in the paper's text; `fgit report --plots` draws ours.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import EVOL, FGIT, FIXED, SEMCODER_S
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:I",
    rows=((SEMCODER_S, EVOL),),
    arms=(*FIXED, FGIT),
    benches=("humaneval+",),
    report="--plots plots-figure6",
)

if __name__ == "__main__":
    main(RECIPE)
