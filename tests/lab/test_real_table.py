"""The real model's section of the lab's page: paired differences, in the order of the pairs' ids."""

import json

from lab import real_table, rows


def test_differences_are_paired_by_id(tmp_path, monkeypatch):
    about = {"seed": 0, "rate": 1e-4, "seconds": 600, "share": None, "judged": "quixbugs"}
    runs = [
        about | {"arm": "base", "source": None, "rate": 0.0, "pairs": {"a": [1.0, 0.5], "b": [-3.0, 0.5]}},
        about | {"arm": "SFT", "source": "bugs", "pairs": {"b": [-2.0, 0.4], "a": [1.0, 0.4]}},
        about | {"arm": "fork", "source": "bugs", "pairs": {"a": [3.0, 0.4], "b": [0.0, 0.4]}},
    ]
    section = page(runs, tmp_path, monkeypatch)
    assert "The base prefers the correct token in 50 % of 2 pairs; log-ratio -1.00 (" in section
    assert "| bugs | fork − SFT | +2.00 (+2.00 to +2.00) | +0.00 (+0.00 to +0.00) |" in section
    assert "| bugs | fork − base | +2.50 (" in section
    assert "| bugs | FGit − SFT |" not in section  # which was not run


def test_a_difference_is_over_the_rates_and_of_seeds_that_were_run_at_all_of_them(tmp_path, monkeypatch):
    about = {"seconds": 6, "share": None, "judged": "quixbugs", "source": "bugs"}

    def run(arm, rate, seed, ratio):
        return about | {"arm": arm, "rate": rate, "seed": seed, "pairs": {"a": [ratio, 0.4], "b": [ratio, 0.4]}}

    base = about | {"arm": "base", "source": None, "rate": 0.0, "seed": 0, "pairs": {"a": [0.0, 0.5], "b": [0.0, 0.5]}}
    runs = [base, *(run("SFT", rate, seed, 0.0) for rate in (1e-4, 3e-4) for seed in (0, 1))]
    runs += [run("fork", 1e-4, 0, 1.0), run("fork", 3e-4, 0, 2.0), run("fork", 1e-4, 1, 9.0)]
    section = page(runs, tmp_path, monkeypatch)
    assert "| bugs | fork − SFT | +1.50 (" in section
    assert "| bugs | fork | 100, 100 | +5.00, +2.00 | 0.40, 0.40 |" in section


def page(runs, tmp_path, monkeypatch):
    (tmp_path / "real.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    return real_table.section()


def test_nothing_is_said_without_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    assert real_table.section() == ""
