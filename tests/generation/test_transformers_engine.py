"""The engine that runs a local model in this process, against the same model run by hand."""

import pytest

from fgit_cli.engines.generation import Completion, Request, RequestFailed, Sampling
from tests.helpers import tiny_model

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
GREEDY = Sampling(temperature=0.0, max_tokens=12)
PROMPTS = ["def add(x):", "for", "Write a function that adds one to a number, then print it:\n", "x = 1\n" * 20]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    from fgit_cli.engines.generation.transformers import TransformersEngine

    torch.set_num_threads(1)
    made = TransformersEngine(str(tiny_model.make(tmp_path_factory.mktemp("model"))), batch_size=3, dtype="float64")
    yield made
    made.close()


def by_hand(engine, text, tokens):
    """Greedy decoding without batch, padding or cache."""
    ids = engine.tokenizer(text, add_special_tokens=False)["input_ids"]
    start = len(ids)
    for _ in range(tokens):
        with torch.no_grad():
            ids.append(int(engine.model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in engine.ends:
            break
    return engine.tokenizer.decode([i for i in ids[start:] if i not in engine.ends])


def test_greedy_in_batches_equals_one_by_one(engine):
    requests = [Request(str(i), prompt=p) for i, p in enumerate(PROMPTS)]
    got = list(engine.generate(requests, GREEDY))
    assert [r.key for r, _ in got] == ["0", "1", "2", "3"]
    assert [a[0].text for _, a in got] == [by_hand(engine, p, 12) for p in PROMPTS]


def test_chat_is_wrapped_in_the_template_and_a_prefill_is_continued(engine):
    turn = {"role": "user", "content": "Write"}
    asked = Request("a", messages=[turn])
    begun = Request("b", messages=[turn, {"role": "assistant", "content": "def add"}])
    (_, [first]), (_, [second]) = engine.generate([asked, begun], GREEDY)
    head = "<|im_start|>user\nWrite<|im_end|>\n<|im_start|>assistant\n"
    assert first.text == by_hand(engine, head, 12)
    assert second.text == by_hand(engine, head + "def add", 12)


def test_samples_differ_and_come_back_with_the_seed(engine):
    request = Request("a", prompt="def", n=3)
    [(_, one)] = engine.generate([request], Sampling(temperature=1.0, max_tokens=8, seed=1))
    [(_, two)] = engine.generate([request], Sampling(temperature=1.0, max_tokens=8, seed=1))
    [(_, three)] = engine.generate([request], Sampling(temperature=1.0, max_tokens=8, seed=2))
    assert one == two != three
    assert len({c.text for c in one}) == 3
    assert [c.prompt_tokens for c in one] == [one[0].prompt_tokens, 0, 0]


def test_a_stop_string_ends_the_text_before_it(engine):
    whole = by_hand(engine, "def add(x):", 12)
    stop = whole[3:5]
    [(_, [got])] = engine.generate([Request("a", prompt="def add(x):")], Sampling(0.0, max_tokens=12, stop=(stop,)))
    assert got.text == whole[: whole.index(stop)]
    assert got.finish_reason == "stop"


def test_known_answers_are_not_made_again(engine):
    known = (Completion("kept", "stop", 1, 1),)
    kept = []
    requests = [Request("a", prompt="def", n=2, known=known), Request("b", prompt="for", known=known)]
    got = list(engine.generate(requests, GREEDY, lambda request, index, made: kept.append((request.key, index))))
    assert got[0][1][0].text == "kept"
    assert len(got[0][1]) == 2
    assert got[1][1] == list(known)
    assert kept == [("a", 1)]


def test_what_does_not_fit_fails_alone(engine):
    [(_, long), (_, short)] = engine.generate([Request("a", prompt="x = 1\n" * 999), Request("b", prompt="x")], GREEDY)
    assert isinstance(long, RequestFailed)
    assert short[0].text == by_hand(engine, "x", 12)


def test_memory_is_bounded_by_the_window(engine):
    read = []

    def endless():
        while True:
            read.append(1)
            yield Request("a", prompt="x", known=(Completion("k", "stop"),))

    for _, _ in zip(range(100), engine.generate(endless(), GREEDY), strict=False):
        pass
    assert len(read) <= 100 + 8 * 3


def test_a_sure_model_in_this_process_is_not_taken_for_a_server_that_ignores_sampling(engine, tmp_path):
    from fgit_cli.engines.generation.store import Store
    from fgit_cli.engines.generation.teacher import Teacher

    teacher = Teacher(engine, Sampling(temperature=1e-6, max_tokens=4, seed=0), Store(tmp_path))
    answers = [a for _, a in teacher.ask(PROMPTS, lambda p: Request("", prompt=p, n=2))]
    assert len(answers) == 4
    assert all(len({c.text for c in answer}) == 1 for answer in answers)


def test_a_row_stops_at_its_own_limit(tmp_path):
    """A model with few positions: what a long neighbour leaves to itself is no limit of a short one."""
    from fgit_cli.engines.generation.transformers import TransformersEngine

    made = {}
    for size in (1, 2, 8):
        engine = TransformersEngine(str(tiny_model.make(tmp_path / f"m{size}")), batch_size=size, dtype="float64")
        engine.room, engine.ends = 64, set()
        prompts = [*PROMPTS[:3], "x = 1\n" * 5, "y = 2\n" * 5, "z", "a b c"]
        requests = [Request(str(i), prompt=p) for i, p in enumerate(prompts)]
        answers = [a[0] for _, a in engine.generate(requests, Sampling(temperature=0.0, max_tokens=50))]
        lengths = [len(engine.prompter.ids(None, p)) for p in prompts]
        assert [a.completion_tokens for a in answers] == [min(50, 64 - n) for n in lengths]
        made[size] = [a.text for a in answers]
        engine.close()
    assert made[1] == made[2] == made[8]


@pytest.mark.parametrize(
    "config",
    [
        {"no_repeat_ngram_size": 1}, {"suppress_tokens": list(range(5, 200))}, {"min_new_tokens": 11},
        {"bad_words_ids": [[n] for n in range(5, 200)]}, {"guidance_scale": 3.0}, {"begin_suppress_tokens": [7, 8, 9]},
        {"forced_eos_token_id": 3}, {"sequence_bias": [[[n], 9.0] for n in range(20, 30)]},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"encoder_repetition_penalty": 2.0}, {"max_time": 0.0}, {"num_beams": 3, "length_penalty": 2.0},
        {"exponential_decay_length_penalty": [1, 5.0]}, {"temperature": 0.3, "do_sample": True, "min_p": 0.5},
        {"max_length": 3}, {"num_return_sequences": 2, "num_beams": 2}, {"use_cache": False, "repetition_penalty": 1.9},
    ],
    ids=lambda config: next(iter(config)),
)  # fmt: skip
def test_the_folders_generation_config_decides_nothing(engine, tmp_path, config):
    import json

    from fgit_cli.engines.generation.transformers import TransformersEngine

    folder = tiny_model.make(tmp_path / "m")
    path = folder / "generation_config.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **config}))
    requests = [Request(str(i), prompt=p) for i, p in enumerate(PROMPTS)]
    told = TransformersEngine(str(folder), batch_size=3, dtype="float64")
    assert [a[0] for _, a in told.generate(requests, GREEDY)] == [a[0] for _, a in engine.generate(requests, GREEDY)]
    told.close()
