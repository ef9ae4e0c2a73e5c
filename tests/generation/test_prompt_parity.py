"""A model is asked with the ids that it was tuned on: in process, through a server, and after it was saved."""

import functools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.fields import Instruction
from fgit_cli.engines.generation import Request, Sampling
from fgit_cli.engines.tokenizing import prompter, templates, tokenizers
from fgit_cli.engines.tokenizing.chat_form import chat_form
from fgit_cli.engines.tokenizing.prompter import Prompter
from fgit_cli.errors import UsageError
from tests.helpers import tiny_model
from tests.helpers.made_tokenizers import byte_level, llama_like, save

LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{% for m in messages %}{{ '<|head|>' + m['role'] + '<|/head|>\\n\\n' + m['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|head|>assistant<|/head|>\\n\\n' }}{% endif %}"
)
TEXTS = ["Sort a list.", "  indented\n\n\ntwo lines ", "<s> [/INST] </s> é \u2581 \U0001f600", "def f(x):\n\treturn x"]


def llama2(folder, legacy=True):
    """Llama-2's kind, as transformers 5 builds it anew: other ids come out of AutoTokenizer than of tokenizer.json."""
    return save(
        folder, llama_like(legacy), tokenizer_class="LlamaTokenizer", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", chat_template=LLAMA2,
    )  # fmt: skip


def llama3(folder):
    fast = byte_level("llama3")
    fast.add_special_tokens(["<|head|>", "<|/head|>", "<|eot_id|>"])
    return save(folder, fast, eos_token="<|eot_id|>", chat_template=LLAMA3)


MADE = {"llama2": llama2, "llama2-first": lambda folder: llama2(folder, False), "llama3": llama3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The made tokenizers, each in a folder."""
    return {kind: make(tmp_path_factory.mktemp("tok") / kind) for kind, make in MADE.items()}


@pytest.fixture(params=MADE)
def folder(request, folders):
    return folders[request.param]


@pytest.fixture(params=[*MADE, "deepseek-coder", "qwen2"])
def any_folder(request, folders):
    """Those, and the real ones of the test data."""
    return folders.get(request.param) or str(request.getfixturevalue("data") / "tok" / request.param)


@functools.cache
def loaded(folder):
    return tokenizers.load(folder)


def masked(folder, template, texts):
    """The prompt ids that `fgit mask` writes."""
    from fgit_cli.stages.mask import Job, Masker, Settings

    tokenizer = loaded(folder)
    masker = Masker(
        tokenizer, templates.load(template, tokenizer), Settings(Comparison("difflib", 0, ()), "hybrid", "anchor", 9999)
    )
    jobs = [Job(Instruction((("user", text),)), "a = 1\n", "a = 2\n", None) for text in texts]
    return [made.prompt_ids if hasattr(made, "prompt_ids") else made for made in masker(jobs)]


def fed(folder, texts, template=None):
    """The ids that reach the model from `fgit eval --engine transformers`."""
    torch = pytest.importorskip("torch")
    from fgit_cli.engines.generation.transformers import TransformersEngine

    engine = TransformersEngine(folder, template=template, batch_size=1)
    seen = []

    def generate(input_ids, **how):
        seen.append(input_ids[0].tolist())
        return torch.cat([input_ids, input_ids[:, :1]], 1)

    engine.model.generate = generate
    requests = [Request(str(n), messages=[{"role": "user", "content": t}]) for n, t in enumerate(texts)]
    for request in requests:
        list(engine.generate([request], Sampling(temperature=0.0, max_tokens=1)))
    return seen


def with_model(folder):
    """A small random model beside the tokenizer's files."""
    pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=1000, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        max_position_embeddings=4096, bos_token_id=None, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("template", [None, "plain", "magicoder"])
def test_a_model_is_fed_the_ids_of_mask(kind, template, tmp_path):
    folder = with_model(MADE[kind](tmp_path / kind))
    texts = [t for t, ids in zip(TEXTS, masked(folder, template, TEXTS), strict=True) if isinstance(ids, list)]
    assert len(texts) >= 2
    assert fed(folder, texts, template) == masked(folder, template, texts)


def test_600_real_prompts_have_the_same_ids(any_folder, data):
    import gzip

    with gzip.open(data / "instruct" / "evol.jsonl.gz", "rt") as stream:
        texts = [json.loads(line)["instruction"] for _, line in zip(range(600), stream, strict=False)]
    asking = prompter.load(any_folder)
    made = asking.instructions([Instruction((("user", text),)) for text in texts])
    assert [getattr(m, "ids", str(m)) for m in made] == masked(any_folder, None, texts)


@pytest.mark.parametrize("name", ["plain", "magicoder", "semcoder", "codellama-instruct", "deepseek-coder-instruct"])
@given(text=st.text(min_size=1, max_size=40).filter(lambda text: not text[0].isspace()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=10)
def test_a_text_template_saved_as_chat_template_makes_the_same_ids(any_folder, name, text):
    tokenizer = loaded(any_folder)
    template = templates.load(name, tokenizer)
    saved = templates.ChatTemplate("chat", chat_form(template, tokenizer), tokenizer)
    turns = [Instruction((("user", text),)), Instruction((("user", text), ("assistant", "x"), ("user", text)))]
    wanted, got = (Prompter(tokenizer, t).instructions(turns) for t in (template, saved))
    assert list(map(repr, wanted)) == list(map(repr, got))


@pytest.mark.parametrize("name", ["plain", "magicoder", "codellama-instruct"])
def test_transformers_renders_the_saved_form_as_the_template_is(folder, name):
    transformers = pytest.importorskip("transformers")
    tokenizer = tokenizers.load(folder)
    asking = Prompter(tokenizer, templates.load(name, tokenizer))
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer.fast(), **tokenizer.named_tokens)
    text = theirs.apply_chat_template(
        [{"role": "user", "content": "Sort."}], chat_template=chat_form(asking.template, tokenizer),
        add_generation_prompt=True, tokenize=False,
    )  # fmt: skip
    assert theirs(text, add_special_tokens=False)["input_ids"] == asking.turns([{"role": "user", "content": "Sort."}])


def test_the_beginning_of_an_answer_is_encoded_as_a_response_is(folder):
    asking = prompter.load(folder)
    turn = {"role": "user", "content": "x"}
    begun = asking.turns([turn, {"role": "assistant", "content": "```python\n"}])
    assert begun == asking.turns([turn]) + asking.tokenizer.encode_responses(["```python\n"])[0]


def test_a_tokenizer_without_a_template_says_what_to_give(tmp_path):
    folder = save(tmp_path / "t", llama_like(), bos_token="<s>", eos_token="</s>")
    asking = prompter.load(folder)
    with pytest.raises(UsageError, match="--template"):
        asking.ids([{"role": "user", "content": "x"}], None)
    assert asking.ids(None, "return")[0] == 1  # BOS, as the tokenizer's own encoding begins
    assert prompter.load(folder, "plain").turns([{"role": "user", "content": "return"}])[0] == 1


class Served:
    """A server that takes ids, or refuses them in one of several ways, and perhaps tells how it encodes."""

    def __init__(self, takes, tokenize=None):
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append((self.path, body))
                status, reply = server.reply(self.path, body)
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.takes, self.tokenize = takes, tokenize
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def reply(self, path, body):
        if path == "/tokenize":
            return (200, {"tokens": self.tokenize}) if self.tokenize is not None else (404, {})
        ids = isinstance(body.get("prompt"), list)
        if ids and self.takes == "none":
            return 400, {"error": {"message": "prompt: Input should be a valid string"}}
        if path == "/v1/completions" and self.takes == "chat alone":
            return 404, {"error": {"message": "Not Found"}}
        read = 1 if self.takes == "as texts" else len(body.get("prompt") or "x")
        text = "ids" if ids else "turns"
        choice = {"text": text, "message": {"content": text}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": read, "completion_tokens": 1}}


@pytest.fixture
def served():
    running = []

    def start(takes, tokenize=None):
        running.append(Served(takes, tokenize))
        return running[-1]

    yield start
    for server in running:
        server.http.shutdown()


def ask(url, asking, number=3):
    from fgit_cli.engines.generation.server import ServerEngine

    said = []
    engine = ServerEngine("m", [url], concurrency=2, patience=5, prompter=asking, warn=said.append)
    requests = [Request(str(n), messages=[{"role": "user", "content": f"x{n}"}]) for n in range(number)]
    try:
        answers = [answer[0].text for _, answer in engine.generate(requests, Sampling(temperature=0.0))]
    finally:
        engine.close()
    return answers, said


def test_a_server_that_takes_ids_gets_those_of_the_prompter(served, tmp_path):
    asking = prompter.load(llama2(tmp_path / "t"))
    server = served("ids")
    answers, said = ask(server.url, asking)
    assert answers == ["ids"] * 3
    assert said == []
    assert sorted(body["prompt"] for _, body in server.asked) == sorted(
        asking.turns([{"role": "user", "content": f"x{n}"}]) for n in range(3)
    )
    assert server.asked[0][1]["stop_token_ids"] == [2]


@pytest.mark.parametrize("takes", ["none", "chat alone", "as texts"])
@pytest.mark.parametrize(
    ("encoded", "words"), [("same", "makes the same ids"), ("other", "OTHER ids"), (None, "cannot be checked")]
)
def test_a_server_that_takes_no_ids_gets_turns_and_is_asked_how_it_encodes_them(
    served, tmp_path, takes, encoded, words
):
    asking = prompter.load(llama2(tmp_path / "t"))
    first = asking.turns([{"role": "user", "content": "x0"}])
    server = served(takes, {"same": first, "other": [1, 2], None: None}[encoded])
    answers, said = ask(server.url, asking, number=1)
    assert answers == ["turns"]
    assert len(said) == 1
    assert words in said[0]


def test_a_prompt_that_cannot_be_written_fails_alone(served, tmp_path):
    from fgit_cli.engines.generation import RequestFailed
    from fgit_cli.engines.generation.server import ServerEngine

    only_user = LLAMA2.replace("{% else %}", "{% elif m['role'] == 'system' %}{{ raise_exception('no') }}{% else %}")
    folder = save(tmp_path / "t", llama_like(), bos_token="<s>", eos_token="</s>", chat_template=only_user)
    engine = ServerEngine("m", [served("ids").url], concurrency=1, patience=5, prompter=prompter.load(folder))
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}]
    (_, bad), (_, good) = engine.generate(
        [Request("a", messages=turns), Request("b", messages=turns[1:])], Sampling(temperature=0.0)
    )
    engine.close()
    assert isinstance(bad, RequestFailed)
    assert "the chat template refuses the turns: no" in str(bad)
    assert good[0].text == "ids"


def test_the_tiny_model_is_fed_what_mask_writes(tmp_path):
    folder = str(tiny_model.make(tmp_path))
    assert fed(folder, TEXTS[:2]) == masked(folder, None, TEXTS[:2])
