"""Pictures of people, made small."""

import math
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.renderers.stage import Stage

Picture = NDArray[np.uint8]


@lru_cache
def astronaut() -> Picture:
    """A public-domain photo of a real person, 512 x 512, her face 92 pixels wide."""
    import skimage.data

    return np.asarray(skimage.data.astronaut())


def avatar_layer(yaw: float, weights: Mapping[str, float] = {}, pitch: float = 0.0) -> Picture:
    """The built-in character's head, (320, 320, 4), colours times alpha and alpha, seen from `yaw` degrees to its left
    and `pitch` above."""
    avatar = load_avatar()
    arkit = np.zeros(52)
    for name, weight in weights.items():
        arkit[ARKIT_INDEX[name]] = weight
    turn, lift = math.radians(yaw), math.radians(pitch)
    back = np.array([math.sin(turn) * math.cos(lift), math.sin(lift), math.cos(turn) * math.cos(lift)])
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(back, right), back])
    pose[:3, 3] = avatar.joints[JOINT_INDEX["head"]] + np.array([0.0, 0.06, 0.02]) + 1.2 * back
    with closing(Stage(avatar)) as stage:
        stage.pose(posed_vertices(avatar, np.zeros((55, 3)), np.zeros(3), arkit))
        return stage.draw((320, 320), pose, math.radians(20))


def avatar_from(yaw: float, weights: Mapping[str, float] = {}, pitch: float = 0.0) -> Picture:
    """`avatar_layer` before a wall."""
    drawn = avatar_layer(yaw, weights, pitch).astype(int)
    wall = np.array([120, 140, 160]) + np.random.default_rng(0).integers(-3, 4, (320, 320, 1))
    return np.clip(drawn[..., :3] + wall * (255 - drawn[..., 3:]) // 255, 0, 255).astype(np.uint8)


def drawing() -> Picture:
    """A face as a child draws it with a computer."""
    image = Image.new("RGB", (512, 512), (200, 220, 255))
    pen = ImageDraw.Draw(image)
    pen.ellipse((140, 80, 370, 420), fill=(90, 50, 30))
    pen.ellipse((160, 110, 350, 420), fill=(240, 200, 170), outline=(40, 20, 10), width=3)
    for x in (215, 295):
        pen.ellipse((x - 24, 225, x + 24, 255), fill="white", outline="black", width=2)
        pen.ellipse((x - 11, 229, x + 11, 251), fill=(60, 90, 160))
        pen.ellipse((x - 5, 235, x + 5, 245), fill="black")
        pen.arc((x - 28, 195, x + 28, 225), 200, 340, fill=(60, 30, 20), width=6)
    pen.line((255, 250, 245, 310, 262, 312), fill=(180, 130, 110), width=3)
    pen.ellipse((220, 345, 290, 372), fill=(190, 90, 90))
    pen.line((220, 358, 290, 358), fill=(120, 40, 40), width=2)
    pen.rectangle((215, 418, 295, 512), fill=(230, 190, 160))
    return np.array(image)


def with_dark_glasses(picture: Picture, eyes: NDArray[np.float32]) -> Picture:
    """Opaque glasses over `eyes` (2, 2), in pixels."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    for x, y in eyes:
        pen.rounded_rectangle(
            (x - 0.42 * apart, y - 0.3 * apart, x + 0.42 * apart, y + 0.36 * apart), 0.2 * apart, fill=(20, 18, 22)
        )
    return np.array(image)


def beside(*pictures: Picture) -> Picture:
    """Pictures side by side on grey."""
    height, width = max(p.shape[0] for p in pictures), sum(p.shape[1] for p in pictures)
    whole, left = np.full((height, width, 3), 99, np.uint8), 0
    for picture in pictures:
        whole[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1]
    return whole
