"""The control images that ControlNets for Stable Diffusion 1.5 were trained on, drawn as their own preprocessors do.

Of ControlNet 1.1 (github.com/lllyasviel/ControlNet-v1-1-nightly) openpose, depth, normalbae, seg and inpaint say what
we know; canny, softedge, lineart, mlsd and scribble want edges of a finished picture, shuffle, tile and ip2p a picture.
ControlNetMediaPipeFace (CrucibleAI 2023) has a version for 1.5 and says where lips, lids and pupils are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..portraits.landmarks import INNER_LIPS, LEFT_EYE, LEFT_PUPIL, OUTER_LIPS, OVAL, RIGHT_EYE, RIGHT_PUPIL
from .controls import Controls
from .skeleton import draw_openpose

Picture = NDArray[np.uint8]

_ADE_PERSON, _ADE_WALL = (150, 5, 61), (120, 120, 120)
_LEFT_BROW = ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336))
_RIGHT_BROW = ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))


def _closed(*outline: int) -> tuple[int, ...]:
    return (*outline, outline[0])


_OUTLINES = (
    (_closed(*OVAL), (10, 200, 10)),
    (_closed(*LEFT_EYE), (10, 200, 180)),
    *((brow, (10, 220, 180)) for brow in _LEFT_BROW),
    (_closed(*RIGHT_EYE), (180, 200, 10)),
    *((brow, (180, 220, 10)) for brow in _RIGHT_BROW),
    (_closed(*OUTER_LIPS), (10, 180, 10)),
    (_closed(*INNER_LIPS), (10, 180, 10)),
)
"""In the order in which they are drawn, RGB."""
_PUPILS = ((RIGHT_PUPIL, (250, 200, 10)), (LEFT_PUPIL, (10, 200, 250)))
_SMALLEST_FACE = 64
_LEAST_AHEAD = 0.2
"""Of `Keypoints.ahead`; a face that is turned further away is not found in photos."""
_KNOWN = 128
"""The alpha from which on a pixel of the warped photo is taken for known."""


def midas_depth(controls: Controls) -> Picture:
    """(height, width, 3) white is near, black is far, even in disparity, as MiDaS sees it (Ranftl et al. 2020).

    ControlNet 1.1's depth model takes "real depth created by 3D engines" too (its README). The range goes with the
    head, from an arm's length before it to behind the body, so that it does not flicker.
    """
    near, far = max(controls.near - 0.5, 0.1 * controls.near), controls.near + 0.5
    away = np.where(controls.body, controls.raster.depth, far)
    share = (1 / np.maximum(away, 1e-3) - 1 / far) / (1 / near - 1 / far)
    grey = (np.clip(share, 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def normal_bae(controls: Controls) -> Picture:
    """(height, width, 3) "blue is front, red is left, green is top" (ControlNet 1.1's README on its normalbae model),
    what is beside the body facing the camera.
    """
    facing = np.where(controls.body[..., None], controls.raster.normals, (0.0, 0.0, 1.0)) * (-1.0, 1.0, 1.0)
    return np.clip((facing + 1) / 2 * 255, 0, 255).astype(np.uint8)


def ade20k(controls: Controls) -> Picture:
    """(height, width, 3) ADE20K's colours, the protocol of ControlNet's seg models: a person before a wall."""
    return np.where(controls.body[..., None], _ADE_PERSON, _ADE_WALL).astype(np.uint8)


def openpose(controls: Controls) -> Picture:
    """(height, width, 3) body, hands and face as `draw_openpose` says."""
    return draw_openpose(controls.points, controls.size)


def mediapipe_face(controls: Controls) -> Picture:
    """(height, width, 3) the outlines of MediaPipe's face mesh, as ControlNetMediaPipeFace (CrucibleAI 2023) draws them
    (`controlnet_aux/mediapipe_face`): black where there is no face of 64 pixels that looks this way.
    """
    import cv2

    width, height = controls.size
    canvas: Picture = np.zeros((height, width, 3), np.uint8)
    mesh = controls.points.mesh
    if not np.isfinite(mesh).all() or controls.points.ahead < _LEAST_AHEAD:
        return canvas
    if (mesh.max(axis=0) - mesh.min(axis=0)).min() < _SMALLEST_FACE:
        return canvas
    there = ((mesh >= 0) & (mesh <= (width, height))).all(axis=1)
    pixels = np.minimum(mesh.astype(int), (width - 1, height - 1))
    for outline, color in _OUTLINES:
        for a, b in pairwise(outline):
            if there[a] and there[b]:
                cv2.line(canvas, pixels[a].tolist(), pixels[b].tolist(), color, 2)
    for pupil, color in _PUPILS:
        x, y = mesh[pupil].astype(int)
        if 0 <= x < width and 0 <= y < height:
            canvas[max(y - 2, 0) : y + 2, max(x - 2, 0) : x + 2] = color
    return canvas


def inpaint(controls: Controls) -> NDArray[np.float32]:
    """(height, width, 3) the warped photo, 0 to 1, and -1 where it is to be painted: the condition of ControlNet 1.1's
    inpaint model (`make_inpaint_condition` in diffusers' documentation), whose mask is all or nothing.
    """
    known = controls.raster.warp[..., 3:] >= _KNOWN
    return np.where(known, controls.raster.warp[..., :3].astype(np.float32) / 255, np.float32(-1.0))


CONTROLNETS: Mapping[str, Callable[[Controls], NDArray[Any]]] = {
    "openpose": openpose,
    "depth": midas_depth,
    "normalbae": normal_bae,
    "seg": ade20k,
    "mediapipe_face": mediapipe_face,
    "inpaint": inpaint,
}
"""What draws the control image of each kind of ControlNet that we can feed."""
