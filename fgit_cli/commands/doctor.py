"""What is installed, which GPUs, and what each missing piece would enable.

Reads nothing but this machine; exit status 0 also where pieces are missing. `--json` gives the same as one object.
"""

import dataclasses
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
from typing import Any

from fgit_cli import __version__, install
from fgit_cli.errors import UsageError
from fgit_cli.options import Common, cores, option

# What each extra enables, and the packages by which its presence is told; pyproject.toml has the versions.
EXTRAS = {
    "train": (
        "fgit train, a local model in eval and mutate",
        ("torch", "transformers", "accelerate", "deepspeed", "peft"),
    ),
    "gpu": ("faster training on a GPU", ("liger-kernel",)),
    "select": (
        "fgit select by UniXcoder or another embedding model",
        ("torch", "transformers", "sentence-transformers"),
    ),
    "mutate": (
        "fgit mutate --method universalmutator and cosmic-ray, and fgit refine",
        ("universalmutator", "cosmic-ray", "coverage"),
    ),
    "eval": ("EvalPlus's data, prompts and sanitizer in fgit eval", ("evalplus",)),
    "bigcodebench": (
        "the tasks of fgit eval --bench bigcodebench that use libraries",
        ("pandas", "scikit-learn", "tensorflow", "nltk"),
    ),
    "report": ("intervals and tests in fgit report", ("scipy",)),
    "plots": ("figures in fgit report", ("matplotlib",)),
    "vllm": ("fast generation on GPUs in eval and mutate", ("vllm",)),
}
CORE = (
    "typer",
    "rich",
    "jsonlines",
    "orjson",
    "tokenizers",
    "huggingface-hub",
    "rapidfuzz",
    "cydifflib",
    "Levenshtein",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Common):
    json: bool = option(False, "Print one JSON object, for programs.", recorded=False)


@dataclasses.dataclass(frozen=True)
class Gpu:
    name: str
    memory_gib: float


def installed(package: str) -> str | None:
    """The version of an installed package, read from its metadata (nothing is imported)."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def gpus() -> list[Gpu]:
    """The NVIDIA GPUs that the driver names; none where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    asked = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rsplit(",", 1) for line in done.stdout.splitlines() if "," in line]
    return [Gpu(name.strip(), round(int(memory) / 1024, 1)) for name, memory in rows]


def examine() -> dict[str, Any]:
    """Everything `doctor` tells, as JSON values."""
    extras = {}
    for extra, (enables, packages) in EXTRAS.items():
        versions = {package: installed(package) for package in packages}
        missing = [package for package, version in versions.items() if version is None]
        extras[extra] = {"enables": enables, "packages": versions, "missing": missing}
    return {
        "fgit": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
        "core": {package: installed(package) for package in CORE},
        "extras": extras,
        "strangers": strangers(),
        "gpus": [dataclasses.asdict(gpu) for gpu in gpus()],
        "isolation": isolation(),
    }


def strangers() -> list[str]:
    """Other distributions, with their versions, that install files of a package called fgit_cli."""
    owners = importlib.metadata.packages_distributions().get("fgit_cli", [])
    return sorted({f"{name} {installed(name)}" for name in owners if name != install.DISTRIBUTION})


def isolation() -> str:
    """The sandbox level that `fgit eval` would run at, found by its own self-test; or why there is none."""
    from fgit_cli.executor import probe

    try:
        level, reason = probe()
    except UsageError as error:
        return f"none: {error}"
    return f"{level} ({reason})" if reason else level


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
