"""Target-DPO, Table 12: three base models.

Training: 1.8 h on 8 x a800-80gb; models: 31 GB.
"""

from recipes.papers import CODEFLOW, DEEPSEEK_1B, DEEPSEEK_7B, FOCAL_MASK, FOCAL_TRAIN, REF, STARCODER2_7B, TARGET_DPO
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:12",
    rows=tuple((s, CODEFLOW) for s in (STARCODER2_7B, DEEPSEEK_1B, DEEPSEEK_7B)),
    arms=(REF, TARGET_DPO),
    benches=("humaneval+", "mbpp+"),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
    absent="CodeDPO, Code-Optimise and PLUM, other methods on other data",
)

if __name__ == "__main__":
    main(RECIPE)
