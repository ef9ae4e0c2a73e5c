"""Small tokenizers of other kinds than the real ones of the test data."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

WORDS = ["return", "def", "if", "not", "self", "print", "    ", "the", "in", "for"]


def save(folder, fast, **config):
    folder.mkdir(parents=True, exist_ok=True)
    fast.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return str(folder)


def llama_like(legacy=True):
    """Llama-2's kind: spaces as U+2581, one put before a text, unknown characters as bytes, BOS added."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    merges = []
    for c in "\u2581\né" + "".join(map(chr, range(33, 127))):
        vocabulary.setdefault(c, len(vocabulary))
    for word in WORDS:
        pieces = "\u2581" + word.replace(" ", "\u2581")
        for end in range(2, len(pieces) + 1):
            if pieces[:end] not in vocabulary:
                vocabulary[pieces[:end]] = len(vocabulary)
                merges.append((pieces[: end - 1], pieces[end - 1]))
    fast = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        fast.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    else:
        fast.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="first", split=False)
    fast.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fast.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    fast.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return fast


def lowercasing():
    """A tokenizer whose tokens are no bytes: words, lower-cased, with offsets alone."""
    fast = Tokenizer(models.WordLevel({"[UNK]": 0, "[EOS]": 1, "a": 2, "b": 3, "=": 4, "\n": 5, " ": 6}, "[UNK]"))
    fast.normalizer = normalizers.Lowercase()
    fast.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s|\w+|[^\s\w]+"), "isolated")
    fast.add_special_tokens([AddedToken(t, special=True) for t in ("[UNK]", "[EOS]")])
    return fast


LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def byte_level(kind):
    """A byte-level BPE with merges across white space: GPT-2's, StarCoder's or Llama 3's kind of splitting."""
    steps = {
        "gpt2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
        "starcoder": [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
        "llama3": [pre_tokenizers.Split(Regex(LLAMA_3), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)],
    }[kind]
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.Sequence(steps)
    fast.decoder = decoders.ByteLevel()
    sample = [
        "x1\n",
        "\n\n",
        "  \n\n  \n",
        "y = 'a'\n",
        "},\n},\n",
        "it's\n\n",
        " b",
        "1000\n\t\t",
        "def f(x1):\n    return 1000\n",
    ]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False
    )
    fast.train_from_iterator(sample * 20, trainer)
    return fast
