"""Photos of any make as plain sRGB pixels, upright, of a working size; nothing is decoded before it is known to fit."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import InputError
from ..kinds import HEAD, MOST_PIXELS, picture_size, recognise
from .portrait import Bytes

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 1600
"""Pixels. Faces are found, fitted and painted at this size."""

_MOST_BYTES = 400_000_000
_MOST_PIXELS_JPEG = 250_000_000
"""More than any camera takes: a JPEG is reduced while it is decoded."""
_MOST_SCANS = 100
"""Of a progressive JPEG, which has about ten; each costs the time of a whole decoding."""
_BEHIND = (128, 128, 128)
"""What is put behind a photo that is cut out."""
_OTHERS = (
    (
        "a HEIC photo (an iPhone takes JPEG with Settings > Camera > Formats > Most Compatible)",
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"),
    ),
    ("an AVIF picture", (b"avif", b"avis")),
    ("a raw photo", (b"crx ",)),
)
_STARTS = (
    ("a GIF, which has too few colours for a face", (b"GIF8",)),
    ("a TIFF picture or a raw photo", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("a BMP picture", (b"BM",)),
    ("a JPEG 2000 picture", (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    ("a JPEG XL picture", (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    ("a Photoshop file", (b"8BPS",)),
    ("a PDF", (b"%PDF",)),
)


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """A photo that was read.

    name   : of its file, without the suffix
    pixels : (H, W, 3) sRGB, upright, the longest side at most `LONGEST_SIDE`
    scale  : pixels here for one of the file, at most 1
    lens   : the focal length in pixels, if the file tells it and hasn't been cropped since
    source : SHA-256 of the file
    """

    name: str
    pixels: Bytes
    scale: float
    lens: float | None
    source: str


def read_photo(path: Path) -> Photo:
    """Read a JPEG, PNG or WebP photo: any colours (CMYK, grey, palette, 16 bits, alpha; by its ICC profile) become
    sRGB, EXIF's rotation is applied, and what is cut out stands before grey.

    Raises InputError if there is no such file, if it is another kind, an animation, damaged or too large.
    """
    data = _bytes_of(path)
    suffix = _suffix(path, data)
    _check_size(path, data, suffix)
    try:
        decoded = _decode(data, suffix)
    except Exception as error:  # a decoder may raise anything at damaged bytes
        raise InputError(
            f"{path} is damaged or incomplete and can't be decoded; copy it again, or save it anew in any picture "
            "editor."
        ) from error
    if decoded is None:
        raise InputError(
            f"{path} is an animation; save the one picture in which the face is best as JPEG or PNG and give that."
        )
    pixels, longest, lens = decoded
    scale = max(pixels.shape[:2]) / longest
    return Photo(path.stem, pixels, scale, lens and lens * scale, hashlib.sha256(data).hexdigest())


def _bytes_of(path: Path) -> bytes:
    if path.exists() and not (path.is_file() or path.is_dir()):  # reading a pipe would wait
        raise InputError(f"{path} is a pipe or a device; give one photo.")
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; give one photo.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the path of the photo.") from error
    if not data:
        raise InputError(f"{path} is empty; give a photo.")
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path} is too large to be a photo; give a JPEG, PNG or WebP of at most 400 MB.")
    return data


def _suffix(path: Path, data: bytes) -> str:
    """The kind of picture, by its bytes."""
    head = data[:HEAD]
    brand = head[8:12] if head[4:8] == b"ftyp" else b"none"
    known = [name for name, brands in _OTHERS if brand in brands]
    known += [name for name, starts in _STARTS if head.startswith(starts)]
    if known:
        raise InputError(f"{path} is {known[0]}; save or export it as JPEG or PNG and give that.")
    try:
        what = recognise(head)
    except InputError:
        raise InputError(f"{path} is no picture; give a photo as JPEG, PNG or WebP.") from None
    if what.kind != "picture":
        kind = "sound or video" if what.kind == "sound" else what.kind
        raise InputError(f"{path} is a {kind}, not a photo; give a JPEG, PNG or WebP, such as one frame of a video.")
    return what.suffix


def _check_size(path: Path, data: bytes, suffix: str) -> None:
    width, height = picture_size(io.BytesIO(data), suffix)
    most = _MOST_PIXELS_JPEG if suffix == ".jpg" else MOST_PIXELS
    if not width * height:
        raise InputError(f"{path} is damaged: its size can't be read. Copy it again, or give another photo.")
    if width * height > most:
        raise InputError(
            f"{path} has {width} x {height} pixels, more than the {most // 10**6} million that are read; save it at "
            f"{LONGEST_SIDE * 2} pixels or so and give that."
        )
    if suffix == ".jpg" and data.count(b"\xff\xda") > _MOST_SCANS:
        raise InputError(f"{path} is made to take very long to decode; save it anew in a picture editor and give that.")


def _decode(data: bytes, suffix: str) -> tuple[Bytes, int, float | None] | None:
    """The pixels, and of the file's picture the longest side and the focal length; None if it is an animation."""
    from PIL import ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

    # By the kind that was recognised, so that no other of Pillow's many decoders sees the bytes.
    openers: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
        ".jpg": JpegImagePlugin.JpegImageFile,
        ".png": PngImagePlugin.PngImageFile,
        ".webp": WebPImagePlugin.WebPImageFile,
    }
    with openers[suffix](io.BytesIO(data)) as opened:
        longest, lens = max(opened.size), _lens(opened)
        if getattr(opened, "is_animated", False):
            return None
        if suffix == ".jpg":
            opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
        ImageOps.exif_transpose(opened, in_place=True)
        return np.array(_to_srgb(_reduced(_plain(opened)))), longest, lens


def _lens(image: Image.Image) -> float | None:
    """The focal length in pixels, by EXIF's equivalent for 36 x 24 mm film, which goes by the diagonal."""
    with suppress(Exception):  # EXIF can be damaged in any way; then it tells nothing
        exif = image.getexif().get_ifd(0x8769)
        length, size = float(exif[0xA405]), {int(exif[0xA002]), int(exif[0xA003])}
        if size == set(image.size) and 5 <= length <= 1000:
            return length * math.hypot(*image.size) / math.hypot(36, 24)
    return None


def _plain(image: Image.Image) -> Image.Image:
    """In one of the modes L, RGB, RGBA and CMYK, 8 bits a channel."""
    from PIL import Image

    if image.mode.startswith("I"):  # grey of 16 bits
        values = np.asarray(image).astype(np.int64)
        plain = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
        plain.info = image.info
        return plain
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        if image.mode in ("L", "RGB") and "transparency" in image.info:
            return image.convert("RGBA")
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _reduced(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode == "RGBA":  # colours of what can't be seen don't count
        backdrop = Image.new("RGBA", image.size, (*_BEHIND, 255))
        backdrop.info = image.info
        backdrop.alpha_composite(image)
        image = backdrop
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    """By the photo's ICC profile; without one, or with a damaged one, it is taken for sRGB."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    image = image.convert("RGB") if image.mode == "RGBA" else image
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            done = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            image = done or image
    return image.convert("RGB")
