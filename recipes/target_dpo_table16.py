"""Target-DPO, Table 16: more of the incorrect response, on Qwen2.5-Coder-7B.

Training: 3.1 h on 8 x a800-80gb; models: 61 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_SFT, FOCAL_TRAIN, LCB, QWEN_7B, REF, TARGET_RPO
from recipes.runner import Arm, Recipe, main

HYBRID = Arm("Hybrid-RPO", "--objective target-rpo --hybrid-fraction 0.5")
AUGMENTED = Arm("DiffAug-RPO", "--objective target-rpo", "--context 1")  # the paper has one line or two

RECIPE = Recipe(
    against="target-dpo:16",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(REF, FOCAL_SFT, HYBRID, AUGMENTED, TARGET_RPO),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
