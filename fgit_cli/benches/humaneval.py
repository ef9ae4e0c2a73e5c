"""HumanEval and HumanEval+: 164 functions to complete (Chen et al. 2021; EvalPlus, Liu et al. 2023, v0.1.10)."""

from fgit_cli.benches import evalplus, evalplus_data
from fgit_cli.benches.bench import Task
from fgit_cli.executor import Kind


class HumanEval(evalplus.EvalPlusBench):
    family = "humaneval"

    def kind(self, task: Task) -> Kind:
        return "poly" if task.entry_point == "find_zero" else "equal"  # HumanEval/32: any root of the polynomial


load = evalplus.loader(HumanEval, evalplus_data.HUMANEVAL, plus=False)
load_plus = evalplus.loader(HumanEval, evalplus_data.HUMANEVAL, plus=True)
