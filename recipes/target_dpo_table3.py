"""Target-DPO, Table 3: more of the incorrect response: hybrid training and diff-augmentation.

Training: 5.0 h on 8 x a800-80gb; models: 87 GB.
"""

from recipes.papers import CODEFLOW, CODEQWEN_CHAT, FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, REF, TARGET_DPO, TARGET_RPO
from recipes.runner import Arm, Recipe, main

MORE = tuple(
    arm
    for name in ("target-dpo", "target-rpo")
    for arm in (
        Arm(f"{name} hybrid training", f"--objective {name} --hybrid-fraction 0.5"),
        Arm(f"{name} diff-augmentation", f"--objective {name}", "--context 1"),  # the paper has one line or two
    )
)

RECIPE = Recipe(
    against="target-dpo:3",
    rows=((CODEQWEN_CHAT, CODEFLOW),),
    arms=(REF, *MORE, TARGET_DPO, TARGET_RPO),
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
