"""Portraits as files: a `.portrait` is one zip of a JSON text, PNGs and `.npy` arrays. No pickle is ever read.

Nothing is unpacked to disk, and sizes are checked before anything is decoded: portraits are passed from hand to hand.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from .. import __version__
from ..avatars.library import load_avatar
from ..camera import Camera
from ..errors import InputError
from ..files import writing
from ..kinds import picture_size
from ..motion.names import ARKIT_NAMES
from .portrait import Bytes, Consent, Fit, FitError, Floats, Portrait

SUFFIX = ".portrait"
FORMAT = 1

_ABOUT = "portrait.json"
_PICTURES = {"picture": "RGB", "matte": "L", "foreground": "RGB", "background": "RGB"}
_ARRAYS = ("vertices", "arkit", "landmarks")
_LANDMARKS = 478
_LONGEST = 200_000
"""Bytes of the JSON text."""
_LARGEST_NUMBER = 1e5
"""In metres or pixels; nothing that a photo shows comes near."""


def write_portrait(portrait: Portrait, path: Path) -> None:
    """Write a portrait to `path`; the same portrait, the same bytes.

    Raises InputError if the file can't be written.
    """
    from PIL import Image

    fit = portrait.fit
    about = {
        "format": FORMAT,
        "vlogger": __version__,
        "name": portrait.name,
        "source": portrait.source,
        "consent": asdict(portrait.consent),
        "vertices": len(fit.vertices),
        "camera": asdict(fit.camera),
        "error": asdict(fit.error),
    }
    with writing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        _put(file, _ABOUT, json.dumps(about, indent=1, ensure_ascii=False).encode())
        for name in _PICTURES:
            png = io.BytesIO()
            Image.fromarray(getattr(portrait, name)).save(png, "PNG")
            _put(file, f"{name}.png", png.getvalue())
        for name in _ARRAYS:
            array = io.BytesIO()
            npy.write_array(array, np.ascontiguousarray(getattr(fit, name), np.float32), allow_pickle=False)  # type: ignore[no-untyped-call]
            _put(file, f"{name}.npy", array.getvalue())


def read_portrait(path: Path) -> Portrait:
    """Read a portrait that `write_portrait` wrote.

    Raises InputError if there is no such file, or if it is another kind, damaged or of another version.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return _portrait(path, file)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}. Check the path of the portrait.") from error
    except Exception as error:  # what a damaged or hostile file leads to can be anything
        raise InputError(
            f"{path} is no portrait, or a damaged one; make it again with: vlogger portrait PHOTO -o {path.name}"
        ) from error


def _put(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # no clock, so that the bytes are the same
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
    file.writestr(entry, data)


def _take(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    with file.open(name) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{name} is too large")
    return data


def _portrait(path: Path, file: zipfile.ZipFile) -> Portrait:
    about = json.loads(_take(file, _ABOUT, _LONGEST))
    if about["format"] != FORMAT:
        raise InputError(
            f"{path} is of another version of vlogger ({str(about['vlogger'])[:40]}); make the portrait again from its "
            "photo, or install that version."
        )
    camera = _camera(about["camera"])
    size = (camera.width, camera.height)
    vertices = len(load_avatar().vertices)
    if about["vertices"] != vertices:
        raise InputError(
            f"{path} was fitted with another built-in character than this version's; make the portrait again from its "
            "photo."
        )
    fit = Fit(
        camera=camera,
        vertices=_array(file, "vertices", (vertices, 3), -_LARGEST_NUMBER, _LARGEST_NUMBER),
        arkit=_array(file, "arkit", (len(ARKIT_NAMES),), 0, 1),
        landmarks=_array(file, "landmarks", (_LANDMARKS, 2), -_LARGEST_NUMBER, _LARGEST_NUMBER),
        error=FitError(**{name: _number(value) for name, value in about["error"].items()}),
    )
    return Portrait(
        name=_text(about["name"]),
        fit=fit,
        consent=Consent(**{name: _text(value) for name, value in about["consent"].items()}),
        source=_text(about["source"]),
        **{name: _picture(file, name, mode, size) for name, mode in _PICTURES.items()},
    )


def _camera(about: dict[str, Any]) -> Camera:
    try:
        (pose,), (field,) = about["poses"], about["fields"]
        return Camera(int(about["width"]), int(about["height"]), (tuple(_number(n) for n in pose),), (_number(field),))
    except InputError as error:
        raise ValueError("no camera") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _picture(file: zipfile.ZipFile, name: str, mode: str, size: tuple[int, int]) -> Bytes:
    """The picture (H, W) or (H, W, 3) of this mode and size (width, height)."""
    from PIL import PngImagePlugin

    data = _take(file, f"{name}.png", 2 * size[0] * size[1] * len(mode) + 100_000)
    if picture_size(io.BytesIO(data), ".png") != size:
        raise ValueError(f"{name} is of another size")
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        if image.mode != mode or image.size != size:
            raise ValueError(f"{name} is of another kind")
        return np.array(image)


def _array(file: zipfile.ZipFile, name: str, shape: tuple[int, ...], low: float, high: float) -> Floats:
    """The array of this shape, all of it finite and within bounds."""
    stream = io.BytesIO(_take(file, f"{name}.npy", 4 * math.prod(shape) + 4096))
    if npy.read_magic(stream) != (1, 0):  # type: ignore[no-untyped-call]
        raise ValueError(f"{name} is of another format")
    found, fortran, dtype = npy.read_array_header_1_0(stream)  # type: ignore[no-untyped-call]
    values = stream.read()
    if found != shape or fortran or dtype != np.dtype("<f4") or len(values) != 4 * math.prod(shape):
        raise ValueError(f"{name} is of another shape")
    array = np.frombuffer(values, "<f4").reshape(shape).astype(np.float32)
    if not (np.isfinite(array).all() and (array >= low).all() and (array <= high).all()):
        raise ValueError(f"{name} is out of bounds")
    return array
