"""Target-DPO, Table 9: beside SFT, on two models.

Training: 6.2 h on 8 x a800-80gb; models: 119 GB.
"""

from recipes.papers import (
    CODEFLOW,
    CODEQWEN_CHAT,
    FOCAL_BENCHES,
    FOCAL_MASK,
    FOCAL_SFT,
    FOCAL_TRAIN,
    LCB,
    QWEN_7B,
    REF,
    TARGET_DPO,
    TARGET_RPO,
)
from recipes.runner import Arm, Recipe, main

AUGMENTED = Arm("DiffAug-RPO", "--objective target-rpo", "--context 1")

RECIPE = Recipe(
    against="target-dpo:9",
    rows=((CODEQWEN_CHAT, CODEFLOW), (QWEN_7B, CODEFLOW)),
    arms=(REF, FOCAL_SFT, TARGET_DPO, TARGET_RPO, AUGMENTED),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
