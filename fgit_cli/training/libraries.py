"""What libraries say of themselves, kept from the user's stderr: what matters of it fgit finds out and says itself."""

import logging
import os
import sys
import warnings

CHATTY = ("accelerate", "DeepSpeed", "peft", "torch.distributed", "torch", "transformers")


def hush() -> None:
    """Let transformers, accelerate, peft, torch and DeepSpeed report errors alone.

    PYTHONWARNINGS and TRANSFORMERS_VERBOSITY, where they are set, are heeded. For this process and those it starts.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error") != "error":
        return
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
