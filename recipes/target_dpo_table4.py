"""Target-DPO, Table 4: SFT on the correct and on the incorrect responses.

Training: 1.1 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import CODEFLOW, FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, QWEN_7B
from recipes.runner import Arm, Recipe, main

CORRECT = Arm("SFT (Correct)", "--objective sft")
INCORRECT = Arm("SFT (Incorrect)", "--objective sft", "--response-field incorrect --incorrect-field response")

RECIPE = Recipe(
    against="target-dpo:4",
    rows=((QWEN_7B, CODEFLOW),),
    arms=(CORRECT, INCORRECT),
    benches=FOCAL_BENCHES,
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
