"""fgit: fault-guided fine-tuning (FGit, also FAIT) of code language models, as small commands over JSONL."""

__version__ = "0.2.0"
