"""Writes a text template as a chat template, which a tuned model is saved with: so everybody asks it as it was tuned.

transformers, vLLM and other servers know chat templates alone; a student masked with `--template magicoder` would be
saved without one, and asked as a base model.
"""

from contextlib import suppress
from typing import Any

from fgit_cli.core.fields import Instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.engines.tokenizing.prompter import Prompter
from fgit_cli.engines.tokenizing.templates import ChatTemplate, Refused, Template, TextTemplate
from fgit_cli.engines.tokenizing.tokenizers import Tokenizer
from fgit_cli.errors import UsageError

# What the two forms are compared on: one turn and several.
PROBES = (
    Instruction((("user", "Sort a list."),)),
    Instruction((("user", "two lines\n\n    of text \n"),)),
    Instruction((("user", "Hi"), ("assistant", "def f():\n    pass"), ("user", "again é"))),
)


def chat_form(template: TextTemplate, tokenizer: Tokenizer) -> str | None:
    """The chat template (Jinja) that makes the same ids of every instruction; None where the tokenizer allows none.

    BOS is written where the tokenizer's own encoding begins with it. Of the tokenizers that put a space before a text
    some do so after a written BOS too, others not; the form with the same ids is taken. With the latter and `plain`, an
    instruction that itself begins with a space gets one more.
    """
    prompter = Prompter(tokenizer, template)
    wanted = prompter.instructions(list(PROBES))
    for space in ("", " "):
        text = _jinja(template, tokenizer, space)
        found = Prompter(tokenizer, ChatTemplate(template.name, text, tokenizer)).instructions(list(PROBES))
        if all(not isinstance(w, Refused) and w == f for w, f in zip(wanted, found, strict=True)):
            return text
    return None


def _jinja(template: TextTemplate, tokenizer: Tokenizer, space: str) -> str:
    bos = "" if template.begins_itself else "".join(tokenizer.control(i) for i in tokenizer.prefix_ids)
    before, after = ascii(bos + space + template.before), ascii(template.after)
    end = ascii(tokenizer.control(tokenizer.eos))
    return (
        "{% for message in messages %}"
        "{% if loop.last and message['role'] == 'assistant' %}"
        f"{{{{ {after} + message['content'] + {end} }}}}"
        "{% else %}"
        f"{{{{ ({before} if loop.first else '\\n\\n') + message['content'] }}}}"
        f"{{% if loop.last and add_generation_prompt %}}{{{{ {after} }}}}{{% endif %}}"
        "{% endif %}"
        "{% endfor %}"
    )


def trained_template(tokenizer: Tokenizer, made: dict[str, Any], named: str | None) -> str | None:
    """The chat template that a model tuned on these pairs has to be saved with; None where its own is that one.

    `tokenizer` is the model's, `made` the field `tokenizer` of the pairs, `named` the template that the user names. The
    pairs know their template by name and hash. Raises UsageError where what can be found has another hash.
    """
    recorded = made.get("template")
    if not isinstance(recorded, dict) or not recorded.get("sha256"):
        return _as_chat(templates.load(named, tokenizer), tokenizer) if named else None
    found = _found(tokenizer, made, recorded, named)
    if found is None:
        raise UsageError(
            f"the pairs were made with template {recorded.get('name')}"
            + (f", and {named} is another" if named else ", which is not found here as it was then")
            + "; name the same file by --template, or run `fgit mask` again"
        )
    own = tokenizer.chat_template and templates.load("chat", tokenizer).sha256
    return None if found.sha256 == own else _as_chat(found, tokenizer)


def _found(tokenizer: Tokenizer, made: dict[str, Any], recorded: dict[str, Any], named: str | None) -> Template | None:
    """The template with the recorded hash: the named one, the model's own, that of the pairs' tokenizer, or a file."""
    name = str(named or recorded.get("name"))
    if named:
        candidates = [(name, tokenizer)]
    else:
        candidates = [("chat", tokenizer)] if name == "chat" else [(name, tokenizer)]
        if name == "chat":
            with suppress(UsageError):  # masked for an instruct model, whose base is tuned: the base has no template
                other = tokenizers.load(str(made.get("name")))
                candidates.append(("chat", other))
    for choice, source in candidates:
        with suppress(UsageError):
            template = templates.load(choice, source)
            if template.sha256 == recorded["sha256"]:
                return template
    return None


def _as_chat(template: Template, tokenizer: Tokenizer) -> str:
    if isinstance(template, ChatTemplate):
        return template.text
    assert isinstance(template, TextTemplate)
    text = chat_form(template, tokenizer)
    if text is None:
        raise UsageError(
            f"template {template.name} cannot be written as a chat template with the same ids for {tokenizer.name}; "
            "run `fgit mask` with a .jinja file"
        )
    return text
