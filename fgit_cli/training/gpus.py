"""GPUs to reckon with: peak, memory and interconnect by the makers' data sheets, or in numbers that a user gives."""

import re
from dataclasses import dataclass

from fgit_cli.errors import UsageError

PCIE = 25e9  # bytes/s that PCIe 4 x16 brings one way
NUMBERS = re.compile(r"(\d+(?:\.\d+)?) ?gi?b:(\d+(?:\.\d+)?) ?tflops", re.IGNORECASE)
EXAMPLE = "48GB:180TFLOPS"


@dataclass(frozen=True)
class Gpu:
    """Peak dense bf16 FLOP/s, memory in GiB, and bytes/s to the other GPUs of its machine, one way."""

    peak: float
    memory: float
    link: float = PCIE


# v100 and t4 have no units for bf16: their peak is that of fp32, by which torch computes it.
GPUS = {
    "a100-40gb": Gpu(312e12, 40, 300e9),
    "a100-80gb": Gpu(312e12, 80, 300e9),
    "a800-80gb": Gpu(312e12, 80, 200e9),
    "h100": Gpu(989e12, 80, 450e9),
    "h800": Gpu(989e12, 80, 200e9),
    "h200": Gpu(989e12, 141, 450e9),
    "b200": Gpu(2250e12, 180, 900e9),
    "v100": Gpu(15.7e12, 32, 150e9),
    "t4": Gpu(8.1e12, 16, PCIE / 2),
    "l4": Gpu(121e12, 24),
    "l40s": Gpu(362e12, 48),
    "rtx-3090": Gpu(71e12, 24),
    "rtx-4090": Gpu(165e12, 24),
    "rtx-5090": Gpu(209e12, 32, 2 * PCIE),
}


def named(text: str) -> Gpu:
    """The GPU of a name in the table, or of memory and peak in numbers. Raises UsageError."""
    if found := NUMBERS.fullmatch(text.strip()):
        memory, peak = map(float, found.groups())
        if memory and peak:
            return Gpu(peak * 1e12, memory)
    if text.lower() not in GPUS:
        raise UsageError(f"--gpu {text}: not in the table; there are {', '.join(GPUS)}, or numbers, {EXAMPLE}")
    return GPUS[text.lower()]


def here() -> tuple[str, Gpu]:
    """The name and the data of this machine's first GPU, its memory as it is. Raises UsageError for an unknown one."""
    import torch

    real = torch.cuda.get_device_name(0).lower().replace(" ", "-")
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return real, known(real, memory)


def known(real: str, memory: float) -> Gpu:
    """The GPU that calls itself so (`nvidia-a100-sxm4-80gb`), with so many GiB. Raises UsageError if unknown."""
    words = [re.escape(re.sub(r"-\d+gb$", "", name)) for name in GPUS]
    found = [
        gpu
        for word, gpu in zip(words, GPUS.values(), strict=True)
        if re.search(rf"(?<![a-z0-9]){word}(?![a-z0-9])", real)
    ]
    if not found:
        raise UsageError(f"this machine's {real} is not in the table; say what it can: --gpu {EXAMPLE}")
    return Gpu(found[0].peak, round(memory, 1), found[0].link)
