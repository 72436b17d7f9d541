"""Whether a large model fits into this machine, and how: whole on its graphics card, part by part, or not."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ..camera import Camera
from ..errors import InputError
from ..progress import Progress
from .renderer import Readiness

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


Models = TypeVar("Models")
Found = Callable[[bool], Models | None]
"""Looks at a renderer's models on the disk. True fetches those that are on the hub; False gives None if some still are.
Raises InputError if something is missing or damaged."""
Placed = Callable[[Models, tuple[int, int], Memory], Placing]
"""How models are used for pictures of a size (width, height). Raises InputError if they do not fit."""


def readiness(
    needs: str, found: Found[Models], placed: Placed[Models], sides: range, more: Callable[[], str] = str
) -> Readiness:
    """Whether models fit into this machine now, and the largest square, of these sides, for which they do.

    `more` is asked, where they do, what else is missing.
    """
    try:
        models = found(False)
        if models is None:
            later = "; the weights are fetched from the hub when it first paints, and measured then"
            return Readiness(needs + later, (sides[-1], sides[-1]))
        largest = _largest(models, placed, sides, free_memory())
    except InputError as error:
        return Readiness(needs, (0, 0), str(error))
    return Readiness(needs, (largest, largest), more())


def _largest(models: Models, placed: Placed[Models], sides: range, memory: Memory) -> int:
    for side in reversed(sides[1:]):
        with suppress(InputError):
            placed(models, (side, side), memory)
            return side
    placed(models, (sides[0], sides[0]), memory)
    return sides[0]


def loaded(
    found: Found[Models],
    placed: Placed[Models],
    load: Callable[[Models, Placing, str], Any],
    camera: Camera,
    progress: Progress,
) -> tuple[Any, str]:
    """What `load` makes of the models, put where they fit when pictures of the camera's size are painted, and the
    device.

    Raises InputError if they do not fit, or can't be used.
    """
    progress("Loading the models", 0.0)
    models = found(True)
    assert models is not None
    memory = free_memory()
    pipeline = load(models, placed(models, (camera.width, camera.height), memory), memory.device)
    progress("Loading the models", 1.0)
    return pipeline, memory.device


def bytes_of_number(device: str) -> int:
    """Of a number as models work with it: half precision where that is fast."""
    return 2 if device == "cuda" else 4


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
