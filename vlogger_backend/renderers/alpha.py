"""The alpha of frames that a model painted with what is behind the person: where the person is, by what we know.

That is where the body is, and what the photo's matte knows beyond it of the head (hair, a hat), on a card that moves
with the head.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..avatars.posing import joint_transforms
from ..motion.names import JOINT_INDEX, JOINT_NAMES
from .controls import Controls, ControlStage
from .skeleton import project

Mask = NDArray[np.uint8]

_CHIN, _FOREHEAD = 152, 10
_BELOW, _BESIDE = (0.15, 0.45), (0.9, 1.2)
"""Where the card ends below the chin and beside the face, in heights of the face: shoulders don't follow the head."""
_EDGE = 0.7
"""Pixels over which the body's edge is softened."""


class PersonAlpha:
    """The alpha of a scene's frames."""

    def __init__(self, stage: ControlStage) -> None:
        self._stage = stage
        portrait = stage.scene.portrait
        height, width = portrait.matte.shape
        chin, forehead = portrait.fit.landmarks[[_CHIN, _FOREHEAD], 1]
        middle, tall = (
            float(portrait.fit.landmarks[_FOREHEAD, 0] + portrait.fit.landmarks[_CHIN, 0]) / 2,
            chin - forehead,
        )
        below = _faded((np.arange(height) - chin) / max(float(tall), 1.0), _BELOW)
        beside = _faded(np.abs(np.arange(width) - middle) / max(float(tall), 1.0), _BESIDE)
        self._card = np.rint(portrait.matte * below[:, None] * beside).astype(np.uint8)
        self._corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        self._places = self._at_the_head(self._corners, (width, height))

    def _at_the_head(self, pixels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
        """The photo's pixels (n, 2) as places (n, 3) as far from its camera as the resting head is."""
        view = replace(self._stage.scene.portrait.fit.camera.pinhole(), size=size)
        head = self._stage.avatar.vertices[np.unique(self._stage.avatar.faces_of("face"))].mean(axis=0)
        _, away = view.seen(head[None])
        return view.unseen(pixels, np.repeat(away, len(pixels)))

    def of(self, frame: int, controls: Controls) -> Mask:
        """(height, width) of the take's frame `frame`, 0 to 255."""
        import cv2

        body = np.asarray(cv2.GaussianBlur(controls.body.astype(np.float32), (0, 0), _EDGE))
        alpha: Mask = np.rint(body * 255).astype(np.uint8)
        pixels = self._card_in(frame, controls.size)
        if pixels is None:
            return alpha
        matrix = cv2.getPerspectiveTransform(self._corners - 0.5, pixels - 0.5)
        return np.asarray(np.maximum(alpha, cv2.warpPerspective(self._card, matrix, controls.size)), np.uint8)

    def _card_in(self, frame: int, size: tuple[int, int]) -> NDArray[np.float32] | None:
        """Where the frame shows the card's corners (4, 2); None if not all are before the camera."""
        motion, avatar = self._stage.scene.motion, self._stage.avatar
        turned, head = (
            joint_transforms(avatar.joints, poses, trans)[JOINT_INDEX["head"]]
            for poses, trans in (
                (motion.poses[frame], motion.trans[frame]),
                (np.zeros((len(JOINT_NAMES), 3)), np.zeros(3)),
            )
        )
        places = (self._places - head[:, 3]) @ turned[:, :3].T + turned[:, 3]
        pose, field = self._stage.lens(frame)
        pixels, _ = project(places.astype(np.float32), pose, field, size)
        return pixels if np.isfinite(pixels).all() else None


def _faded(distances: NDArray[np.float64], between: tuple[float, float]) -> NDArray[np.float64]:
    """1 up to the first distance, 0 from the second on."""
    return np.asarray(np.clip((between[1] - distances) / (between[1] - between[0]), 0, 1))
