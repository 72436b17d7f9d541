"""Photos of any make become plain upright sRGB, and what is no photo is refused with a sentence."""

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import astronaut
from PIL import Image

from vlogger_backend.errors import InputError
from vlogger_backend.portraits.photos import LONGEST_SIDE, read_photo

PHOTO = Image.fromarray(astronaut()[40:200, 160:300])
GREY = PHOTO.convert("L")
TURNED = Image.Exif()
TURNED[0x112] = 6  # the camera was held on its side


def as_bytes(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def of_16_bits(image: Image.Image) -> bytes:
    pixels = np.asarray(image)
    return cv2.imencode(".png", (pixels[..., ::-1] if pixels.ndim == 3 else pixels).astype(np.uint16) * 257)[
        1
    ].tobytes()


def read(data: bytes, folder: Path) -> np.ndarray:
    path = folder / "me.jpg"
    path.write_bytes(data)
    return read_photo(path).pixels


KINDS: dict[str, tuple[Callable[[], bytes], Image.Image, float]] = {
    "png": (lambda: as_bytes(PHOTO, "PNG"), PHOTO, 0),
    "jpeg": (lambda: as_bytes(PHOTO, "JPEG", quality=95), PHOTO, 4),
    "progressive jpeg": (lambda: as_bytes(PHOTO, "JPEG", quality=95, progressive=True), PHOTO, 4),
    "webp": (lambda: as_bytes(PHOTO, "WEBP", quality=95), PHOTO, 4),
    "grey jpeg": (lambda: as_bytes(GREY, "JPEG", quality=95), GREY, 3),
    "cmyk jpeg": (lambda: as_bytes(PHOTO.convert("CMYK"), "JPEG", quality=95), PHOTO, 4),
    "palette": (lambda: as_bytes(PHOTO.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), PHOTO, 6),
    "alpha": (lambda: as_bytes(PHOTO.convert("RGBA"), "PNG"), PHOTO, 0),
    "grey and alpha": (lambda: as_bytes(PHOTO.convert("LA"), "PNG"), GREY, 0.6),
    "16 bits": (lambda: of_16_bits(PHOTO), PHOTO, 0),
    "16 bits grey": (lambda: of_16_bits(GREY), GREY, 0),
    "a phone on its side": (
        lambda: as_bytes(PHOTO.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=TURNED), PHOTO, 4,
    ),
    "damaged profile": (lambda: as_bytes(PHOTO, "PNG", icc_profile=b"nothing" * 30), PHOTO, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_photo_is_read(kind: str, tmp_path: Path) -> None:
    make, expected, apart = KINDS[kind]
    pixels = read(make(), tmp_path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (PHOTO.height, PHOTO.width, 3)
    assert np.abs(pixels.astype(int) - np.asarray(expected.convert("RGB"))).mean() <= apart


def test_what_is_cut_out_stands_before_grey(tmp_path: Path) -> None:
    cut = PHOTO.convert("RGBA")
    cut.putalpha(Image.new("L", PHOTO.size, 0))
    assert (read(as_bytes(cut, "PNG"), tmp_path) == 128).all()


def wide_gamut_profile() -> bytes:
    """An ICC profile (version 2) of a display with Display P3's primaries and a gamma of 2.2."""

    def fixed(*numbers: float) -> bytes:
        return b"".join(struct.pack(">i", round(n * 65536)) for n in numbers)

    def place(*numbers: float) -> bytes:
        return b"XYZ \0\0\0\0" + fixed(*numbers)

    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(79)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {
        b"desc": text, b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": place(0.9642, 1, 0.8249),
        b"rXYZ": place(0.5151, 0.2412, -0.0011), b"gXYZ": place(0.2919, 0.6922, 0.0419),
        b"bXYZ": place(0.1571, 0.0666, 0.7841), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    return (header + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(128))[:128] + table + body


def test_wide_colours_become_srgb(tmp_path: Path) -> None:
    patch = Image.new("RGB", (32, 32), (200, 120, 90))
    pixels = read(as_bytes(patch, "PNG", icc_profile=wide_gamut_profile()), tmp_path)
    linear = (np.array([200, 120, 90]) / 255) ** 2.2
    to_srgb = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])  # P3 to sRGB
    wanted = to_srgb @ linear
    wanted = np.where(wanted < 0.0031308, 12.92 * wanted, 1.055 * wanted ** (1 / 2.4) - 0.055) * 255
    assert np.abs(pixels[16, 16] - wanted).max() < 3


def test_a_huge_jpeg_is_reduced_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    Image.new("L", (13_000, 8_000), 90).save(path, quality=20)  # 104 megapixels
    photo = read_photo(path)
    assert photo.pixels.shape == (round(8 / 13 * LONGEST_SIDE), LONGEST_SIDE, 3)
    assert photo.scale == pytest.approx(LONGEST_SIDE / 13_000)


def test_the_lens_is_read_where_the_photo_is_whole(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA405: 50, 0xA002: 140, 0xA003: 160})
    path = tmp_path / "me.jpg"
    PHOTO.save(path, exif=exif)
    assert read_photo(path).lens == pytest.approx(50 / np.hypot(36, 24) * np.hypot(140, 160))
    PHOTO.crop((0, 0, 100, 100)).save(path, exif=exif)
    assert read_photo(path).lens is None


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "gif": (lambda: as_bytes(PHOTO, "GIF"), "is a GIF.*JPEG or PNG"),
    "animated png": (
        lambda: as_bytes(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(3)]), "is an animation; save",
    ),
    "animated webp": (
        lambda: as_bytes(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(3)]), "is an animation; save",
    ),
    "tiff": (lambda: as_bytes(PHOTO, "TIFF"), "is a TIFF.*JPEG or PNG"),
    "bmp": (lambda: as_bytes(PHOTO, "BMP"), "is a BMP"),
    "heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(300), "is a HEIC photo.*iPhone.*JPEG or PNG"),
    "pdf": (lambda: b"%PDF-1.7" + bytes(300), "is a PDF"),
    "video": (lambda: b"\0\0\0\x18ftypisom" + bytes(300), "is a sound or video, not a photo"),
    "text": (lambda: b"hello", "is no picture"),
    "empty": (lambda: b"", "is empty"),
    "truncated jpeg": (lambda: as_bytes(PHOTO, "JPEG")[:3000], "is damaged or incomplete"),
    "truncated png": (lambda: as_bytes(PHOTO, "PNG")[:9000], "is damaged or incomplete"),
    "truncated webp": (lambda: as_bytes(PHOTO, "WEBP")[:2000], "is damaged or incomplete"),
    "broken header": (lambda: b"\xff\xd8\xff" + b"garbage" * 30, "is damaged"),
    "bomb": (lambda: png_of(30_000, 30_000), "30000 x 30000 pixels, more than the 100 million"),
    "lying header": (lambda: png_of(9_000, 9_000), "is damaged or incomplete"),
    "endless scans": (lambda: as_bytes(PHOTO, "JPEG") + b"\xff\xda" * 200, "very long to decode"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_photo_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    make, said = REFUSED[kind]
    with pytest.raises(InputError, match=said) as error:
        read(make(), tmp_path)
    assert "\n" not in str(error.value)


def test_a_photo_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read: No such file"):
        read_photo(tmp_path / "no.jpg")
    with pytest.raises(InputError, match=r"folder|can't be read"):
        read_photo(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="is a pipe"):
        read_photo(tmp_path / "pipe.jpg")


@settings(max_examples=60)
@given(form=st.sampled_from(["JPEG", "PNG", "WEBP"]), data=st.data())
def test_damage_anywhere_is_a_sentence_or_a_picture(
    form: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = bytearray(as_bytes(PHOTO.resize((40, 40)), form))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = read(bytes(whole), tmp_path_factory.getbasetemp())
    except InputError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
