"""Target-DPO, Table 10: LiveCodeBench v5, SFT beside Target-RPO.

Needs LiveCodeBench's release v5 as data/livecodebench.jsonl in the work folder; the difficulty of a task stands in that
file.

Training: 2.8 h on 8 x a800-80gb; models: 59 GB.
"""

from recipes.papers import CODEFLOW, CODEQWEN_CHAT, FOCAL_MASK, FOCAL_SFT, FOCAL_TRAIN, QWEN_7B, TARGET_RPO
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:10",
    rows=((CODEQWEN_CHAT, CODEFLOW), (QWEN_7B, CODEFLOW)),
    arms=(FOCAL_SFT, TARGET_RPO),
    benches=("livecodebench",),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
