"""Verdicts of evalplus's own check: samples as JSON lines on stdin, with `base` and `plus` on stdout.

    python -m tests.helpers.evalplus_itself humaneval|mbpp DATA FLOOR < samples.jsonl

DATA: the benchmark's unpacked file. FLOOR: seconds that an input gets at least (evalplus's default is 1). Only for
programs that do no harm: evalplus does not shut them in.
"""

import contextlib
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor


def main(family: str, data: str, floor: float) -> None:
    os.environ.update(HUMANEVAL_OVERRIDE_PATH=data, MBPP_OVERRIDE_PATH=data)
    from evalplus.data import get_human_eval_plus, get_mbpp_plus
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.evaluate import check_correctness, get_groundtruth

    samples = [json.loads(line) for line in sys.stdin]
    wanted = {s["task_id"] for s in samples}
    with contextlib.redirect_stdout(sys.stderr):
        problems = {"humaneval": get_human_eval_plus, "mbpp": get_mbpp_plus}[family]()
        problems = {t: p for t, p in problems.items() if t in wanted}
        name = f"{family}-{len(wanted)}-{os.getpid()}"  # of its cache of ground truths, which is not to be shared
        expected = get_groundtruth(problems, name, MBPP_OUTPUT_NOT_NONE_TASKS if family == "mbpp" else [])
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            futures = [
                pool.submit(
                    check_correctness, family, n, problems[s["task_id"]], s["solution"], expected[s["task_id"]],
                    fast_check=True, identifier=n, min_time_limit=floor,
                )
                for n, s in enumerate(samples)
            ]  # fmt: skip
            results = [f.result() for f in futures]
    for sample, result in zip(samples, results, strict=True):
        print(json.dumps({**sample, "base": result["base"][0], "plus": result["plus"][0]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
