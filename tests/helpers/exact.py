"""transformers made exact in fp64: without the fp32 casts in its RMSNorm and rotary embedding, which end at 1e-7."""


def make_exact(replace) -> None:
    """Replace what casts, by `replace(owner, name, value)`: a monkeypatch's setattr, or setattr itself."""
    from transformers.models.gpt_neox import modeling_gpt_neox as neox
    from transformers.models.llama import modeling_llama as llama
    from transformers.models.qwen2 import modeling_qwen2 as qwen2

    def norm(self, hidden):
        return self.weight * hidden * (hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon).rsqrt()

    def rotary(self, x, position_ids):
        angles = position_ids[..., None].to(x.dtype) * self.inv_freq.to(x.dtype)
        both = angles.repeat(1, 1, 2)
        return both.cos() * self.attention_scaling, both.sin() * self.attention_scaling

    for module, name in ((llama, "Llama"), (qwen2, "Qwen2"), (neox, "GPTNeoX")):
        if hasattr(module, f"{name}RMSNorm"):
            replace(getattr(module, f"{name}RMSNorm"), "forward", norm)
        replace(getattr(module, f"{name}RotaryEmbedding"), "forward", rotary)
