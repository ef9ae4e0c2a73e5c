"""Eval results made up for a test."""

import json


def result(task_id, base="pass", plus="pass", bench="humaneval+", sample=0, **more):
    return {
        "task_id": task_id, "bench": bench, "sample": sample, "solution": "def f():\n    return 1\n",
        "base": base, "plus": plus, "error": None, "seconds": 0.1, "isolation": "full", **more,
    }  # fmt: skip


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)
