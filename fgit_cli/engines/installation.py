"""Looks at this machine: installed packages, GPUs, the sandbox that works. It imports nothing heavy."""

import dataclasses
import importlib.metadata
import platform
import shutil
import subprocess
from typing import Any

from fgit_cli import __version__, install
from fgit_cli.errors import UsageError
from fgit_cli.options import cores

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
    "data": ("Parquet, Arrow, saved data sets, hf://, and .zst", ("pyarrow", "datasets", "zstandard")),
    "ray": ("--ray: filters over a cluster", ("ray",)),
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


@dataclasses.dataclass(frozen=True)
class InstalledGpu:
    """A GPU that the driver names; its memory in GiB."""

    name: str
    memory_gib: float


def installed(package: str) -> str | None:
    """The version of an installed package, read from its metadata (nothing is imported)."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def gpus() -> list[InstalledGpu]:
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
    return [InstalledGpu(name.strip(), round(int(memory) / 1024, 1)) for name, memory in rows]


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
