"""The painter's network: a small U-Net of diffusers that turns noise into what the warp lacks.

It works on patches at half their resolution, four pixels to a cell (space to depth), so that it is quick without a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .patches import PATCH
from .puppet import PARTS

if TYPE_CHECKING:
    import torch

FINENESS = 2
"""Pixels to a cell, each way."""
SCALE = 3.0
"""Differences of colour, 0 to 1, times this are what is diffused."""
KNOWN = 3 + len(PARTS) + 1 + 3
"""Channels that are given: the warp, its parts, how worn it is, the photo."""
_CELL = FINENESS * FINENESS


def new_network() -> Any:
    """An untrained `diffusers.UNet2DModel`. It predicts the clean sample."""
    from diffusers import UNet2DModel

    return UNet2DModel(  # type: ignore[no-untyped-call]
        sample_size=PATCH // FINENESS,
        in_channels=(3 + KNOWN) * _CELL,
        out_channels=3 * _CELL,
        layers_per_block=1,
        block_out_channels=(32, 64, 96),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=16,
    )


def new_schedule() -> Any:
    """The noise: a cosine schedule (Nichol and Dhariwal, 2021), sampled without new noise (DDIM, Song et al., 2021)."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(  # type: ignore[no-untyped-call]
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )


def known(before: torch.Tensor, parts: torch.Tensor, worn: torch.Tensor, photo: torch.Tensor) -> torch.Tensor:
    """What the network is given, as cells (n, KNOWN * 4, PATCH / 2, PATCH / 2).

    before, photo : (n, 3, PATCH, PATCH) sRGB 0 to 1
    parts         : (n, PATCH, PATCH) numbers of `PARTS`
    worn          : (n, PATCH, PATCH) 0 to 1
    """
    import torch
    from torch.nn import functional

    which = functional.one_hot(parts.long(), len(PARTS)).movedim(-1, 1).to(before.dtype)
    return functional.pixel_unshuffle(torch.cat([before * 2 - 1, which, worn[:, None], photo * 2 - 1], dim=1), FINENESS)


def gate(parts: torch.Tensor, worn: torch.Tensor, eye: torch.Tensor) -> torch.Tensor:
    """How much of the painting is taken at each pixel (n, 1, PATCH, PATCH): none where the photo knows best.

    eye : (n,) how much the eyes have moved since the photo, 0 to 1
    """
    import torch
    from torch.nn import functional

    inside = (parts >= PARTS.index("mouth")) * torch.maximum(worn, torch.full_like(worn, 0.15))
    eyes = (parts == PARTS.index("eye")) * eye[:, None, None]
    skin = (parts == PARTS.index("skin")) * worn
    open_ = functional.max_pool2d(torch.maximum(inside, torch.maximum(eyes, skin))[:, None], 5, 1, 2)
    return functional.avg_pool2d(
        functional.avg_pool2d(open_, 5, 1, 2, count_include_pad=False), 3, 1, 1, count_include_pad=False
    )
