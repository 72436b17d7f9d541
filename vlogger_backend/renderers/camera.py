"""The camera of a shot, still or moving."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from, in SMPL-X's coordinates (metres, Y up, the person faces +Z).

    width, height : of the picture, in pixels
    poses         : for each frame of the shot the camera's pose in the world as 12 numbers, the first three rows of a
                    4x4 matrix, row by row; the camera looks along its own -Z with +Y up. One pose is a still camera.
    fields        : the vertical field of view for each frame in radians; one number is one for all
    """

    width: int
    height: int
    poses: tuple[tuple[float, ...], ...]
    fields: tuple[float, ...]
