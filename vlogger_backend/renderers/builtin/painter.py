"""The painter: what the photo never showed of mouth and eyes, painted into a frame by a small diffusion model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..compositing import over
from ..surfaces import Picture
from .network import FINENESS, SCALE, gate, known, new_network, new_schedule
from .patches import PATCH, Patch, cut, put
from .puppet import Frame

if TYPE_CHECKING:
    import torch

WEIGHTS = Path(__file__).parent / "data" / "painter.safetensors"
_STEPS = 2
_LEAST = 0.02
"""Patches whose gate is nowhere opener than this are left as they are."""


def _nothing() -> None:
    pass


class Painter:
    """Loads the weights, onto a CUDA card if there is one. Raises InputError if they are missing or damaged."""

    def __init__(self, photo: Picture, patches: tuple[Patch, ...], seed: int, weights: Path = WEIGHTS) -> None:
        """`photo` (H, W, 3) is the portrait's, `patches` are where mouth and eyes are in it.

        The noise is drawn from `seed` once for the whole shot, so that nothing flickers.
        """
        import torch

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = load_network(weights).to(self._device)
        self._schedule = new_schedule()
        self._photo = _planes(cut(photo, patches)).to(self._device)
        random = torch.Generator().manual_seed(seed)
        cells = PATCH // FINENESS
        noise = torch.randn(len(self._photo), 3 * FINENESS**2, cells, cells, generator=random)
        self._noise = noise.to(self._device)

    def paint(self, frame: Frame, behind: Picture, step: Callable[[], None] = _nothing) -> Picture:
        """The frame's picture (H, W, 4), sRGB times alpha, and alpha, painted.

        `behind` (H, W, 3) is what the network sees behind the person. `step` is called after each step of denoising.
        """
        import torch

        parts, worn, moved = (
            torch.from_numpy(values.copy()).to(self._device) for values in (frame.parts, frame.worn, frame.eyes_moved)
        )
        worn = worn.float() / 255
        opened = gate(parts, worn, moved)
        chosen = torch.nonzero(opened.amax(dim=(1, 2, 3)) > _LEAST)[:, 0]
        if not len(chosen):
            return frame.picture
        patches = tuple(frame.patches[index] for index in chosen.tolist())
        before = _planes(over(cut(frame.picture, patches), cut(behind, patches))).to(self._device)
        given = known(before, parts[chosen], worn[chosen], self._photo[chosen])
        sample = painted(self._network, self._schedule, given, self._noise[chosen], _STEPS, step)
        change = (sample * opened[chosen]).movedim(1, -1).cpu().numpy()
        return _changed(frame.picture, patches, change)


def painted(
    network: Any,
    schedule: Any,
    given: torch.Tensor,
    noise: torch.Tensor,
    steps: int,
    step: Callable[[], None] = _nothing,
) -> torch.Tensor:
    """What is to be added to patches of which `given` is known: (n, 3, PATCH, PATCH), of colours 0 to 1."""
    import torch
    from torch.nn import functional

    with torch.no_grad():
        sample = noise
        schedule.set_timesteps(steps)
        for moment in schedule.timesteps:
            guess = network(torch.cat([sample, given], dim=1), moment).sample
            sample = schedule.step(guess, moment, sample).prev_sample
            step()
        return functional.pixel_shuffle(sample, FINENESS) / SCALE


def load_network(weights: Path = WEIGHTS) -> Any:
    """The trained network. Raises InputError if there are no such weights, or they are damaged or another network's."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not weights.is_file():
        raise InputError(f"The built-in renderer's weights are not at {weights}; install vlogger again.")
    network = new_network()
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(f"The built-in renderer's weights at {weights} are damaged; install vlogger again.") from error
    return network.eval().to(memory_format=torch.channels_last)


def _planes(patches: NDArray[np.uint8]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(patches)).movedim(-1, 1).float() / 255


def _changed(picture: Picture, patches: tuple[Patch, ...], change: NDArray[np.float32]) -> Picture:
    """`change` (n, PATCH, PATCH, 3), of colours 0 to 1, added where the patches are."""
    painted_over = picture.astype(np.float32)
    alpha = painted_over[..., 3:]
    for patch, difference in zip(patches, change, strict=True):
        rows, columns, placed = put(difference, patch, picture.shape[:2])
        region = painted_over[rows, columns]
        cover = alpha[rows, columns]
        region[..., :3] = np.clip(region[..., :3] + placed * cover, 0, cover)
    return np.asarray(np.rint(painted_over), np.uint8)
