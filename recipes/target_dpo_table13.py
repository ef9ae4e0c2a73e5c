"""Target-DPO, Table 13: by size of the model.

Training: 4.9 h on 8 x a800-80gb; models: 84 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, QWEN_1B, QWEN_7B, QWEN_32B, TARGET_RPO
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:13",
    rows=tuple((s, CODEFLOW) for s in (QWEN_1B, QWEN_7B, QWEN_32B)),
    arms=(TARGET_RPO,),
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
