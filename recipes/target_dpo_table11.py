"""Target-DPO, Table 11: BigCodeBench by split, SFT beside Target-RPO.

Training: 2.8 h on 8 x a800-80gb; models: 59 GB.
"""

from recipes.papers import (
    BCB,
    BCB_HARD,
    CODEFLOW,
    CODEQWEN_CHAT,
    FOCAL_MASK,
    FOCAL_SFT,
    FOCAL_TRAIN,
    QWEN_7B,
    TARGET_RPO,
)
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:11",
    rows=((CODEQWEN_CHAT, CODEFLOW), (QWEN_7B, CODEFLOW)),
    arms=(FOCAL_SFT, TARGET_RPO),
    benches=(*BCB, *BCB_HARD),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
