"""The picture of a fit: what the photo became, side by side, for people to judge it by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..avatars.library import load_avatar
from ..avatars.posing import posed_vertices
from ..files import writing
from ..motion.names import JOINT_NAMES
from .head import load_head
from .portrait import Bytes, Fit, Portrait

_HEIGHT = 540
"""Pixels of each panel."""
_CAPTION = 30
_ROUND_THE_HEAD = 1.9
"""The side of the panels that show the head, in sides of the face."""
_CHECKER = 18
_FOUND, _FITTED, _MESH = (64, 255, 96), (255, 64, 48), (80, 220, 255)


def write_sheet(portrait: Portrait, path: Path) -> None:
    """Write the picture of a portrait's fit as a PNG.

    Raises InputError if the file can't be written.
    """
    from PIL import Image

    sheet = Image.fromarray(draw_sheet(portrait))
    with writing(path) as temporary:
        sheet.save(temporary, "PNG")


def draw_sheet(portrait: Portrait) -> Bytes:
    """The photo, the fitted head over it, landmarks found and fitted, the person cut out, and the background;
    (H, W, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    fit, error = portrait.fit, portrait.fit.error
    where = _square(fit)
    close = _part(portrait.picture, where)
    vertices = _expressed(fit)
    share = portrait.matte[..., None] / 255
    cut_out = portrait.foreground * share + _checker(portrait.picture.shape) * (1 - share)
    told = f"fit: mean {error.mean:.1f}, worst {error.worst:.1f} pixels (eyes {error.between_eyes:.0f} apart)"
    fitted = _seen(fit, load_head().landmarks @ vertices, where)
    panels = {
        "photo": close,
        "fitted head": _with_mesh(close, _seen(fit, vertices, where)),
        told: _with_landmarks(close, _scaled(fit.landmarks, where), fitted),
        "person": _whole(np.rint(cut_out).astype(np.uint8)),
        "background": _whole(portrait.background),
    }
    sheet = Image.new("RGB", (sum(panel.shape[1] for panel in panels.values()), _HEIGHT + _CAPTION), (24, 24, 24))
    pen, font, left = ImageDraw.Draw(sheet), ImageFont.load_default(16), 0
    for caption, panel in panels.items():
        sheet.paste(Image.fromarray(panel), (left, _CAPTION))
        pen.text((left + 8, 6), caption, fill=(230, 230, 230), font=font)
        left += panel.shape[1]
    return np.array(sheet)


def _square(fit: Fit) -> tuple[float, float, float]:
    """Left, top and side of the square round the head, in the photo's pixels."""
    low, high = fit.landmarks.min(axis=0), fit.landmarks.max(axis=0)
    side = _ROUND_THE_HEAD * float((high - low).max())
    x, y = (low + high) / 2
    return float(x) - side / 2, float(y) - 0.55 * side, side


def _part(picture: Bytes, where: tuple[float, float, float]) -> Bytes:
    import cv2

    left, top, side = where
    scale = _HEIGHT / side
    if scale < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.uint8)
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return np.asarray(cv2.warpAffine(picture, matrix, (_HEIGHT, _HEIGHT), flags=cv2.INTER_CUBIC), np.uint8)


def _whole(picture: Bytes) -> Bytes:
    import cv2

    width = max(1, round(picture.shape[1] * _HEIGHT / picture.shape[0]))
    how = cv2.INTER_AREA if picture.shape[0] > _HEIGHT else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, _HEIGHT), interpolation=how), np.uint8)


def _checker(shape: tuple[int, ...]) -> Bytes:
    cell = max(1, _CHECKER * shape[0] // _HEIGHT)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.where((rows // cell + columns // cell) % 2, 200, 150).astype(np.uint8)[..., None].repeat(3, axis=2)


def _expressed(fit: Fit) -> NDArray[np.float32]:
    """The fitted vertices (V, 3) with the photo's expression."""
    avatar = replace(load_avatar(), vertices=fit.vertices)
    return posed_vertices(avatar, np.zeros((len(JOINT_NAMES), 3)), np.zeros(3), fit.arkit)


def _seen(fit: Fit, points: NDArray[Any], where: tuple[float, float, float]) -> NDArray[np.float64]:
    """Where points (n, 3) are in the square, and how far from the camera: (n, 3)."""
    pixels, depths = fit.camera.pinhole().seen(points)
    return np.column_stack([_scaled(pixels, where), depths])


def _scaled(pixels: NDArray[Any], where: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.asarray((pixels - np.array(where[:2])) * _HEIGHT / where[2], np.float64)


def _with_mesh(panel: Bytes, seen: NDArray[np.float64]) -> Bytes:
    """The face's triangles that look towards the camera, as lines over the panel."""
    import cv2

    avatar = load_avatar()
    corners = seen[avatar.faces_of("face")][..., :2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0  # counter-clockwise, and y is down
    lines = [np.rint(triangle * 16).astype(np.int32) for triangle in corners[facing]]
    drawn = panel.copy()
    cv2.polylines(drawn, lines, True, _MESH, 1, cv2.LINE_AA, 4)
    return np.rint(0.4 * drawn + 0.6 * panel).astype(np.uint8)


def _with_landmarks(panel: Bytes, found: NDArray[np.float64], fitted: NDArray[np.float64]) -> Bytes:
    """Landmarks found in green, a red line from each to where the fitted head has it."""
    import cv2

    drawn = panel.copy()
    for one, other in zip(found, fitted, strict=True):
        start, end = ((int(p[0] * 16), int(p[1] * 16)) for p in (one, other))
        cv2.line(drawn, start, end, _FITTED, 1, cv2.LINE_AA, 4)
        cv2.circle(drawn, start, 16, _FOUND, -1, cv2.LINE_AA, 4)
    return drawn
