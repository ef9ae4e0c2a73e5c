"""Target-DPO, Table 2: beside SFT on the same data.

Training: 1.4 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_SFT, FOCAL_TRAIN, QWEN_7B, TARGET_DPO
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:2",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(FOCAL_SFT, TARGET_DPO),
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
    absent="SFT on EpiCoder's sets, which are other data",
)

if __name__ == "__main__":
    main(RECIPE)
