"""What is installed, which GPUs, and what each missing piece would enable.

Reads nothing but this machine; exit status 0 also where pieces are missing. `--json` gives the same as one object.
"""

# The inside of this command: engines/installation.py.

import dataclasses
import json
import sys

from fgit_cli import install
from fgit_cli.engines.installation import examine
from fgit_cli.options import Common, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Common):
    json: bool = option(False, "Print one JSON object, for programs.", recorded=False)


def run(options: Options) -> None:
    found = examine()
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    print(f"fgit {found['fgit']}, Python {found['python']}, {found['system']}, {found['cores']} cores")
    print("core         " + ", ".join(f"{package} {version}" for package, version in found["core"].items()))
    for extra, facts in found["extras"].items():
        have = [f"{package} {version}" for package, version in facts["packages"].items() if version]
        if facts["missing"]:
            print(f"{extra:<12} missing {', '.join(facts['missing'])}; would enable: {facts['enables']}")
            print(f"{'':<12} {install.advice(extra)}")
        else:
            print(f"{extra:<12} {', '.join(have)}")
    for number, gpu in enumerate(found["gpus"]):
        print(f"GPU {number:<8} {gpu['name']}, {gpu['memory_gib']} GiB")
    if not found["gpus"]:
        print("GPU          none found; training and generation run on the CPU, which suits small models only")
    print(f"sandbox      {found['isolation']}")
    for other in found["strangers"]:
        both = f"{other.split()[0]} {install.DISTRIBUTION}"
        print(f"WARNING      {other} is another project that owns a package fgit_cli too; their files are mixed;")
        print(f"{'':<12} run: pip uninstall {both}; then install {install.DISTRIBUTION} again")
