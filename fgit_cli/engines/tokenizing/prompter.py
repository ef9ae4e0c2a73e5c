"""Makes the token ids of a prompt, in one way for training data and for questions.

A student is asked as it was tuned only when both prompts have the same ids. `mask` makes those of the training data
with a `Tokenizer` and a `Template`; the engines of this process, and servers that take ids, get theirs from here, by
the same two.
"""

from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from fgit_cli.core.fields import Instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.engines.tokenizing.templates import Refused, Template
from fgit_cli.engines.tokenizing.tokenizers import Tokenizer
from fgit_cli.errors import UsageError

CONTROL = "the tokenizer reads text of the instruction as a control token"

ENDS = frozenset({"<|im_end|>", "<|EOT|>", "<|eot_id|>", "<end_of_turn>"})  # of a turn, in the families that fgit meets


class EncodedPrompt(NamedTuple):
    """A prompt's ids, and the id of the token that ends the response."""

    ids: list[int]
    end: int


class Prompter:
    """A tokenizer with the template that makes its prompts; None where none was named and the tokenizer has none."""

    def __init__(self, tokenizer: Tokenizer, template: Template | None) -> None:
        self.tokenizer, self.template = tokenizer, template

    def instructions(
        self, instructions: list[Instruction], responses: list[str] | None = None
    ) -> list[EncodedPrompt | Refused]:
        """For each instruction its prompt, or the reason why the template or the tokenizer cannot write it.

        `responses`: those to come, where they are known; one that thinks may decide how the prompt ends.
        """
        assert self.template, "no template was named, and the tokenizer has none of its own"
        prompts: list[templates.PromptParts | Refused] = []
        for instruction, response in zip(instructions, responses or [""] * len(instructions), strict=True):
            try:
                prompts.append(self.template.prompt(instruction, response))
            except Refused as reason:
                prompts.append(reason)
        encoded = iter(self.tokenizer.encode_prompts([p.pieces for p in prompts if not isinstance(p, Refused)]))
        made: list[EncodedPrompt | Refused] = []
        for prompt in prompts:
            ids = None if isinstance(prompt, Refused) else next(encoded)
            if isinstance(prompt, Refused):
                made.append(prompt)
            else:
                made.append(Refused(CONTROL) if ids is None else EncodedPrompt(prompt.before + ids, prompt.end))
        return made

    @cached_property
    def ends(self) -> frozenset[int]:
        """The ids that end an answer: the template's end of a turn, the tokenizer's eos, the usual ends that it has."""
        found = {i for i, token in self.tokenizer.controls.values() if token.content in ENDS}
        if "eos_token" in self.tokenizer.special:
            found.add(self.tokenizer.eos)
        if self.template:
            with suppress(Refused):
                found.add(self.template.prompt(Instruction((("user", "x"),))).end)
        return frozenset(found)

    def ids(self, messages: list[dict[str, str]] | None, prompt: str | None) -> list[int]:
        """The ids of chat turns, or of a text where there are none.

        Raises Refused for what cannot be written, UsageError for turns where no template was named and none is there.
        """
        if messages is None:
            return self.text(str(prompt))
        if self.template is None:
            raise UsageError(
                f"--model {self.tokenizer.name}: its tokenizer has no chat template, so it cannot answer; "
                "give an instruction-tuned model, or --template"
            )
        return self.turns(messages)

    def turns(self, messages: list[dict[str, str]]) -> list[int]:
        """The ids of chat turns; a last assistant turn is the beginning of the answer, encoded as a response is.

        Raises Refused.
        """
        begun = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        asked = messages[:-1] if begun else messages
        [made] = self.instructions([Instruction.of(asked)])
        if isinstance(made, Refused):
            raise made
        return made.ids + (self.tokenizer.encode_responses([begun])[0] if begun else [])

    def text(self, prompt: str) -> list[int]:
        """The ids of a text to go on with, begun as the tokenizer's own encoding begins one (BOS, where it does)."""
        [ids] = self.tokenizer.encode_prompts([[prompt]])
        if ids is None:
            raise Refused(CONTROL)
        return self.tokenizer.prefix_ids + ids


def load(model: str, template: str | None = None) -> Prompter:
    """The prompter of a model's folder or hub name; `template` as `fgit mask --template` takes it.

    Without one it is the tokenizer's chat template where it has one. Raises UsageError, MissingExtra.
    """
    tokenizer = tokenizers.load(model)
    named = template is not None or tokenizer.chat_template
    return Prompter(tokenizer, templates.load(template, tokenizer) if named else None)
