"""Target-DPO, Table 19: how the differences are found.

Training: 1.7 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, LCB, QWEN_7B, REF
from recipes.runner import Arm, Recipe, main

AFFIXES = Arm("Target-DPO (prefix-suffix)", "--objective target-dpo", "--algorithm prefix-suffix")
LCS = Arm("Target-DPO (LCS)", "--objective target-dpo")

RECIPE = Recipe(
    against="target-dpo:19",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(REF, AFFIXES, LCS),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
