"""Keypoints of the posed avatar as pose detectors number them, and their drawings as models were trained on them.

Body: OpenPose's 18 of COCO and two toes (Cao et al. 2019, "OpenPose"); hands: 21 each (Simon et al. 2017); face: 68 of
iBUG (Sagonas et al. 2013) and two pupils. OpenPose's right is the person's own.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar, Floats
from ..camera import Pinhole
from ..motion.names import JOINT_INDEX
from ..portraits.landmarks import LEFT_EYE, LEFT_PUPIL, RIGHT_EYE, RIGHT_PUPIL
from .figure import Figure

Picture = NDArray[np.uint8]

_NOSE, _RIGHT_EAR, _LEFT_EAR = 4, 234, 454
_BODY_JOINTS = (
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
IBUG = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""MediaPipe's landmarks nearest to iBUG's 68: jaw, brows, nose, eyes, outer and inner lips."""
_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17), (13, 18), (10, 19),
)  # fmt: skip
_COLORS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85), (200, 200, 0), (100, 100, 0),
)  # fmt: skip
_HAND_EDGES = tuple((0 if i % 4 == 0 else i, i + 1) for i in range(20))
_DIM = 0.6
_THICKNESS = 0.03
"""Metres by which a point of the head may be below the surface that is seen before it and still count as seen."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Where a picture shows the keypoints, in pixels from its top left; NaN where it doesn't.

    body  : (20, 2) OpenPose's 18 and the toes, left and right
    hands : (2, 21, 2) the person's left and right
    face  : (70, 2)
    mesh  : (478, 2) MediaPipe's face mesh and irises, whether or not they are seen
    ahead : how far the face is turned to the camera: 1 straight on, 0 from the side, below 0 from behind
    """

    body: Floats
    hands: Floats
    face: Floats
    mesh: Floats
    ahead: float


def keypoints(
    figure: Figure,
    vertices: Floats,
    joints: Floats,
    depth: Floats,
    pose: NDArray[np.float64],
    field: float,
) -> Keypoints:
    """The keypoints of a figure with its vertices (V, 3) and joints (55, 3) so posed.

    `depth` (height, width) is what the camera at `pose` with the vertical field of view `field` sees of it, metres,
    0 beside it; what is hidden of the head is not seen.
    """
    size = depth.shape[1], depth.shape[0]
    points = figure.landmarks @ vertices
    mesh, away = project(points, pose, field, size)
    left, right = points[list(LEFT_EYE)].mean(axis=0), points[list(RIGHT_EYE)].mean(axis=0)
    head = np.stack([right, left, points[_RIGHT_EAR], points[_LEFT_EAR]])
    arms = joints[[JOINT_INDEX[name] for name in _BODY_JOINTS]]
    toes = joints[[JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]]
    neck = (arms[0] + arms[3]) / 2
    body, distances = project(np.vstack([points[_NOSE], neck, arms, head, toes]), pose, field, size)
    on_head = [0, 14, 15, 16, 17]
    body[on_head] = _seen(body[on_head], distances[on_head], depth)
    seventy = [*IBUG, RIGHT_PUPIL, LEFT_PUPIL]
    hands = np.stack([_hand(figure.avatar, vertices, joints, side) for side in ("left", "right")])
    drawn, _ = project(hands.reshape(-1, 3), pose, field, size)
    return Keypoints(
        _inside(body, size),
        _inside(drawn, size).reshape(2, 21, 2),
        _inside(_seen(mesh[seventy], away[seventy], depth), size),
        mesh,
        _ahead(points, pose),
    )


def project(points: Floats, pose: NDArray[np.float64], field: float, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Where a camera sees points (n, 3): pixels (n, 2) from the top left, and metres (n,) along its axis.

    What is behind it has NaN pixels.
    """
    pixels, depths = Pinhole(pose, field, size).seen(points)
    behind = depths <= 0
    pixels[behind], depths[behind] = np.nan, np.nan
    return pixels.astype(np.float32), depths.astype(np.float32)


def draw_openpose(points: Keypoints, size: tuple[int, int]) -> Picture:
    """Body, hands and face as ControlNet's openpose models know them: `controlnet_aux/open_pose/util.py`, whose
    strokes are for 512 pixels and grow here with the shorter side.
    """
    import cv2

    width = _stroke(4, size)
    canvas = _draw_body(points.body[:18], size, width)
    canvas = _draw_hands(canvas, points.hands, _stroke(2, size), width)
    for x, y in points.face[np.isfinite(points.face).all(axis=1)]:
        cv2.circle(canvas, (int(x), int(y)), _stroke(3, size), (255, 255, 255), thickness=-1)
    return canvas


def draw_wan_pose(points: Keypoints, size: tuple[int, int]) -> Picture:
    """Body, toes and hands as Wan-Animate knows them: `draw_aapose_by_meta_new` of
    `wan/modules/animate/preprocess/human_visualization.py`, with its strokes.
    """
    width = max(min(size) // 200 - 1, 1)
    return _draw_hands(_draw_body(points.body, size, width), points.hands, 4, 4)


def _stroke(pixels: int, size: tuple[int, int]) -> int:
    return max(1, round(pixels * min(size) / 512))


def _draw_body(points: Floats, size: tuple[int, int], stick: int) -> Picture:
    """Limbs as dimmed ellipses, joints as dots, on black."""
    import cv2

    canvas: Picture = np.zeros((size[1], size[0], 3), np.uint8)
    there = np.isfinite(points).all(axis=1)
    for (a, b), color in zip(_LIMBS, _COLORS, strict=False):
        if max(a, b) >= len(points) or not (there[a] and there[b]):
            continue
        (x1, y1), (x2, y2) = points[a].astype(float), points[b].astype(float)
        axes = int(math.hypot(x1 - x2, y1 - y2) / 2), stick
        angle = int(math.degrees(math.atan2(y1 - y2, x1 - x2)))
        outline = np.array(cv2.ellipse2Poly((int((x1 + x2) / 2), int((y1 + y2) / 2)), axes, angle, 0, 360, 1))
        cv2.fillConvexPoly(canvas, outline, [int(channel * _DIM) for channel in color])
    for (x, y), color in zip(points[there], np.array(_COLORS[: len(points)])[there].tolist(), strict=True):
        cv2.circle(canvas, (int(x), int(y)), stick, color, thickness=-1)
    return canvas


def _draw_hands(canvas: Picture, hands: Floats, line: int, dot: int) -> Picture:
    import cv2

    for hand in hands:
        there = np.isfinite(hand).all(axis=1)
        for index, (a, b) in enumerate(_HAND_EDGES):
            if there[a] and there[b]:
                color = [255 * channel for channel in colorsys.hsv_to_rgb(index / len(_HAND_EDGES), 1.0, 1.0)]
                cv2.line(canvas, hand[a].astype(int).tolist(), hand[b].astype(int).tolist(), color, thickness=line)
        for x, y in hand[there]:
            cv2.circle(canvas, (int(x), int(y)), dot, (0, 0, 255), thickness=-1)
    return canvas


def _hand(avatar: Avatar, vertices: Floats, joints: Floats, side: str) -> Floats:
    """Wrist, then each finger's three joints and its tip, (21, 3)."""
    tips = vertices[_fingertips(avatar)[int(side == "right")]]
    fingers = [
        np.vstack([joints[[JOINT_INDEX[f"{side}_{finger}{i}"] for i in (1, 2, 3)]], tip])
        for finger, tip in zip(_FINGERS, tips, strict=True)
    ]
    return np.vstack([joints[JOINT_INDEX[f"{side}_wrist"]], *fingers])


@lru_cache(maxsize=2)
def _fingertips(avatar: Avatar) -> NDArray[np.int64]:
    """The vertices (2, 5) that are furthest out on each finger's last bone, left and right."""
    strongest = avatar.joint_indices[np.arange(len(avatar.vertices)), avatar.joint_weights.argmax(axis=1)]
    tips = []
    for side in ("left", "right"):
        for finger in _FINGERS:
            joint = JOINT_INDEX[f"{side}_{finger}3"]
            own = np.flatnonzero(strongest == joint)
            reach = np.linalg.norm(avatar.vertices[own] - avatar.joints[joint], axis=1)
            tips.append(own[reach.argmax()])
    return np.reshape(tips, (2, 5))


def _ahead(points: Floats, pose: NDArray[np.float64]) -> float:
    """The cosine between where the face looks and where the camera is."""
    across, up = points[_LEFT_EAR] - points[_RIGHT_EAR], points[10] - points[152]
    out = np.cross(across, up)
    back = pose[:3, 3] - points.mean(axis=0)
    return float(out @ back / (np.linalg.norm(out) * np.linalg.norm(back)))


def _seen(pixels: Floats, away: Floats, depth: Floats) -> Floats:
    """The pixels, but NaN for those before which something nearer is seen."""
    height, width = depth.shape
    there = np.isfinite(pixels).all(axis=1) & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
    columns, rows = np.where(there[:, None], pixels, 0).astype(int).T
    before = depth[rows, columns]
    hidden = there & (before > 0) & (before < away - _THICKNESS)
    return np.where(hidden[:, None], np.float32(np.nan), pixels)


def _inside(pixels: Floats, size: tuple[int, int]) -> Floats:
    """The pixels, but NaN for those outside the picture."""
    with np.errstate(invalid="ignore"):
        there = (pixels >= 0).all(axis=1) & (pixels < size).all(axis=1)
    return np.where(there[:, None], pixels, np.float32(np.nan))
