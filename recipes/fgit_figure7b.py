"""FGit, Figure 7(b): epochs, on HumanEval (+).

Which numbers of epochs the figure has is not in the paper's text; 1 to 5 are our choice.

Training: 4.1 h on 8 x a800-80gb; models: 54 GB.
"""

from recipes.papers import EVOL, SEMCODER_S
from recipes.runner import Arm, Recipe, main

EPOCHS = tuple(Arm(f"epochs {n}", f"--objective fgit --num-train-epochs {n}") for n in (1, 2, 3, 5))

RECIPE = Recipe(
    against="fgit:I",
    rows=((SEMCODER_S, EVOL),),
    arms=EPOCHS,
    benches=("humaneval+",),
    report="--plots plots-figure7b",
)

if __name__ == "__main__":
    main(RECIPE)
