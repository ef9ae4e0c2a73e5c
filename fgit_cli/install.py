"""What to type to install what is missing, said in one place. Imports nothing of fgit.

The distribution is called `fgit-cli`: on the public index the name `fgit` belongs to another project, which installs a
package `fgit_cli` of its own. fgit is not published yet, so an extra is installed from a clone (or from a wheel, whose
file name then takes the dot's place).
"""

DISTRIBUTION = "fgit-cli"
STRANGER = "fgit"  # the other project's distribution


def command(extra: str) -> str:
    """The command line that brings an extra, to be typed in a clone of fgit."""
    return f"pip install '.[{extra}]'"


def advice(extra: str) -> str:
    """The same as a clause of a message, with the place where to type it."""
    return f"in a clone of fgit run: {command(extra)} (or name a wheel of fgit in the dot's place)"


def packages(*names: str) -> str:
    """The command line that brings single packages that belong to no extra."""
    return f"pip install {' '.join(names)}"
