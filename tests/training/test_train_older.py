"""What older versions of transformers do otherwise: put right in every model that fgit loads."""

import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from fgit_cli import older_transformers  # noqa: E402
from tests.helpers.small_runs import write_tokenizer  # noqa: E402

SIZES = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 1,
    "initializer_range": 0.4, "pad_token_id": None,
}  # fmt: skip
CAP = 0.05  # so low that without it other losses come


@pytest.fixture(params=["Gemma2", "VaultGemma"])
def capped(request, monkeypatch):
    """A model that caps its scores, of a transformers that lets it run with sdpa, as those before 5.21 do."""
    name = request.param
    monkeypatch.setattr(getattr(transformers, f"{name}PreTrainedModel"), "_supports_sdpa", True)
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SIZES, attn_logit_softcapping=CAP)
    made = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    assert made.config._attn_implementation == "sdpa"
    return made


def own_nll(model, rows) -> float:
    """The mean over the tokens of the correct responses, with the attention that caps."""
    model.set_attn_implementation("eager")
    model.eval()
    total = count = 0
    for row in rows:
        prompt, response = row["prompt_ids"], row["correct_ids"]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *response]]), use_cache=False).logits[0].double()
        at = logits[len(prompt) - 1 : -1]
        total += torch.nn.functional.cross_entropy(at, torch.tensor(response), reduction="sum").item()
        count += len(response)
    return total / count


@pytest.mark.parametrize("lora_rank", [0, 2])
def test_scores_are_capped_in_training_and_in_what_is_saved(capped, lora_rank, tmp_path, monkeypatch):
    from fgit_cli.commands.train import run
    from fgit_cli.training.options import Options
    from tests.helpers.small_runs import records, write_pairs

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder, out, pairs = tmp_path / "model", tmp_path / "out", tmp_path / "pairs.jsonl"
    capped.save_pretrained(folder)
    rows = records(8, folder, write_tokenizer(folder))
    write_pairs(pairs, rows)
    want = own_nll(capped, rows)
    capped.config._attn_implementation = "sdpa"
    values = {
        "objective": "sft", "global_batch_size": 8, "max_steps": 2, "learning_rate": 1e-2, "warmup_ratio": 0.0,
        "lora_rank": lora_rank, "quiet": True, "eval_file": str(pairs), "output_dir": str(out),
    }  # fmt: skip
    run(Options(files=[str(pairs)], given=frozenset(values), **values))
    steps = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    assert steps[0]["eval_nll"] == pytest.approx(want, rel=1e-5)
    saved = transformers.AutoModelForCausalLM.from_pretrained(out)
    assert own_nll(saved, rows) == pytest.approx(steps[-1]["eval_nll"], rel=1e-5)


def test_scores_are_capped_while_a_local_model_writes(capped, tmp_path):
    from fgit_cli.engines.generation.transformers import TransformersEngine

    capped.save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    engine = TransformersEngine(str(tmp_path))
    assert engine.model.config._attn_implementation == "eager"
    engine.close()


def test_scores_are_capped_in_an_embedder(capped, tmp_path):
    sentences = pytest.importorskip("sentence_transformers")
    from fgit_cli.engines.embedding.sentences import SentenceEmbedder

    capped.model.save_pretrained(tmp_path / "backbone")
    write_tokenizer(tmp_path / "backbone")
    sentences.SentenceTransformer(str(tmp_path / "backbone"), device="cpu").save(str(tmp_path / "embedder"))
    model = SentenceEmbedder("capped", tmp_path / "embedder", "cpu").model[0].auto_model
    assert model.config._attn_implementation == "eager"


def test_a_model_without_a_cap_keeps_its_attention():
    made = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES))
    assert older_transformers.mend(made) is made
    assert made.config._attn_implementation == "sdpa"
