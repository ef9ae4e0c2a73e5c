"""Draw the README's picture: the tokens of one masked pair, as `fgit mask --explain` shows them.

python -m docs.picture            writes docs/masked-pair.svg
"""

import json
import re
from pathlib import Path

from rich.console import Console

from fgit_cli.benches.mini import STUDENT
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.fields import instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.stages.mask import Job, Masker, Settings
from fgit_cli.views import terminal
from fgit_cli.views.pair_data import mask_data

FOLDER = Path(__file__).parent


def main() -> None:
    pair = json.loads((FOLDER / "pair.jsonl").read_text(encoding="utf-8"))
    tokenizer = tokenizers.load(str(STUDENT))
    masker = Masker(
        tokenizer, templates.load(None, tokenizer), Settings(Comparison(ignore=("space",)), "hybrid", "anchor", 1024)
    )
    [masked] = masker([Job(instruction(pair), pair["response"], pair["incorrect"], None)])
    record = {**pair, **masked._asdict()}
    anchors = {"correct": masked.correct_anchors, "incorrect": masked.incorrect_anchors}
    console = Console(record=True, width=96, highlight=False, emoji=False, markup=False, force_terminal=True)
    console.print(terminal.legend_of_tokens())
    console.print(terminal.tokens(mask_data(record, anchors, masked.end, tokenizer.bytes)))
    picture = console.export_svg(title="fgit mask --explain 1", unique_id="fgit")
    alone = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.S)  # fonts of the reader's, none from elsewhere
    (FOLDER / "masked-pair.svg").write_text(alone, encoding="utf-8")


if __name__ == "__main__":
    main()
