"""Tiny random models of the causal families of transformers, and what each calls its sizes."""

import torch
import transformers

VOCABULARY = 300

# By every name that a configuration has for it; what a family has not is left out.
SIZES = {
    "vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "initializer_range": 0.4,
    "hidden_size": 32, "n_embd": 32, "d_model": 32, "word_embed_proj_dim": 32, "head_dim": 8, "rotary_dim": 8,
    "intermediate_size": 48, "n_inner": 48, "ffn_dim": 48, "ffn_hidden_size": 48, "dff": 48,
    "num_hidden_layers": 2, "n_layer": 2, "n_layers": 2, "num_layers": 2, "first_k_dense_replace": 1,
    "num_attention_heads": 4, "n_head": 4, "n_heads": 4, "num_heads": 4, "attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 128, "n_positions": 128, "n_ctx": 128, "max_seq_len": 128, "sliding_window": 16,
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_num_experts": 4,
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "n_shared_experts": 1, "num_shared_experts": 1,
    "n_group": 1, "topk_group": 1, "moe_k": 2,
    "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "state_size": 8,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
}  # fmt: skip

NO_WINDOW = ("sliding_window", None)  # a family that has none by default is not given one

FAMILIES = [
    "afmoe", "apertus", "arcee", "bamba", "biogpt", "bitnet", "bloom", "codegen", "cohere", "cohere2", "ctrl",
    "cwm", "diffllama", "doge", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "falcon", "falcon_mamba",
    "flex_olmo", "gemma", "gemma2", "gemma3_text", "glm", "glm4", "glm4_moe", "gpt2", "gpt_bigcode", "gpt_neox",
    "gpt_oss", "gptj", "granite", "granitemoe", "granitemoehybrid", "helium", "hunyuan_v1_dense", "jamba", "jetmoe",
    "lfm2", "llama", "mamba", "minimax", "ministral", "mistral", "mixtral", "mpt", "nemotron", "olmo", "olmo2",
    "olmo3", "olmoe", "opt", "persimmon", "phi", "phi3", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe",
    "qwen3_next", "recurrent_gemma", "seed_oss", "smollm3", "stablelm", "starcoder2", "xglm",
]  # fmt: skip
OFTEN = ("llama", "qwen2", "gemma2", "gpt2", "mixtral", "opt", "mamba", "cohere")  # each for a way of its own


def tiny(family):
    """A random model of a few ten thousand weights in fp32; None where this transformers has no such family."""
    try:
        usual = type(transformers.AutoConfig.for_model(family))()
    except ValueError:
        return None
    known = usual.to_dict()
    wanted = {
        name: size
        for name, size in SIZES.items()
        if name in known and not isinstance(known[name], list | dict) and (name, known[name]) != NO_WINDOW
    }
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(type(usual)(**wanted), dtype=torch.float32)
