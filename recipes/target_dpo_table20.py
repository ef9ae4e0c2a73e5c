"""Target-DPO, Table 20: which failing version is the incorrect response.

Training: 2.6 h on 8 x a800-80gb; models: 46 GB.
"""

from recipes.papers import FOCAL_BENCHES, FOCAL_MASK, FOCAL_TRAIN, LCB, QWEN_7B, REF, codeflow
from recipes.runner import Arm, Recipe, main

CHOICES = tuple(
    Arm(
        f"Target-DPO ({n})",
        "--objective target-dpo",
        data=codeflow(f"codeflow-{n}", f"--negative {n}"),
    )
    for n in ("first", "last", "random")
)

RECIPE = Recipe(
    against="target-dpo:20",
    rows=((QWEN_7B, codeflow("codeflow", "")),),
    arms=(REF, *CHOICES),
    benches=(*FOCAL_BENCHES, LCB),
    common=FOCAL_TRAIN,
    mask=FOCAL_MASK,
)

if __name__ == "__main__":
    main(RECIPE)
