"""FGit, Figure 7(a): the weight's range α, on HumanEval (+).

The figure's values are not in the paper's text; `fgit report --plots` draws ours.

Training: 2.2 h on 8 x a800-80gb; models: 81 GB.
"""

from recipes.papers import ALPHA, EVOL, SEMCODER_S, SFT
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="fgit:I",
    rows=((SEMCODER_S, EVOL),),
    arms=(*ALPHA, SFT),
    benches=("humaneval+",),
    report="--plots plots-figure7a",
)

if __name__ == "__main__":
    main(RECIPE)
