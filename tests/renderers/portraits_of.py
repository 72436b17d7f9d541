"""Portraits of the avatar itself: a drawing of it is the photo, so the fit is known and perfect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vlogger_backend.avatars.avatar import Avatar
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.camera import Camera
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.portraits.head import load_head
from vlogger_backend.portraits.portrait import Consent, Fit, FitError, Portrait
from vlogger_backend.renderers.shot import render_shot

HEAD_HEIGHT = 1.63
"""Metres; where the default avatar's eyes are."""


def performing(frames: int, fps: float = 25.0) -> Motion:
    """The head turning, the mouth opening and shutting, a blink; arms down. Its first frame is the photo's own pose."""
    poses, arkit = np.zeros((frames, 55, 3), np.float32), np.zeros((frames, 52), np.float32)
    time = np.arange(frames) / fps
    poses[:, JOINT_INDEX["head"], 1] = 0.35 * np.sin(2 * np.pi * 0.5 * time)
    poses[:, JOINT_INDEX["left_shoulder"], 2], poses[:, JOINT_INDEX["right_shoulder"], 2] = -1.2, 1.2
    arkit[:, ARKIT_INDEX["jawOpen"]] = 0.5 * (1 - np.cos(2 * np.pi * 2 * time)) * 0.7
    arkit[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = (np.arange(frames) % 8 == 5)[:, None]
    return Motion(fps, poses, np.zeros((frames, 3), np.float32), arkit, np.zeros((frames, 0), np.float32))


def photo_camera(size: tuple[int, int], yaw: float = 0.0, distance: float = 1.2, shown: float = 0.5) -> Camera:
    """A camera before the head, `yaw` radians to the avatar's left, whose picture is `shown` metres high."""
    back = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 2] = np.cross([0, 1, 0], back), back
    pose[:3, 3] = distance * back + (0, HEAD_HEIGHT - 0.02, 0.06)
    return Camera.of(size, pose, 2 * np.arctan(shown / 2 / distance))


def portrait_of(
    size: tuple[int, int] = (320, 320),
    yaw: float = 0.0,
    arkit: dict[str, float] | None = None,
    avatar: Avatar | None = None,
    shaped: np.ndarray | None = None,
) -> Portrait:
    """A portrait whose photo is a drawing of the avatar before a wall with stripes.

    `yaw` is how far the camera stands to the avatar's left, `arkit` the expression in the photo by name, `shaped` the
    person's vertices (V, 3) if they are not the avatar's.
    """
    avatar = avatar or load_avatar()
    vertices = avatar.vertices if shaped is None else shaped.astype(np.float32)
    person = replace(avatar, vertices=vertices)
    weights = np.zeros(52, np.float32)
    for name, value in (arkit or {}).items():
        weights[ARKIT_INDEX[name]] = value
    camera = photo_camera(size, yaw)
    still = performing(1)
    motion = replace(still, arkit=weights[None], poses=np.zeros_like(still.poses))
    ((_, drawn),) = render_shot(person, motion, camera)
    wall = np.full((size[1], size[0], 3), (150, 160, 175), np.uint8)
    wall[:, (np.arange(size[0]) // 16) % 2 == 0] = (135, 150, 160)
    share = drawn[..., 3:] / 255
    picture = np.rint(drawn[..., :3] * share + wall * (1 - share)).astype(np.uint8)
    foreground = np.where(drawn[..., 3:] > 0, drawn[..., :3], picture)
    (pose,), (field,) = camera.over(1)
    placed = posed_vertices(person, motion.poses[0], motion.trans[0], weights)
    places = (load_head().landmarks @ placed - pose[:3, 3]) @ pose[:3, :3]
    focal = size[1] / 2 / np.tan(field / 2)
    landmarks = (places[:, :2] / -places[:, 2:] * (focal, -focal) + np.array(size) / 2).astype(np.float32)
    eyes = float(np.linalg.norm(landmarks[468] - landmarks[473]))
    fit = Fit(camera, vertices, weights, landmarks, FitError(0.0, 0.0, eyes))
    consent = Consent("The avatar agreed.", "2024-01-01T00:00:00Z")
    return Portrait("avatar", picture, drawn[..., 3], foreground, wall, fit, consent, "0" * 64)
