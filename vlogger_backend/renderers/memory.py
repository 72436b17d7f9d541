"""Whether a large model fits into this machine, and how: whole on its graphics card, part by part, or not."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InputError

Placing = Literal["whole", "by part", "by layer"]

_USABLE = 0.9
"""Of the memory that is free; the rest is left to whatever else goes on."""
_GB = 1e9


@dataclass(frozen=True)
class Memory:
    """What is free, in bytes. `card` is that of the graphics card, or 0 where `device` has none of its own."""

    device: str
    card: int
    main: int


def free_memory() -> Memory:
    """What is free on this machine now, and the device that PyTorch would use."""
    import psutil
    import torch

    main = int(psutil.virtual_memory().available)
    if torch.cuda.is_available():
        return Memory("cuda", int(torch.cuda.mem_get_info()[0]), main)
    if torch.backends.mps.is_available():
        return Memory("mps", 0, main)
    return Memory("cpu", 0, main)


def placing(models: Mapping[str, int], work: int, memory: Memory) -> Placing:
    """How the models of so many bytes, by name, are used, if working with them takes `work` bytes more.

    "by part" keeps them in main memory and brings each to the card when its turn comes, "by layer" each layer.

    Raises InputError if they do not fit.
    """
    card, main = _USABLE * memory.card, _USABLE * memory.main
    total = sum(models.values())
    if not memory.card:
        if total + work <= main:
            return "whole"
        raise InputError(_too_large(total + work, main, "memory"))
    if total + work <= card:
        return "whole"
    if total > main:
        raise InputError(_too_large(total, main, "main memory, from which the graphics card would be fed"))
    if max(models.values(), default=0) + work <= card:
        return "by part"
    if work <= card:
        return "by layer"
    raise InputError(_too_large(work, card, "the graphics card's memory for pictures of this size"))


def place(pipeline: Any, how: Placing, device: str) -> None:
    """Put a diffusers pipeline where `placing` says.

    Raises InputError if that needs a package that is not here.
    """
    if how == "whole":
        pipeline.to(device)
        return
    if importlib.util.find_spec("accelerate") is None:
        raise InputError(
            "The models don't fit on the graphics card at once, and feeding it part by part needs the package "
            "accelerate; run pip install accelerate."
        )
    (pipeline.enable_model_cpu_offload if how == "by part" else pipeline.enable_sequential_cpu_offload)(device=device)


def let_go(device: str) -> None:
    """Give back what models took that are no longer used."""
    import gc

    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def _too_large(needed: float, free: float, where: str) -> str:
    return (
        f"About {needed / _GB:.1f} GB of {where} would be needed and {free / _GB:.1f} GB are free; close other "
        "programs, paint smaller pictures, or use the built-in renderer."
    )
