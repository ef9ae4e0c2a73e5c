"""What every stage does with bad input, closed pipes, interrupts and output files (DESIGN: manners), on one of them."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
GOOD = {"id": "a", "instruction": "Add.", "response": "x = a + b\n", "incorrect": "x = a - b\n", "kept": {"deep": [1]}}
STAGE = ("select", "--by", "edit")


def line(**changes):
    return json.dumps({**GOOD, **changes}) + "\n"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{oops\n", "not JSON"),
        ("[1]\n", "a JSON array; each line must be an object"),
        ("[\n", "a JSON array; each line must be an object"),
        ("null\n", "not a JSON object"),
        (line(x=1).replace("1}", "NaN}"), "NaN is not JSON"),
        (line(x=1).replace("1}", "-Infinity}"), "-Infinity is not JSON"),
        (line(x=1).replace("1}", "1e999}"), "too large for a float"),
        (line(x="\ud800"), r"a lone surrogate (\ud800)"),
        (json.dumps({"response": "x"}) + "\n", "no instruction"),
        (json.dumps({"instruction": "x"}) + "\n", "no correct response"),
        (line(response=7), "field `response` is a number"),
        (line(messages=[], instruction=None, id=None), "field `messages`"),
    ],
)
def test_a_bad_line_stops_the_run_after_all_earlier_records_are_out(fgit, bad, said):
    done = fgit(*STAGE, stdin=line() + bad + line(id="later"))
    assert done.code == 3
    assert [json.loads(x)["id"] for x in done.out.splitlines()] == ["a"]
    last = done.err.splitlines()[-1]
    assert last.startswith("fgit select: stdin:2: ")
    assert said in last
    assert "Traceback" not in done.err


def test_bytes_that_are_no_text_are_named(fgit):
    done = fgit(*STAGE, stdin=line().encode() + b'{"instruction": "\xff"}\n')
    assert (done.code, "stdin:2: not UTF-8" in done.err) == (3, True)


def test_bad_lines_can_be_passed_over_and_are_counted(fgit):
    done = fgit(
        *STAGE, "--skip-bad-lines", stdin=line() + "{oops\n" + "\n" + line(id="b", response=None) + line(id="c")
    )
    assert done.code == 0
    assert [json.loads(x)["id"] for x in done.out.splitlines()] == ["a", "c"]
    assert "2 bad lines passed over" in done.err


def test_lines_are_split_at_newline_only_and_unknown_fields_are_kept(fgit):
    record = {**GOOD, "instruction": "a\x0b\x0c\x1c\x85\u2028b\r", "big": 2**70, "n": None}
    done = fgit(*STAGE, stdin=json.dumps(record, ensure_ascii=False) + "\n")
    out = json.loads(done.out)
    assert {k: out[k] for k in record} == record


def test_empty_input_is_said_and_fine(fgit, tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    for words, stdin in ((STAGE, ""), ((*STAGE, "none.jsonl"), "")):
        done = fgit(*words, stdin=stdin)
        assert (done.code, done.out) == (0, "")
        assert "empty" in done.err


def test_a_line_of_50_megabytes_goes_through(fgit):
    done = fgit(*STAGE, stdin=line(ballast="x" * 50_000_000) + line(id="b"))
    assert done.code == 0
    assert [json.loads(x)["id"] for x in done.out.splitlines()] == ["a", "b"]


def test_files_gz_and_a_missing_file(fgit, tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line().encode()))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(line().encode() * 1000)[:-20])
    assert json.loads(fgit(*STAGE, "a.jsonl.gz").out)["id"] == "a"
    assert fgit(*STAGE, "a.jsonl.gz", "-", stdin=line(id="z")).out.count("\n") == 2
    gone = fgit(*STAGE, "gone.jsonl")
    assert (gone.code, gone.err.splitlines()[-1]) == (
        3,
        "fgit select: gone.jsonl: cannot be opened: No such file or directory",
    )
    cut = fgit(*STAGE, "cut.jsonl.gz")
    assert cut.code == 3
    assert "cannot be read" in cut.err.splitlines()[-1]
    assert fgit(*STAGE, stdin=gzip.compress(line().encode())).out == fgit(*STAGE, stdin=line()).out


def test_an_output_file_appears_when_it_is_whole(fgit, tmp_path):
    assert fgit(*STAGE, "--output", "out.jsonl", stdin=line()).code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["id"] == "a"
    failed = fgit(*STAGE, "--output", "new.jsonl", stdin=line() + "{oops\n")
    assert failed.code == 3
    assert not (tmp_path / "new.jsonl").exists()
    assert json.loads((tmp_path / "new.jsonl.partial").read_text())["id"] == "a"
    assert "new.jsonl.partial" in failed.err


def test_so_does_the_file_of_rejects(fgit, tmp_path):
    same = line(id="same", incorrect=GOOD["response"])
    assert fgit(*STAGE, "--rejects", "no.jsonl", stdin=same + "{oops\n").code == 3
    assert not (tmp_path / "no.jsonl").exists()
    assert json.loads((tmp_path / "no.jsonl.partial").read_text())["id"] == "same"


@pytest.mark.parametrize(
    "words",
    [("--output", ""), ("--output", "."), ("--rejects", "."), ("--output", "x", "--rejects", "./x"), ("--html", ".")],
)
def test_a_file_that_cannot_be_is_refused_before_any_work(fgit, tmp_path, words):
    done = fgit("diff", *words, stdin=line())
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert words[-2] in done.err
    assert not list(tmp_path.iterdir())


def test_a_link_stays_one_and_an_open_stream_is_no_file_to_replace(fgit, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.jsonl").symlink_to("real/out.jsonl")
    assert fgit(*STAGE, "--output", "link.jsonl", stdin=line()).code == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "real" / "out.jsonl").read_text()
    with open(tmp_path / "there", "w") as there:  # a plain file behind /dev/stdout
        subprocess.run(
            [sys.executable, "-m", "fgit_cli", *STAGE, "--output", "/dev/stdout", "--rejects", "/dev/stderr"],
            input=line().encode(), stdout=there, stderr=subprocess.DEVNULL, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert json.loads((tmp_path / "there").read_text())["id"] == "a"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_in_one_line(tmp_path):
    (tmp_path / "in.jsonl").write_text(line())
    for words in ("diff in.jsonl > /dev/full", "diff in.jsonl -o /dev/full", "--version > /dev/full"):
        done = subprocess.run(
            f"'{sys.executable}' -m fgit_cli {words}", shell=True, capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), (words, done.stderr)
        assert "No space left" in done.stderr


def test_streams_that_the_caller_closed(tmp_path):
    (tmp_path / "in.jsonl").write_text(line())
    for words, gives in (("diff <&-", 0), ("diff in.jsonl >&-", 0), ("diff in.jsonl 2>&-", 1)):
        done = subprocess.run(
            f"'{sys.executable}' -m fgit_cli {words}", shell=True, capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert (done.returncode, len(done.stdout.splitlines())) == (0, gives), (words, done.stderr)
        assert "Traceback" not in done.stderr


def test_rejects_are_counted_kept_whole_and_limited(fgit, tmp_path):
    same = line(id="same", incorrect=GOOD["response"])
    done = fgit(*STAGE, "--rejects", "no.jsonl", "--max-rejects", "0.4", stdin=line() + same)
    assert done.code == 1
    assert "more than --max-rejects 0.4" in done.err.splitlines()[-1]
    rejected = json.loads((tmp_path / "no.jsonl").read_text())
    assert rejected["id"] == "same"
    assert rejected["kept"] == GOOD["kept"]
    assert rejected["reason"]
    assert fgit(*STAGE, "--max-rejects", "0.5", stdin=line() + same).code == 0


def test_config_files_and_their_unknown_keys(fgit, tmp_path):
    (tmp_path / "a.toml").write_text('by = "edit"\n')
    assert fgit("select", "--config", "a.toml", stdin=line()).code == 0
    (tmp_path / "b.toml").write_text('buy = "edit"\n')
    done = fgit("select", "--config", "b.toml", stdin=line())
    assert (done.code, "unknown option 'buy'" in done.err) == (2, True)
    assert fgit("select", "--config", "gone", stdin=line()).code == 2


def test_a_config_files_tables_are_by_command(fgit, tmp_path):
    (tmp_path / "a.toml").write_text('[diff]\nalgorithm = "lcs"\n[select]\nby = "nonsense"\n')
    made = json.loads(fgit("diff", "--config", "a.toml", stdin=line()).out)["diff"]["made"]
    assert made["algorithm"] == "lcs"
    (tmp_path / "b.toml").write_text("[diff]\nnonsense = 1\n")
    done = fgit("diff", "--config", "b.toml", stdin=line())
    assert (done.code, "unknown option 'nonsense'" in done.err) == (2, True)


def test_usage_errors_are_one_line_and_exit_2(fgit):
    for words in (("selct",), ("select", "--bye", "edit"), ("select", "--max-rejects", "2")):
        done = fgit(*words)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        assert "--help" in done.err
    assert fgit("selct", "diff").err.startswith("fgit: ")


def test_bare_fgit_shows_its_help(fgit):
    done = fgit()
    assert (done.code, done.err) == (2, "")
    assert "\nCommands:\n" in done.out
    assert fgit("diff", "-h").code == 0


@pytest.fixture
def alarm():
    """A stage that holds records back would hang the test for ever."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("nothing came in 60 s"))
    signal.alarm(60)
    yield
    signal.alarm(0)


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_a_reader_that_goes_away_is_no_error(alarm):
    process = start(*STAGE)
    process.stdin.write(line().encode())
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    try:
        for _ in range(2000):
            process.stdin.write(line().encode())
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(60) == 0
    assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_what_is_finished_and_exits_130(alarm, number):
    process = start(*STAGE)
    process.stdin.write(line().encode())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == "a"
    process.send_signal(number)
    assert process.wait(60) == 130
    assert b"Traceback" not in process.stderr.read()


def test_help_is_quick():
    """Heavy packages are imported where they are used; the asked 0.15 s is measured by benchmarks/startup.py."""
    heavy = {
        "torch", "transformers", "sentence_transformers", "tokenizers", "huggingface_hub", "openai", "httpx", "numpy",
        "scipy", "pandas", "matplotlib", "evalplus", "jinja2", "rapidfuzz", "tree_sitter", "asyncio",
        "multiprocessing", "fgit_cli.executor",
    }  # fmt: skip
    for words in (["--help"], *([command, "--help"] for command in COMMANDS)):
        code = (
            "import sys; from fgit_cli.app import main; main(sys.argv[1:]); "
            f"print(sorted(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.stderr.strip() == "[]", words


@pytest.mark.parametrize("words", [STAGE, ("diff",), ("mutate", "--method", "universalmutator")])
def test_records_come_as_they_are_made(alarm, words):
    """A stage is a filter: the first record is out before the input ends."""
    process = start(*words)
    process.stdin.write(line().encode())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == "a"
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["maks"], "mask"), (["evla"], "eval"), (["train", "--lr", "1"], "--learning-rate"),
     (["train", "--learning-rat", "1"], "--learning-rate"), (["mask", "--tokeniser", "x"], "--tokenizer"),
     (["eval", "--no-prefil"], "--no-prefill"), (["finetune"], "train"), (["generate"], "eval or mutate"),
     (["train", "--bs", "8"], "--global-batch-size"), (["train", "--epochs", "3"], "--num-train-epochs"),
     (["train", "--learning_rate", "1"], "--learning-rate"), (["eval", "--temp", "1"], "--template or --temperature"),
     (["train", "--model-name-or-path", "x"], "--model"), (["eval", "-n", "3"], "--samples"),
     (["eval", "--max-tokens", "3"], "--max-new-tokens"), (["train", "--out", "x"], "--output-dir")],
)  # fmt: skip
def test_a_word_that_is_none_is_answered_with_the_one_that_was_meant(fgit, words, meant):
    ran = fgit(*words)
    assert ran.code == 2
    assert f"did you mean {meant}?" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_word_like_no_other_is_not_guessed(fgit):
    for words in (("train", "--zzzz"), ("mask", "--tokenizer"), ("train", "--q"), ("mutate", "--key", "x"), ("zzzz",)):
        ran = fgit(*words)
        assert ran.code == 2
        assert "did you mean" not in ran.err
