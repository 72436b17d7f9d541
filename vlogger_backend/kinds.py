"""What a file is, by its first bytes: nothing is decoded, and the name it came with doesn't count.

Signatures and headers after the formats' own specifications (RIFF, ISO base media, EBML, PNG, JPEG/JFIF, WebP, ZIP).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from .errors import InputError

FileKind = Literal["sound", "picture", "take", "portrait"]

MOST_PIXELS = 100_000_000
"""More than any camera takes, and little enough to be decoded in a gigabyte."""

HEAD = 256
"""Bytes that say what a file is."""

_AT_THE_START = (
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"\x1aE\xdf\xa3", ".mkv"),
    (b"caff", ".caf"),
    (b".snd", ".au"),
    (b"wvpk", ".wv"),
    (b"riff\x2e\x91\xcf\x11", ".w64"),
    (b"MAC ", ".ape"),
    (b"TTA1", ".tta"),
    (b"MPCK", ".mpc"),
    (b"MP+", ".mpc"),
    (b"\x0b\x77", ".ac3"),
    (b"\x7f\xfe\x80\x01", ".dts"),
    (b"\x06\x0e\x2b\x34", ".mxf"),
    (b"#!AMR", ".amr"),
    (b"FLV\x01", ".flv"),
    (b"\x00\x00\x01\xba", ".mpg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wma"),
)
_FORMS = {b"WAVE": ".wav", b"AVI ": ".avi"}


@dataclass(frozen=True)
class Recognised:
    """What a file is, and the suffix by which libraries know such files."""

    kind: FileKind
    suffix: str


def recognise(head: bytes) -> Recognised:
    """What a file is that begins with these `HEAD` bytes (fewer if it is shorter).

    Raises InputError for anything else than sounds, videos, PNG, JPEG and WebP pictures, takes and portraits.
    """
    if suffix := _sound(head):
        return Recognised("sound", suffix)
    if head[:4] == b"PK\x03\x04" and _first_name(head).endswith(b".npy"):
        return Recognised("take", ".npz")
    if head[:4] == b"PK\x03\x04" and _first_name(head) == b"portrait.json":
        return Recognised("portrait", ".portrait")
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return Recognised("picture", ".png")
    if head[:3] == b"\xff\xd8\xff":
        return Recognised("picture", ".jpg")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Recognised("picture", ".webp")
    raise InputError("That file is no sound, video, picture (PNG, JPEG, WebP), take or portrait; upload one of them.")


def check_pixels(file: BinaryIO, suffix: str) -> None:
    """Refuse a picture that is damaged or would fill the memory; only its headers are read.

    Raises InputError for more than `MOST_PIXELS`, or none.
    """
    width, height = picture_size(file, suffix)
    if not 0 < width * height <= MOST_PIXELS:
        raise InputError(
            f"The picture has {width} x {height} pixels; give one with at most {MOST_PIXELS // 10**6} million."
        )


def picture_size(file: BinaryIO, suffix: str) -> tuple[int, int]:
    """Width and height in pixels by the headers of a picture; 0 and 0 if they are damaged."""
    return _SIZES[suffix](file)


def _sound(head: bytes) -> str:
    """The suffix if it is a sound or a video, else nothing."""
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        return ".aiff" if head[8:12] in (b"AIFF", b"AIFC") else _FORMS.get(head[8:12], "")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return ".mp4"
    for start, suffix in _AT_THE_START:
        if head.startswith(start):
            return suffix
    if head[:1] == head[188:189] == b"G" or head[4:5] == head[196:197] == b"G":  # packets of an MPEG transport stream
        return ".ts"
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        if head[1] & 0xF6 == 0xF0:  # ADTS: sync, then a layer of 0
            return ".aac"
        if layer and head[1] >> 3 & 3 != 1 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3:
            return ".mp3"
    return ""


def _first_name(head: bytes) -> bytes:
    """The name of the first file in a ZIP."""
    return head[30 : 30 + int.from_bytes(head[26:28], "little")]


def _png_size(file: BinaryIO) -> tuple[int, int]:
    header = _read(file, 8, 16)
    if header[4:8] != b"IHDR":
        return 0, 0
    return int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:16], "big")


def _jpeg_size(file: BinaryIO) -> tuple[int, int]:
    """From the frame header (SOF), which stands behind any number of other segments."""
    at = 2
    for _ in range(1000):
        segment = _read(file, at, 9)
        if len(segment) < 9 or segment[0] != 0xFF:
            break
        marker = segment[1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
        else:
            at += 2 + int.from_bytes(segment[2:4], "big")
    return 0, 0


def _webp_size(file: BinaryIO) -> tuple[int, int]:
    chunk = _read(file, 12, 18)
    if chunk[:4] == b"VP8X" and len(chunk) == 18:
        return int.from_bytes(chunk[12:15], "little") + 1, int.from_bytes(chunk[15:18], "little") + 1
    if chunk[:4] == b"VP8L" and chunk[8:9] == b"\x2f":
        bits = int.from_bytes(chunk[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk[:4] == b"VP8 " and chunk[11:14] == b"\x9d\x01\x2a":
        return int.from_bytes(chunk[14:16], "little") & 0x3FFF, int.from_bytes(chunk[16:18], "little") & 0x3FFF
    return 0, 0


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


_SIZES: dict[str, Callable[[BinaryIO], tuple[int, int]]] = {
    ".png": _png_size,
    ".jpg": _jpeg_size,
    ".webp": _webp_size,
}
