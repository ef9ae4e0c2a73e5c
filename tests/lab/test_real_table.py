"""The real model's section of the lab's page: paired differences, in the order of the pairs' ids."""

import json

from lab import real_table, rows


def test_differences_are_paired_by_id(tmp_path, monkeypatch):
    about = {"seed": 0, "seconds": 600, "share": None, "judged": "quixbugs"}
    runs = [
        about | {"arm": "base", "source": None, "pairs": {"a": [1.0, 0.5], "b": [-3.0, 0.5]}},
        about | {"arm": "SFT", "source": "bugs", "pairs": {"b": [-2.0, 0.4], "a": [1.0, 0.4]}},
        about | {"arm": "fork", "source": "bugs", "pairs": {"a": [3.0, 0.4], "b": [0.0, 0.4]}},
    ]
    (tmp_path / "real.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    section = real_table.section()
    assert "| – | base | 2 | 50 % (9 to 91) | -1.00 (-3.00 to +1.00) | 0.50 (0.50 to 0.50) | – |" in section
    assert "| bugs | fork − SFT | +2.00 (+2.00 to +2.00) | +0.00 (+0.00 to +0.00) |" in section
    assert "| bugs | FGit − SFT |" not in section  # which was not run


def test_nothing_is_said_without_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    assert real_table.section() == ""
