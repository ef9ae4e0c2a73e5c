"""Target-DPO, Table 21: DeepSeek-V3 as the teacher, 28,000 pairs.

Training: 0.7 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import FOCAL_BENCHES, FOCAL_MASK, FOCAL_SFT, FOCAL_TRAIN, LCB, QWEN_7B, REF, TARGET_DPO, codeflow
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:21",
    rows=((QWEN_7B, codeflow("codeflow-v3", "--model deepseek-chat", 28_000)),),
    arms=(REF, FOCAL_SFT, TARGET_DPO),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
