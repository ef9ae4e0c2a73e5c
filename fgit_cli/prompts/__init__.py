"""The prompts that fgit sends, one file each (Jinja2 in Markdown), each saying where it comes from."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fgit_cli.errors import UsageError

FOLDER = Path(__file__).parent
FORMATS = FOLDER / "formats"


def templates() -> list[str]:
    """The names that --template knows beside files: the tokenizer's own, plain, the papers' students' formats."""
    return ["chat", "plain", *sorted(p.stem for p in FORMATS.glob("*.toml"))]


@dataclass(frozen=True)
class Prompt:
    """A template: `name` (the packaged one's, or the file's), its text, and the hash that results record."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def _template(self) -> Any:
        from jinja2 import StrictUndefined, TemplateSyntaxError

        from fgit_cli.prompts import bounded

        environment = bounded.Environment(undefined=StrictUndefined, keep_trailing_newline=False)
        try:
            return environment.from_string(self.text)
        except TemplateSyntaxError as error:
            raise UsageError(f"prompt {self.name}, line {error.lineno}: {error.message}") from None
        except (RecursionError, MemoryError, ValueError, OverflowError, SyntaxError) as error:
            raise UsageError(f"prompt {self.name}: it cannot be compiled: {bounded.said(error)}") from None

    def render(self, **values: Any) -> str:
        """The prompt's text. Raises UsageError for a variable that this prompt is not given."""
        from jinja2 import TemplateError

        from fgit_cli.prompts import bounded

        template = self._template
        try:
            return bounded.rendered(template, values).strip()
        except TemplateError as error:
            known = ", ".join(sorted(values))
            raise UsageError(f"prompt {self.name}: {error}; the variables are {known}") from None
        except Exception as error:  # the template is the user's, and so is whatever it raises
            raise UsageError(f"prompt {self.name}: {bounded.said(error)}") from None


def load(name: str, file: str | None = None) -> Prompt:
    """The packaged prompt, or the user's own file in its place."""
    path = Path(file) if file else FOLDER / f"{name}.md"
    try:
        return Prompt(str(path) if file else name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--prompt-file {path}: {error}") from None
