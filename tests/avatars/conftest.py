"""The built-in avatar, and ways of asking where its face is."""

import numpy as np
import pytest

from vlogger_backend.avatars.avatar import Avatar
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES

STILL = np.zeros((len(JOINT_NAMES), 3))


class Face:
    """The avatar's face with some ARKit actions on, in the rest pose. Lengths in millimetres."""

    def __init__(self, avatar: Avatar) -> None:
        self.avatar = avatar
        self.upper_lip, self.lower_lip = self._lips()
        self.lids = {side: self._lid_edges(side) for side in ("Left", "Right")}

    def __call__(self, **weights: float) -> np.ndarray:
        arkit = np.zeros(len(ARKIT_NAMES))
        for name, weight in weights.items():
            arkit[ARKIT_INDEX[name]] = weight
        return posed_vertices(self.avatar, STILL, np.zeros(3), arkit) * 1000

    def of(self, material: str) -> np.ndarray:
        """The numbers of the vertices of a material."""
        return np.unique(self.avatar.faces_of(material))

    def moved(self, name: str) -> np.ndarray:
        """How each vertex moves (V, 3) under one action."""
        return self(**{name: 1.0}) - self()

    def lip_gap(self, **weights: float) -> float:
        """How far the lips are apart in the middle: below zero they press."""
        place = self(**weights)
        return float(place[self.upper_lip, 1].min() - place[self.lower_lip, 1].max())

    def lid_gap(self, side: str, **weights: float) -> float:
        """How far the lids are apart over the pupil."""
        place = self(**weights)
        upper, lower = self.lids[side]
        return float(place[upper, 1].mean() - place[lower, 1].mean())

    def seen_of_eye(self, side: str, **weights: float) -> float:
        """The part of an eye's front whose vertices no skin covers, seen straight from ahead."""
        place = self(**weights)
        centre = self.avatar.joints[JOINT_INDEX[f"{side.lower()}_eye_smplhf"]] * 1000
        eye = place[self.of("eyes")] - centre
        eye = eye[(np.linalg.norm(eye, axis=1) < 30) & (eye[:, 2] > 3)][:, None]
        skin = place[self.avatar.faces_of("face")] - centre
        skin = skin[(np.abs(skin.mean(axis=1))[:, :2].max(axis=1) < 40) & (skin[:, :, 2].mean(axis=1) > -5)]
        a, b, c = skin[:, 0], skin[:, 1] - skin[:, 0], skin[:, 2] - skin[:, 0]
        across = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
        away = eye - a
        s = (away[..., 0] * c[:, 1] - away[..., 1] * c[:, 0]) / across
        t = (b[:, 0] * away[..., 1] - b[:, 1] * away[..., 0]) / across
        within = (s >= -1e-3) & (t >= -1e-3) & (s + t <= 1.001)
        covered = within & (a[:, 2] + s * b[:, 2] + t * c[:, 2] > eye[..., 2])
        return float(1 - covered.any(axis=1).mean())

    def _lips(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices in the middle of the upper and the lower lip: the jaw carries the lower one."""
        rest, jaw = self(), self.moved("jawOpen")
        skin = self.of("face")
        roll = np.maximum(*(np.linalg.norm(self.moved(f"mouthRoll{lip}"), axis=1) for lip in ("Upper", "Lower")))
        middle = skin[(np.abs(rest[skin, 0]) < 2) & (roll[skin] > 0.5 * roll.max())]
        lower = jaw[middle, 1] < -20
        return middle[~lower], middle[lower]

    def _lid_edges(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Roots of the lashes over the pupil, of the upper and of the lower lid."""
        rest = self()
        eye = self.avatar.joints[JOINT_INDEX[f"{side.lower()}_eye_smplhf"]] * 1000
        lashes = self.of("lashes").reshape(-1, 7)[:, :2].ravel()  # seven vertices a hair, its root first
        near = lashes[np.abs(rest[lashes, 0] - eye[0]) < 3]
        closing = self.moved(f"eyeBlink{side}")[near, 1] < -4
        return near[closing], near[~closing]


@pytest.fixture(scope="session")
def avatar() -> Avatar:
    return load_avatar()


@pytest.fixture(scope="session")
def face(avatar: Avatar) -> Face:
    return Face(avatar)
