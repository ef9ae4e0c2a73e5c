"""Target-DPO, Table 18: failures on BigCodeBench by type of error.

Training: 1.7 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_MASK, FOCAL_TRAIN, QWEN_7B, RPO, TARGET_RPO
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:18",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(RPO, TARGET_RPO),
    benches=("bigcodebench",),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
    report="--table errors --table messages",
    absent="Code-Optimise-RPO, another method on other data",
)

if __name__ == "__main__":
    main(RECIPE)
