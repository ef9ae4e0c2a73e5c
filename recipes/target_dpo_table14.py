"""Target-DPO, Table 14: the β of DPO.

Training: 2.6 h on 8 x a800-80gb; models: 46 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, QWEN_7B
from recipes.runner import Arm, Recipe, main

BETA = tuple(Arm(f"β {b}", f"--objective target-dpo --beta {b}") for b in (0.1, 0.3, 0.5))

RECIPE = Recipe(
    against="target-dpo:14",
    rows=((QWEN_7B, CODEFLOW),),
    arms=BETA,
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
