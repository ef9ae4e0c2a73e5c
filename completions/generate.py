"""Write the shell completions from the program itself.

python -m completions.generate            writes fgit.bash, _fgit (zsh), fgit.fish
python -m completions.generate --check    exits 1 where a file is not what Typer gives
"""

import sys
from pathlib import Path

from typer._completion_shared import get_completion_script

FILES = {"bash": "fgit.bash", "zsh": "_fgit", "fish": "fgit.fish"}


def main() -> int:
    wrong = 0
    for shell, name in FILES.items():
        path = Path(__file__).parent / name
        script = get_completion_script(prog_name="fgit", complete_var="_FGIT_COMPLETE", shell=shell) + "\n"
        if path.exists() and path.read_text() == script:
            continue
        if "--check" in sys.argv:
            wrong = 1
            print(f"{name} is not what Typer gives")
        else:
            path.write_text(script)
            print(f"wrote {name}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
