"""Pictures of any file that people have, few and telling ones, to look for the mark in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..speech.audio import open_container
from .reading import MOST_PICTURES

Bytes = NDArray[np.uint8]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
SEQUENCES = (*PICTURES, ".exr")
"""What may be in a folder of frames."""
_MOST_PIXELS = 100_000_000
_KEY_FRAMES = 8
_EVERY, _AMONG = 10, 320
"""Of a video's first frames, one in so many is looked at."""


def files_in(path: Path) -> list[Path]:
    """The file itself, or the frames in a folder, in order.

    Raises InputError if there are none.
    """
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SEQUENCES and file.is_file())
        if not found:
            raise InputError(f"There is no picture in {path}; name a video, a picture, or a folder of frames.")
        return found
    if not path.exists():
        raise InputError(f"There is no file {path}; check its path.")
    if not path.is_file():
        raise InputError(f"{path} is not a file; name a video, a picture, or a folder of frames.")
    return [path]


def pictures_of(files: list[Path]) -> list[list[Bytes]]:
    """Groups of pictures (height, width, 3 or 4) that may each show the mark, the likeliest first.

    Of a video: first key frames, which coders keep best, then frames further apart. Of several files: some of them.

    Raises InputError if a file can't be read as picture or video.
    """
    if len(files) == 1 and files[0].suffix.lower() not in SEQUENCES:
        return [_key_frames(files[0]), _some_frames(files[0])]
    readable = [file for file in files if file.suffix.lower() in PICTURES]
    some = readable[:: max(1, -(-len(readable) // MOST_PICTURES))]
    return [[_picture(file) for file in some]] if some else []


def _picture(path: Path) -> Bytes:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                width, height = picture.size
                if width * height > _MOST_PIXELS:
                    raise InputError(f"{path} has {width} x {height} pixels; at most 100 million can be looked at.")
                alpha = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
                return np.asarray(picture.convert("RGBA" if alpha else "RGB"))
    except InputError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise InputError(f"{path} can't be read as a picture; it may be damaged or of another kind.") from error


def _key_frames(path: Path) -> list[Bytes]:
    """Those of the first minutes; the first one at least."""
    return list(islice(_frames(path, "NONKEY"), _KEY_FRAMES))


def _some_frames(path: Path) -> list[Bytes]:
    return list(islice(_frames(path, "DEFAULT"), 0, _AMONG, _EVERY))


def _frames(path: Path, skip: Literal["NONKEY", "DEFAULT"]) -> Iterator[Bytes]:
    import av

    try:
        container = open_container(path)
    except InputError as error:
        raise InputError(
            f"{path} can't be read as a video or picture; it may be damaged or of another kind."
        ) from error
    with container:
        if not container.streams.video:
            raise InputError(f"{path} has no picture in it; name a video, a picture, or a folder of frames.")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.skip_frame = skip
        if stream.codec_context.width * stream.codec_context.height > _MOST_PIXELS:
            raise InputError(f"{path} has more than 100 million pixels a frame; at most so many can be looked at.")
        shown = 0
        try:
            for frame in container.decode(stream):
                shown += 1
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        except (av.FFmpegError, ValueError, MemoryError) as error:
            if not shown:
                raise InputError(f"{path} can't be decoded; it may be damaged.") from error
