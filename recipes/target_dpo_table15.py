"""Target-DPO, Table 15: the weight of RPO's SFT term.

Training: 3.1 h on 8 x a800-80gb; models: 61 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_SFT, FOCAL_TRAIN, QWEN_7B
from recipes.runner import Arm, Recipe, main

ALPHA = tuple(Arm(f"α {a}", f"--objective target-rpo --rpo-alpha {a}") for a in (1.0, 3.0, 5.0))

RECIPE = Recipe(
    against="target-dpo:15",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(*ALPHA, FOCAL_SFT),
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
