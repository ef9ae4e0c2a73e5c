"""`mask` against a plain reading of the definitions, its limits, and its agreement with `diff`."""

import difflib
import json

import Levenshtein
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_tokenizers import kept, plain

from fgit_cli.core import thinking
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.fields import Instruction
from fgit_cli.core.masks import REVISION
from fgit_cli.engines.tokenizing import templates
from fgit_cli.stages.mask import Job, Masked, Masker, Settings
from fgit_cli.stages.running import Rejected

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
CODE = st.lists(
    st.sampled_from(
        ["x = 1\n", "    return b\n", "\n", "\tif é:\r\n", "x = 2\n", "🦙🦙\0\n", "e\u0301 \n", "end", "f(a,\n",
         "  b):\n", "한국\n", "<|EOT|>", "ü"]
    ),
    max_size=10,
).map("".join)  # fmt: skip
TEXTS = st.one_of(CODE, st.text(max_size=40), st.text(alphabet="ab \n", max_size=20))
ASK = Instruction((("user", "Do it."),))


def masker(tokenizer, granularity="hybrid", gaps="anchor", max_length=1024, **made):
    template = templates.load(None, tokenizer)
    return Masker(tokenizer, template, Settings(Comparison(**made), granularity, gaps, max_length))


def one(masker_, correct, incorrect, diff=None):
    """What the pair gives, or the reason why it is left out."""
    found = masker_([Job(ASK, correct, incorrect, diff)])[0]
    return found.reason if isinstance(found, Rejected) else found


def plain_reading(correct, incorrect, granularity, gaps, space):
    """For each side the value of each character and, last, of the end token: by the definitions, step by step."""

    def lines(text):
        parts = text.split("\n")
        return [p + "\n" for p in parts[:-1]] + [parts[-1]] * bool(parts[-1])

    def bare(lines):
        return [x.rstrip(" \t\r\n") if space else x.removesuffix("\n") for x in lines]

    def joined(lines, start):
        """The hunk without what takes no part; where each of its characters stands; those that may be marked."""
        text, places, counted = "", [], []
        for line, key in zip(lines, bare(lines), strict=True):
            text += key + "\n"
            places += range(start, start + len(key) + 1)
            counted += [True] * len(key) + [not space]
            start += len(line)
        return text[:-1], places, counted

    a, c = lines(incorrect), lines(correct)
    line = {"c": [0] * (len(correct) + 1), "a": [0] * (len(incorrect) + 1)}
    char = {"c": [0] * (len(correct) + 1), "a": [0] * (len(incorrect) + 1)}
    anchors = {"c": set(), "a": set()}
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, bare(a), bare(c), autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        a1, a2 = len("".join(a[:i1])), len("".join(a[:i2]))
        c1, c2 = len("".join(c[:j1])), len("".join(c[:j2]))
        for side, start, end in (("a", a1, a2), ("c", c1, c2)):
            for i in range(start, end):
                line[side][i] = 1
        old, a_places, a_counted = joined(a[i1:i2], a1)
        new, c_places, c_counted = joined(c[j1:j2], c1)
        if tag == "replace":
            edits = Levenshtein.editops(old, new)
            for op, i, j in edits:
                if op != "insert":
                    char["a"][a_places[i]] |= a_counted[i]
                if op != "delete":
                    char["c"][c_places[j]] |= c_counted[j]
            marked = {s: any(char[s][x:y]) for s, x, y in (("a", a1, a2), ("c", c1, c2))}
            if granularity == "token" and marked["c"] and not marked["a"]:
                anchors["a"].add(a_places[edits[0][1]])
            if granularity == "token" and marked["a"] and not marked["c"]:
                anchors["c"].add(c_places[edits[0][2]])
        else:
            for side, places, counted in (("a", a_places, a_counted), ("c", c_places, c_counted)):
                for place, counts in zip(places, counted, strict=True):
                    char[side][place] |= counts and place < len(correct if side == "c" else incorrect)
            there, other, at = (a[i1:], c[j1:], a1) if tag == "insert" else (c[j1:], a[i1:], c1)
            for mine, theirs, line_ in zip(bare(there), bare(other), there, strict=False):
                if mine != theirs:
                    at += next((k for k, (x, y) in enumerate(zip(mine, theirs, strict=False)) if x != y),
                               min(len(mine), len(theirs)))  # fmt: skip
                    break
                at += len(line_)
            anchors["a" if tag == "insert" else "c"].add(at)
    for side in "ca":
        if gaps == "ignore":
            anchors[side].clear()
    return line, char, anchors


@given(TEXTS, TEXTS, st.sampled_from(["hybrid", "line", "token"]), st.sampled_from(["anchor", "ignore"]), st.booleans())
@SHARED
def test_values_are_those_of_the_definitions(tokenizer, correct, incorrect, granularity, gaps, space):
    # hypothesis knows the tags of thinking, which takes no part in masks: it has read them in the code
    assume(all(thinking.answer_span(text) == (0, len(text)) for text in (correct, incorrect)))
    got = one(masker(tokenizer, granularity, gaps, ignore=("space",) * space), correct, incorrect)
    line, char, anchors = plain_reading(correct, incorrect, granularity, gaps, space)
    if isinstance(got, str) and got.startswith("no difference"):
        assert got == ("no difference" if correct == incorrect else "no difference but in white space")
        assert not any(map(any, [*line.values(), *char.values(), *anchors.values()]))
        return
    sides = {"c": correct, "a": incorrect}
    want = {}
    for side, text in sides.items():
        (ids,) = tokenizer.encode_responses([text])
        spans = tokenizer.spans(text, ids)
        tokens = [range(s, e) for s, e in zip(spans.starts, spans.ends, strict=True)] + [
            range(len(text), len(text) + 1)
        ]
        want[side] = []
        for token in tokens:
            value = 0
            if granularity != "token":
                value += any(line[side][i] for i in token)
            if granularity != "line":
                value += any(char[side][i] for i in token)
            want[side].append(max(value, any(i in anchors[side] for i in token)))
    if isinstance(got, str):
        assert not any(want["c"])
        return
    assert got.correct_mask == want["c"]
    assert got.incorrect_mask == want["a"]
    assert len(got.correct_ids) == len(got.correct_mask)
    assert len(got.incorrect_ids) == len(got.incorrect_mask)
    assert got.correct_ids[-1] == got.incorrect_ids[-1] == templates.load(None, tokenizer).prompt(ASK).end
    if "llama" not in tokenizer.name and not tokenizer.name.endswith("qwen2"):
        assert tokenizer.decode(got.prompt_ids + got.correct_ids[:-1]).endswith(correct)


@given(TEXTS, TEXTS)
@SHARED
def test_the_tokenizers_own_decode_gives_prompt_and_responses_back(tokenizer, correct, incorrect):
    if tokenizer.name.endswith("coder") and set("õ÷ÁýÀÿøúþüùöû") & set(correct + incorrect):
        return  # its own decode reads these added tokens as bytes
    made = masker(tokenizer, gaps="anchor")
    got = one(made, correct, incorrect)
    if isinstance(got, str):
        return
    fast = plain(tokenizer.serialised)
    prompt = fast.decode(got.prompt_ids, skip_special_tokens=False)
    end = fast.id_to_token(got.correct_ids[-1])
    for ids, text in ((got.correct_ids, correct), (got.incorrect_ids, incorrect)):
        assert fast.decode(got.prompt_ids + ids, skip_special_tokens=False) == prompt + kept(tokenizer, text) + end
    assert "Do it." in prompt


def test_cut_sides_lose_their_end(llama):
    whole = one(masker(llama), "x = 1\ny = 2\nz = 3\n", "x = 9\ny = 2\nz = 3\n")
    limit = len(whole.prompt_ids) + len(whole.correct_ids)
    assert one(masker(llama, max_length=limit), "x = 1\ny = 2\nz = 3\n", "x = 9\ny = 2\nz = 3\n") == whole
    cut = one(masker(llama, max_length=limit - 1), "x = 1\ny = 2\nz = 3\n", "x = 9\ny = 2\nz = 3\n")
    assert cut.correct_ids == whole.correct_ids[:-1]
    assert cut.incorrect_mask == whole.incorrect_mask[:-1]
    assert cut.cut == 2
    assert not whole.cut


def test_reasons(llama):
    assert one(masker(llama, max_length=3), "a", "b") == "prompt too long"
    assert one(masker(llama), "a", "a") == "no difference"
    far = "same\n" * 100
    assert one(masker(llama, max_length=200), far + "a", far + "b") == "no mark left on the correct side"
    assert one(masker(llama, gaps="ignore"), "a\n", "a\nb\n") == "no mark left on the correct side"
    assert "too long" in one(masker(llama), "a" * 10**6, "b" * 10**6)


def test_a_lost_incorrect_mark_keeps_the_pair(llama):
    correct, incorrect = "x\n" + "s\n" * 60, "s\n" * 60 + "y\n"
    got = one(masker(llama, max_length=60, gaps="ignore"), correct, incorrect)
    assert any(got.correct_mask)
    assert not any(got.incorrect_mask)
    assert got.cut == 2


def pairs_of(data, name):
    import gzip

    with gzip.open(data / "pairs" / name, "rt") as lines:
        return [json.loads(line) for line in lines]


def record(**more):
    return {
        "instruction": "Add.",
        "response": "def f(a):\n    return a + 1\n",
        "incorrect": "def f(a):\n    return a - 1\n",
        **more,
    }


@pytest.fixture(scope="session")
def folder(llama):
    return llama.name


def test_diff_then_mask_is_mask(fgit, folder):
    line = json.dumps(record(other=[1, None]))
    once = fgit("mask", "--tokenizer", folder, stdin=line)
    diffed = fgit("diff", stdin=line)
    twice = fgit("mask", "--tokenizer", folder, stdin=diffed.out)
    one, two = json.loads(once.out), json.loads(twice.out)
    assert two.pop("diff") == json.loads(diffed.out)["diff"]
    assert one == two
    assert one["other"] == [1, None]
    assert once.code == twice.code == 0
    assert one["mask"] == {"revision": REVISION, "algorithm": "difflib", "granularity": "hybrid", "gaps": "anchor",
                           "context": 0, "ignore": ["space"], "max_length": 1024}  # fmt: skip


def test_the_difference_brought_is_taken_as_it_is(fgit, folder):
    brought = {"correct": {"lines": [0], "chars": [], "gaps": []}, "incorrect": {"lines": [0], "chars": [], "gaps": []},
               "made": {"algorithm": "by hand"}}  # fmt: skip
    done = fgit("mask", "--tokenizer", folder, stdin=json.dumps(record(diff=brought)))
    got = json.loads(done.out)
    assert set(got["correct_mask"]) == {0, 1}
    assert got["mask"]["algorithm"] == "by hand"


@pytest.mark.parametrize(
    ("words", "change", "message"),
    [
        (["--context", "1"], {}, "--context 1, but field `diff` was made with context 0"),
        (["--algorithm", "lcs"], {}, "--algorithm lcs, but"),
        (["--ignore", "comments"], {}, "--ignore comments, but"),
        ([], {"response": "x"}, "does not fit the correct response"),
        ([], {"diff": 3}, "not an object"),
        ([], {"diff": {}}, "`diff.made` is missing"),
        ([], {"incorrect": 3}, "is a number, not text"),
        ([], {"incorrect": None}, "no incorrect response"),
    ],
)
def test_input_errors(fgit, folder, words, change, message):
    diffed = json.loads(fgit("diff", stdin=json.dumps(record())).out)
    done = fgit("mask", "--tokenizer", folder, *words, stdin=json.dumps({**diffed, **change}))
    assert done.code == 3
    assert message in done.err
    assert "stdin:1" in done.err
    assert done.out == ""


INSERTED = ("if x >= 3:\n    y\n", "if x > 3:\n    y\n")  # a character is added: nothing of `x > 3` is changed


@pytest.mark.parametrize(("granularity", "changed"), [("hybrid", 2), ("token", 1), ("line", 1)])
def test_at_a_fork_both_sides_have_a_changed_token(tokenizer, granularity, changed):
    """`>=` and `>`, whatever tokens they are: where the ids part. In line nothing is added."""
    found = one(masker(tokenizer, granularity, "fork"), *INSERTED)
    anchored = one(masker(tokenizer, granularity, "anchor"), *INSERTED)
    [(j, i)] = found.forks
    assert anchored.forks == found.forks
    assert j == next(k for k, (a, b) in enumerate(zip(found.correct_ids, found.incorrect_ids)) if a != b)  # noqa: B905
    assert (found.correct_mask[j], found.incorrect_mask[i]) == (changed, changed)
    if granularity == "line":
        assert (found.correct_mask, found.incorrect_mask) == (anchored.correct_mask, anchored.incorrect_mask)
    if granularity == "hybrid":
        assert 2 not in anchored.incorrect_mask
        assert found.incorrect_mask.count(2) == 1


@given(correct=TEXTS, incorrect=TEXTS, granularity=st.sampled_from(["hybrid", "line", "token"]))
@SHARED
def test_fork_only_ever_adds_to_anchor_and_only_in_one_sided_hunks(llama, correct, incorrect, granularity):
    pairs = [one(masker(llama, granularity, gaps), correct, incorrect) for gaps in ("anchor", "fork")]
    if isinstance(pairs[0], str) or isinstance(pairs[1], str):
        return
    anchored, forked = pairs
    raised = [
        [k for k, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        for before, after in (
            (anchored.correct_mask, forked.correct_mask),
            (anchored.incorrect_mask, forked.incorrect_mask),
        )
    ]
    assert all(forked.correct_mask[k] > anchored.correct_mask[k] for k in raised[0])
    assert set(raised[0]) <= {j for j, _ in forked.forks}
    assert set(raised[1]) <= {i for _, i in forked.forks}
    assert anchored.forks == forked.forks
    for j, i in forked.forks:
        assert forked.correct_ids[j] != forked.incorrect_ids[i]


def test_forks_behind_the_cut_are_left_out(llama):
    correct, incorrect = "a = 1\n" * 5 + "b = 2\n", "a = 1\n" * 5 + "b = 3\n"
    whole = one(masker(llama), "x\n" + correct, "y\n" + incorrect)
    assert len(whole.forks) == 2
    room = len(whole.prompt_ids) + whole.forks[1][0]
    assert one(masker(llama, max_length=room), "x\n" + correct, "y\n" + incorrect).forks == whole.forks[:1]


def test_forks_of_a_difference_by_hand(fgit, folder):
    """By an algorithm that fgit has, its hunks are found again; by another they are not known, and fork is refused."""
    diffed = json.loads(fgit("diff", stdin=json.dumps(record())).out)
    ours = json.loads(fgit("mask", "--tokenizer", folder, stdin=json.dumps(diffed)).out)
    assert ours["forks"] == json.loads(fgit("mask", "--tokenizer", folder, stdin=json.dumps(record())).out)["forks"]
    diffed["diff"]["made"]["algorithm"] = "by hand"
    stale = diffed | {"forks": [[0, 0]]}
    assert "forks" not in json.loads(fgit("mask", "--tokenizer", folder, stdin=json.dumps(stale)).out)
    done = fgit("mask", "--tokenizer", folder, "--gaps", "fork", stdin=json.dumps(diffed))
    assert (done.code, "--gaps fork finds hunks only for difflib" in done.err) == (3, True)


def test_the_same_option_beside_a_difference_is_fine(fgit, folder):
    diffed = fgit("diff", "--context", "1", stdin=json.dumps(record())).out
    assert fgit("mask", "--tokenizer", folder, "--context", "1", stdin=diffed).code == 0
    done = fgit("mask", "--tokenizer", folder, stdin=diffed)
    assert json.loads(done.out)["mask"]["context"] == 1


def test_unpaired_records_pass_inactive(fgit, folder):
    unpaired = {"instruction": "Add.", "response": "x = 1"}
    for words in (["diff"], ["mask", "--tokenizer", folder]):
        assert fgit(*words, stdin=json.dumps(unpaired)).code == 3
    done = fgit("mask", "--tokenizer", folder, "--keep-unpaired",
                stdin=fgit("diff", "--keep-unpaired", stdin=json.dumps(unpaired)).out)  # fmt: skip
    got = json.loads(done.out)
    assert got["incorrect_ids"] == got["incorrect_mask"] == []
    assert set(got["correct_mask"]) == {0}
    assert len(got["correct_mask"]) == len(got["correct_ids"])


@pytest.mark.parametrize(
    "pair",
    [
        {"response": "x = 1\n", "incorrect": "x = 1\n"},
        {"response": "x = 1\n", "incorrect": "x = 1  \n"},
        {"response": "x = 1\n", "incorrect": "x = 1\ny = 2\n"},  # no mark on the correct side
    ],
)
def test_a_pair_that_gives_no_mark_goes_on_unpaired(fgit, folder, pair):
    words = ["mask", "--tokenizer", folder, "--gaps", "ignore"]
    record = json.dumps({"instruction": "Add.", **pair})
    assert fgit(*words, stdin=record).out == ""
    ran = fgit(*words, "--keep-unpaired", stdin=record)
    got = json.loads(ran.out)
    assert (got["incorrect_ids"], set(got["correct_mask"])) == ([], {0})
    assert "1 unpaired" in ran.err


def test_rejects_are_counted_and_kept(fgit, folder, tmp_path):
    lines = [record(), record(incorrect=record()["response"]), record()]
    done = fgit(
        "mask", "--tokenizer", folder, "--rejects", "r.jsonl", stdin="".join(json.dumps(r) + "\n" for r in lines)
    )
    assert len(done.out.splitlines()) == 2
    assert "3 in, 2 out; 1 left out (1 no difference)" in done.err
    assert json.loads((tmp_path / "r.jsonl").read_text())["reason"] == "no difference"


@pytest.mark.parametrize("template", ["plain", "chat.jinja"])
def test_workers_give_the_same_in_order(fgit, folder, template, tmp_path):
    (tmp_path / "chat.jinja").write_text("{{ bos_token }}{% for m in messages %}{{ m.content }}\n{% endfor %}")
    lines = "".join(json.dumps(record(instruction=f"Add {n}.", n=n)) + "\n" for n in range(700))
    one = fgit("mask", "--tokenizer", folder, "--workers", "1", "--template", template, stdin=lines)
    two = fgit("mask", "--tokenizer", folder, "--workers", "2", "--template", template, stdin=lines)
    assert two.code == 0, two.err
    assert one.out == two.out
    assert [json.loads(line)["n"] for line in two.out.splitlines()] == list(range(700))


def test_no_tokenizer_is_a_usage_error(fgit):
    done = fgit("mask", stdin="")
    assert done.code == 2
    assert "--tokenizer" in done.err


@pytest.mark.parametrize("name", ["quixbugs.jsonl.gz", "humanevalpack-even.jsonl.gz"])
def test_real_bugs(name, data, deepseek):
    rows = pairs_of(data, name)
    texts = [(r.get("correct") or r["prompt"] + r["canonical_solution"],
              r.get("buggy") or r["prompt"] + r["buggy_solution"]) for r in rows]  # fmt: skip
    done = masker(deepseek)([Job(ASK, correct, incorrect, None) for correct, incorrect in texts])
    for (correct, incorrect), masked in zip(texts, done, strict=True):
        assert isinstance(masked, Masked), masked
        assert any(masked.correct_mask)
        assert any(masked.incorrect_mask)
        assert correct.startswith(deepseek.decode(masked.correct_ids[: 1024 - len(masked.prompt_ids)][:-1]))
        assert incorrect.startswith(deepseek.decode(masked.incorrect_ids[:-1]))
