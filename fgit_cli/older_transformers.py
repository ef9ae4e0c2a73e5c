"""What an older transformers does otherwise than the newest, put right in each model that is loaded."""

from typing import Any


def mend(model: Any) -> Any:
    """The model itself, changed where this transformers would compute something else than the model's authors meant."""
    _cap_scores(model)
    _without_pictures(model)
    return model


def _cap_scores(model: Any) -> None:
    """Give a model that caps its attention's scores (Gemma 2, VaultGemma) the attention that does it.

    Before transformers 5.21 such models run with sdpa, which leaves the cap out without a word.
    """
    config = model.config.get_text_config()
    if getattr(config, "attn_logit_softcapping", None) and config._attn_implementation == "sdpa":
        model.set_attn_implementation("eager")


def _without_pictures(model: Any) -> None:
    """Have Gemma 3 told in training that no token is a picture's: transformers before 5.6 demands the marks."""
    import transformers
    from packaging.version import Version  # transformers brings it

    if model.config.model_type != "gemma3" or Version(transformers.__version__) >= Version("5.6"):
        return

    def mark(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if module.training and kwargs.get("token_type_ids") is None and kwargs.get("input_ids") is not None:
            kwargs["token_type_ids"] = kwargs["input_ids"].new_zeros(kwargs["input_ids"].shape)
        return args, kwargs

    model.base_model.register_forward_pre_hook(mark, with_kwargs=True)
