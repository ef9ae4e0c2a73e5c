"""Two tasks in EvalPlus's format."""

TASKS = [
    {
        "task_id": "HumanEval/0",
        "prompt": 'def add_one(x: int) -> int:\n    """One more."""\n',
        "entry_point": "add_one",
        "canonical_solution": "    return x + 1\n",
        "base_input": [[1], [2]],
        "plus_input": [[-1], [10**20]],
        "atol": 0,
    },
    {
        "task_id": "HumanEval/1",
        "prompt": 'def half(x: float) -> float:\n    """Half of it."""\n',
        "entry_point": "half",
        "canonical_solution": "    return x / 2\n",
        "base_input": [[1.0]],
        "plus_input": [[0.5], [3.0]],
        "atol": 1e-6,
    },
]
