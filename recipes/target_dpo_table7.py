"""Target-DPO, Table 7: pairs by debugging beside pairs by sampling, 10,000 each.

Training: 0.3 h on 8 x a800-80gb; models: 30 GB.
"""

from recipes.papers import FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, LCB, QWEN_7B, REF, codeflow
from recipes.runner import Arm, Recipe, main

DEBUGGING = codeflow("codeflow-10k", "", 10_000)
SAMPLING = codeflow("sampling-10k", "--sampling 5", 10_000)
SAMPLED = Arm("Sampling (10k pairs)", "--objective target-dpo", data=SAMPLING)
DEBUGGED = Arm("Debugging (10k pairs)", "--objective target-dpo")

RECIPE = Recipe(
    against="target-dpo:7",
    rows=((QWEN_7B, DEBUGGING),),
    arms=(REF, SAMPLED, DEBUGGED),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
