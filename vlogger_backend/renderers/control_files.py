"""Control images as sequences of files: a folder a kind, a file a frame, and `controls.json`, which explains them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import writing
from ..progress import Progress, no_progress
from .controlnets import CONTROLNETS
from .controls import BOX, DEPTH_UNIT, Controls, control_frames, coordinates, depth, normals
from .regions import PALETTE, REGIONS
from .renderer import Scene


def write_controls(
    folder: Path, scene: Scene, kinds: Sequence[str] | None = None, progress: Progress = no_progress
) -> None:
    """Write the control images of a scene's frames, `folder/kind/000123.png` (or `.npy`), by the take's frame numbers.

    `kinds` are some of `KINDS`; None is all. Each file is whole or not there.

    Raises InputError if a kind is unknown, no OpenGL can be opened, or a file can't be written.
    """
    chosen = list(KINDS) if kinds is None else list(kinds)
    for kind in chosen:
        if kind not in KINDS:
            raise InputError(f"There are no control images {kind}; choose from {', '.join(KINDS)}.")
    if not chosen:
        raise InputError(f"No control images are asked for; choose from {', '.join(KINDS)}.")
    with writing(folder / "controls.json") as path:
        path.write_text(json.dumps(_description(scene, chosen), indent=1), encoding="utf-8")
    for index, (frame, controls) in enumerate(control_frames(scene)):
        for kind in chosen:
            suffix, encode = KINDS[kind]
            with writing(folder / kind / f"{frame:06d}{suffix}") as path:
                path.write_bytes(encode(controls))
        progress("Drawing the control images", (index + 1) / len(scene.frames))


def _png(draw: Callable[[Controls], NDArray[Any]], controls: Controls) -> bytes:
    """A PNG of 8 or 16 bits a channel, as the array has; grey, RGB or RGBA."""
    import cv2

    picture = draw(controls)
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    _, data = cv2.imencode(".png", picture, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return data.tobytes()


def _palette_png(controls: Controls) -> bytes:
    """A PNG whose pixels are the regions' numbers, and whose palette is their colours."""
    from PIL import Image

    picture = Image.fromarray(controls.raster.regions, mode="P")
    picture.putpalette(PALETTE.ravel().tolist())
    data = io.BytesIO()
    picture.save(data, "png", compress_level=1)
    return data.getvalue()


def _npy(controls: Controls) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array(data, np.ascontiguousarray(controls.raster.depth), allow_pickle=False)
    return data.getvalue()


KINDS: Mapping[str, tuple[str, Callable[[Controls], bytes]]] = {
    "coordinates": (".png", partial(_png, coordinates)),
    "parts": (".png", _palette_png),
    "normals": (".png", partial(_png, normals)),
    "depth": (".png", partial(_png, depth)),
    "depth-metres": (".npy", _npy),
    "warp": (".png", partial(_png, lambda controls: controls.raster.warp)),
    **{
        f"controlnet-{name}": (".png", partial(_png, draw))
        for name, draw in CONTROLNETS.items()
        if name != "inpaint"  # the warp with its alpha is that
    },
}
"""The suffix of each kind's files, and what makes their bytes."""


def _description(scene: Scene, kinds: Sequence[str]) -> dict[str, Any]:
    poses, fields = scene.camera.over(scene.last - scene.first + 1)
    return {
        "kinds": list(kinds),
        "fps": scene.motion.fps,
        "first": scene.first,
        "last": scene.last,
        "size": [scene.camera.width, scene.camera.height],
        "coordinates": {"box": BOX, "unit": "metres of the template, 0 to 65535 over the box"},
        "normals": "right, up and towards the camera, -1 to 1 as 0 to 65535",
        "depth": {"metres_per_step": DEPTH_UNIT},
        "parts": [{"number": i, "name": name, "color": color} for i, (name, color) in enumerate(REGIONS.items())],
        "camera": {"poses": poses[:, :3].reshape(-1, 12).tolist(), "fields": fields.tolist()},
    }
