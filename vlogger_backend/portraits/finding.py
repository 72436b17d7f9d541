"""Find the people in a photo: every face with its landmarks.

MediaPipe's face detector (BlazeFace, Bazarevsky et al. 2019) sees the whole photo and ever smaller tiles of it, so that
small faces in large photos are found too; its face mesh with irises (Kartynnik et al. 2019; Grishchenko et al. 2020)
then sees each face in a crop of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .portrait import Bytes, Floats
from .quiet import quiet

_TILES = (1.5, 1.0, 0.5, 0.25)
"""Sides of the squares that are looked at, in longest sides of the photo; the first is for faces that fill it."""
_SMALLEST_TILE = 240
_SURE = 0.5
"""The score from which on the detector is believed."""
_CROP = 2.0
"""The side of the mesh's crop, in sides of the face."""
_LOOKS = [(size, x, y) for size in (1.75, 2.0, 2.3) for x, y in ((0, 0), (0.06, 0), (-0.06, 0), (0, 0.08), (0, -0.08))]
"""Crops (size, shift) whose mean is taken: one look has noise of 0.2 pixels or more, the mean a quarter of that."""
_NODDED_AT_REST = 6.0
"""Degrees between forehead-to-chin and the vertical in a face that looks straight ahead."""
EARS = (234, 454)
"""The landmarks nearest to them."""
_ACROSS = ((33, 263), (234, 454), (61, 291), (127, 356), (93, 323), (50, 280))
"""Landmarks on the person's right, and the same on the left."""
_DOWN = (10, 152)


@dataclass(frozen=True, eq=False, repr=False)
class Face:
    """A face in a photo: `landmarks` (478, 3) of MediaPipe's face mesh with irises, in pixels from the top left; the
    third is the depth from the middle of the head in the same scale, less is nearer. The mesh always stands upright:
    `upside_down` says that the face doesn't."""

    landmarks: Floats
    upside_down: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in pixels."""
        low, high = self.landmarks[:, :2].min(axis=0), self.landmarks[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def size(self) -> float:
        """Pixels from ear to ear, were it seen from the front."""
        return float(np.linalg.norm(self.landmarks[EARS[0]] - self.landmarks[EARS[1]]))

    @property
    def turned(self) -> tuple[float, float, float]:
        """Degrees to a side, upwards and tilted to a shoulder, relative to the camera."""
        first, second = np.transpose(_ACROSS)
        across = self.landmarks[second] - self.landmarks[first]
        right = (across / np.linalg.norm(across, axis=1, keepdims=True)).mean(axis=0)
        down = self.landmarks[_DOWN[1]] - self.landmarks[_DOWN[0]]
        yaw = np.degrees(np.arctan2(right[2], np.hypot(right[0], right[1])))
        pitch = np.degrees(np.arctan2(down[2], np.hypot(down[0], down[1])))
        tilt = np.degrees(np.arctan2(right[1], right[0]))
        return float(yaw), float(pitch) - _NODDED_AT_REST, float(tilt)


def find_faces(picture: Bytes) -> list[Face]:
    """All faces in a picture (H, W, 3), from left to right."""
    import mediapipe

    solutions = mediapipe.solutions
    with (
        quiet(),
        solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=_SURE) as far,
        solutions.face_detection.FaceDetection(model_selection=0, min_detection_confidence=_SURE) as near,
        solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True) as mesh,
    ):
        boxes = [
            box for tile in _tiles(picture) for detector in (far, near) for box in _detect(detector, picture, tile)
        ]
        faces: list[Face] = []
        for x, y, side in boxes:
            if any(_covers(face, x, y, side) for face in faces):
                continue
            landmarks = _look(mesh, picture, x, y, _CROP * side)
            if landmarks is not None and not any(_same(Face(landmarks), face) for face in faces):
                settled = _settled(mesh, picture, landmarks)
                faces.append(Face(settled, _upside_down(near, picture, settled)))
    return sorted(faces, key=lambda face: face.box)


def _tiles(picture: Bytes) -> Iterator[tuple[float, float, float]]:
    """Middles and sides of the squares to look at, each half over the next."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    for part in _TILES:
        side = part * longest
        if part < 1 and side < _SMALLEST_TILE:
            return
        for y in _steps(height, side):
            for x in _steps(width, side):
                yield x, y, side


def _steps(length: int, side: float) -> list[float]:
    if side >= length:
        return [length / 2]
    count = int(np.ceil(2 * (length - side) / side)) + 1
    return [float(at) for at in np.linspace(side / 2, length - side / 2, count)]


def crop(picture: Bytes, x: float, y: float, side: float, most: int) -> Bytes:
    """A square of the picture, reduced to at most `most` pixels a side; its edge goes on outside it."""
    import cv2

    size = int(min(max(side, 192), most))
    scale = size / side
    where = np.array([[scale, 0, (side / 2 - x) * scale], [0, scale, (side / 2 - y) * scale]])
    if scale < 0.5:  # a warp takes four pixels alone
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.35 / scale), np.uint8)
    cropped = cv2.warpAffine(picture, where, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cropped, np.uint8)


def _detect(detector: Any, picture: Bytes, tile: tuple[float, float, float]) -> Iterator[tuple[float, float, float]]:
    """Middle and side of each face in a tile."""
    x, y, side = tile
    found = detector.process(crop(picture, x, y, side, 640)).detections or ()
    for detection in sorted(found, key=lambda detection: -detection.score[0]):
        box = detection.location_data.relative_bounding_box
        yield (
            x + (box.xmin + box.width / 2 - 0.5) * side,
            y + (box.ymin + box.height / 2 - 0.5) * side,
            max(box.width, box.height) * side,
        )


def _look(mesh: Any, picture: Bytes, x: float, y: float, side: float) -> Floats | None:
    found = mesh.process(crop(picture, x, y, side, 768)).multi_face_landmarks
    if not found:
        return None
    points = np.array([(point.x, point.y, point.z) for point in found[0].landmark], np.float32)
    return np.asarray((points - (0.5, 0.5, 0)) * side + (x, y, 0), np.float32)


def _settled(mesh: Any, picture: Bytes, landmarks: Floats) -> Floats:
    """The mean of several looks at a face."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    (x, y), side = (low + high) / 2, float((high - low).max())
    looks = [_look(mesh, picture, x + right * side, y + below * side, size * side) for size, right, below in _LOOKS]
    alike = [look for look in looks if look is not None and _same(Face(look), Face(landmarks))]
    return np.asarray(np.mean(alike or [landmarks], axis=0, dtype=np.float64), np.float32)


def _upside_down(detector: Any, picture: Bytes, landmarks: Floats) -> bool:
    """Is the detector surer of the face when it is turned round? (Upright it scores 0.9, turned 0.75 at most.)"""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    (x, y), side = (low + high) / 2, float((high - low).max())
    upright = crop(picture, x, y, 2.2 * side, 400)
    scores = [
        max((detection.score[0] for detection in detector.process(seen).detections or ()), default=0.0)
        for seen in (upright, np.ascontiguousarray(upright[::-1, ::-1]))
    ]
    return bool(scores[1] > scores[0] + 0.1)


def _covers(face: Face, x: float, y: float, side: float) -> bool:
    left, top, right, bottom = face.box
    middle = np.hypot(x - (left + right) / 2, y - (top + bottom) / 2)
    return bool(middle < 0.5 * max(right - left, bottom - top, 0.5 * side))


def _same(one: Face, other: Face) -> bool:
    return bool(np.abs(one.landmarks - other.landmarks)[:, :2].mean() < 0.25 * max(one.size, other.size))
