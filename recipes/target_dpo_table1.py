"""Target-DPO, Table 1: the objectives beside each other on four models.

LiveCodeBench is evaluated from a file (`fgit eval --bench livecodebench --data FILE`), not here.

Training: 17.5 h on 8 x a800-80gb; models: 302 GB.
"""

from recipes.papers import (
    BCB,
    BCB_HARD,
    CODEFLOW,
    CODEQWEN_CHAT,
    DEEPSEEK_INSTRUCT_V15,
    DPO,
    FOCAL_MASK,
    FOCAL_TRAIN,
    LCB,
    QWEN_7B,
    REF,
    RPO,
    STARCODER2_15B,
    TARGET_DPO,
    TARGET_RPO,
)
from recipes.runner import Recipe, main

RECIPE = Recipe(
    against="target-dpo:1",
    rows=tuple((s, CODEFLOW) for s in (DEEPSEEK_INSTRUCT_V15, CODEQWEN_CHAT, STARCODER2_15B, QWEN_7B)),
    arms=(REF, DPO, RPO, TARGET_DPO, TARGET_RPO),
    benches=("humaneval+", "mbpp+", *BCB, *BCB_HARD, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
    absent="Code-Optimise, another method on other data",
)

if __name__ == "__main__":
    main(RECIPE)
