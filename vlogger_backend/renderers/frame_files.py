"""Frames as files: where they go by the name that the user gives, and their bytes as PNG or OpenEXR."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .stage import Picture
from .video import NOTICE

VIDEO = ".mp4"
PICTURES = (".png", ".exr")
_NUMBER = re.compile(r"#+")
_USUAL = "######.png"
_QUICK = 1
"""zlib's level: a little larger, and several times quicker to write."""


@dataclass(frozen=True)
class Output:
    """Where a shot goes: a video, a picture, or a sequence, whose names have the take's frame number for `#`s."""

    path: Path

    @staticmethod
    def of(path: Path) -> Output:
        """By its name: .mp4, .png, .exr, one of these with `#`s, or a folder, which gets PNGs.

        Raises InputError for anything else.
        """
        suffix = path.suffix.lower()
        if "#" in path.name:
            if suffix not in PICTURES or len(_NUMBER.findall(path.name)) > 1:
                raise InputError(f"{path} is no name for frames; give one such as {path.parent / 'shot_####.png'}.")
            return Output(path)
        if suffix in (VIDEO, *PICTURES):
            return Output(path)
        if path.is_file() or (suffix and not path.is_dir()):
            raise InputError(
                f"{path} can't be painted: give an .mp4, a .png or .exr for one frame, a folder for PNGs, or a name "
                "with #### such as shot_####.exr for a sequence."
            )
        return Output(path / _USUAL)

    @property
    def video(self) -> bool:
        return self.path.suffix.lower() == VIDEO

    @property
    def sequence(self) -> bool:
        return "#" in self.path.name

    def file(self, frame: int) -> Path:
        """Where the take's frame goes."""
        return self.path.with_name(_NUMBER.sub(lambda found: f"{frame:0{len(found[0])}d}", self.path.name))


def encoded(picture: Picture, suffix: str) -> bytes:
    """A picture (H, W, 3 or 4; sRGB, straight alpha) as the bytes of a .png or .exr."""
    return _exr(picture) if suffix == ".exr" else png(picture)


def png(picture: Picture) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    notice, data = PngInfo(), io.BytesIO()
    notice.add_text("Comment", NOTICE)
    Image.fromarray(picture).save(data, "PNG", compress_level=_QUICK, pnginfo=notice)
    return data.getvalue()


def _exr(picture: Picture) -> bytes:
    """As OpenEXR wants it: linear light, half floats, colours times alpha."""
    import av

    height, width = picture.shape[:2]
    linear = np.ones((height, width, 4), np.float32)
    linear[..., :3] = _LINEAR[picture[..., :3]]
    if picture.shape[2] == 4:
        linear[..., 3] = picture[..., 3] / np.float32(255)
        linear[..., :3] *= linear[..., 3:]
    codec = av.CodecContext.create("exr", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "gbrapf32le"
    codec.time_base = Fraction(1, 25)
    codec.options = {"compression": "zip16", "format": "half"}
    frame = av.VideoFrame.from_ndarray(linear, format="gbrapf32le")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def _table() -> NDArray[np.float32]:
    """Linear light of sRGB's 256 levels (IEC 61966-2-1)."""
    levels = np.arange(256) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _table()
