"""FGit, Table VI: variants by the teacher beside variants by mutation rules.

Training: 0.7 h on 8 x a800-80gb; models: 27 GB.
"""

from recipes.papers import BASE, EVOL, FGIT, FGIT_BENCHES, RULES, SEMCODER_S
from recipes.runner import Arm, Recipe, main

MUTATION = Arm("Mutation-Based", "--objective fgit", data=RULES)

RECIPE = Recipe(
    against="fgit:VI",
    rows=((SEMCODER_S, EVOL),),
    arms=(BASE, MUTATION, FGIT),
    benches=FGIT_BENCHES,
)

if __name__ == "__main__":
    main(RECIPE)
