"""MBPP and MBPP+: 378 short functions from a sentence and a test (Austin et al. 2021; EvalPlus v0.2.0)."""

from typing import Any

from fgit_cli.benches import evalplus, evalplus_data, mbpp_inputs
from fgit_cli.benches.bench import Task
from fgit_cli.executor import Kind

# Functions whose outputs are not compared by equality (evalplus 0.3.1, evalplus/eval/_special_oracle.py, __init__.py).
KINDS: dict[str, Kind] = {
    "similar_elements": "set",  # Mbpp/2
    "find_char_long": "set",  # Mbpp/7
    "common_in_nested_lists": "set",  # Mbpp/111
    "extract_singly": "set",  # Mbpp/140
    "larg_nnum": "set",  # Mbpp/232
    "intersection_array": "set",  # Mbpp/249
    "find_dissimilar": "set",  # Mbpp/579
    "Diff": "set",  # Mbpp/769
    "check_str": "not-none",  # Mbpp/737
    "text_match_three": "not-none",  # Mbpp/787
    "text_starta_endb": "not-none",  # Mbpp/794
    "are_equivalent": "always",  # Mbpp/164
    "sum_div": "or-zero",  # Mbpp/295
    "digit_distance_nums": "digits",  # Mbpp/558
    "surface_Area": "surface",  # Mbpp/581
}


class Mbpp(evalplus.EvalPlusBench):
    family = "mbpp"

    def kind(self, task: Task) -> Kind:
        return KINDS.get(task.entry_point, "equal")

    def calls(self, task: Task, part: str) -> list[list[Any]]:
        return mbpp_inputs.typed(task.task_id, task.row[part])


load = evalplus.loader(Mbpp, evalplus_data.MBPP, plus=False)
load_plus = evalplus.loader(Mbpp, evalplus_data.MBPP, plus=True)
