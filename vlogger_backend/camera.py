"""The camera of a shot, still or moving."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .motion.names import JOINT_INDEX

if TYPE_CHECKING:
    from .avatars.avatar import Avatar

SIZES = (16, 4096)
"""The least and the most pixels each way."""
MOST_PIXELS = 4096 * 2304
"""In one picture: enough for 4K, upright too, and little enough for any graphics driver's memory."""
_FIELDS = (0.001, 3.14)
_FURTHEST = 10_000.0
_SKEW = 1e-3
"""How far a rotation may be from one: what is left of it after single precision and a few decimals."""
_PORTRAIT_LENS = math.radians(18)


Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pinhole:
    """A pinhole camera at one moment.

    pose  : (4, 4) in the world; it looks along its own -Z with +Y up
    field : the vertical field of view, radians
    size  : width and height of the picture in pixels
    """

    pose: Doubles
    field: float
    size: tuple[int, int]

    @property
    def focal(self) -> float:
        """The focal length in pixels."""
        return focal_length(self.size[1], self.field)

    def seen(self, points: NDArray[Any]) -> tuple[Doubles, Doubles]:
        """Pixels (n, 2) from the picture's top left, and depths (n,) in metres, of points (n, 3).

        Depths are along the axis; what is behind the camera has depths below zero, and its pixels mean nothing.
        """
        places = (points - self.pose[:3, 3]) @ self.pose[:3, :3]
        depths = -places[:, 2]
        flat = places[:, :2] / np.where(depths == 0, np.nan, depths)[:, None]
        return flat * (self.focal, -self.focal) + np.array(self.size) / 2, depths

    def unseen(self, pixels: NDArray[Any], depths: NDArray[Any]) -> Doubles:
        """The points (n, 3) that `seen` sees at these pixels (n, 2) and depths (n,)."""
        flat = (pixels - np.array(self.size) / 2) / (self.focal, -self.focal) * depths[:, None]
        return np.asarray(np.column_stack([flat, -depths]) @ self.pose[:3, :3].T + self.pose[:3, 3])


def focal_length(height: int, field: float) -> float:
    """Pixels, of a picture so many pixels high with a vertical field of view in radians."""
    return height / 2 / math.tan(field / 2)


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from, in SMPL-X's coordinates (metres, Y up, the person faces +Z).

    width, height : of the picture, in pixels
    poses         : for each frame of the shot the camera's pose in the world as 12 numbers, the first three rows of a
                    4x4 matrix, row by row; the camera looks along its own -Z with +Y up. One pose is a still camera.
    fields        : the vertical field of view for each frame in radians; one number is one for all

    This is the camera of glTF (`yfov`) and of Blender with vertical sensor fit (`angle_y`), before any change of axes.

    Raises InputError if a size, a pose or a field can't be a camera's.
    """

    width: int
    height: int
    poses: tuple[tuple[float, ...], ...]
    fields: tuple[float, ...]

    def __post_init__(self) -> None:
        low, high = SIZES
        if not (low <= self.width <= high and low <= self.height <= high):
            raise InputError(
                f"A picture of {self.width} x {self.height} pixels can't be drawn; give {low} to {high} each way."
            )
        if self.width * self.height > MOST_PIXELS:
            raise InputError(
                f"A picture of {self.width} x {self.height} pixels is too large; at most {MOST_PIXELS:,} pixels "
                "are drawn, for example 4096 x 2304."
            )
        if not self.poses or not self.fields:
            raise InputError("The camera has no pose or no field of view; give one, or one for each frame.")
        if 1 != len(self.poses) != len(self.fields) != 1:
            raise InputError(
                f"The camera has {len(self.poses)} poses and {len(self.fields)} fields of view; give one, or one "
                "for each frame, of either."
            )
        _check_poses(self.poses)
        for index, field in enumerate(self.fields):
            if not _FIELDS[0] <= field <= _FIELDS[1]:
                raise InputError(
                    f"The camera's field of view {index} is {field}; give radians, from {_FIELDS[0]} to {_FIELDS[1]}."
                )

    @staticmethod
    def of(size: tuple[int, int], poses: NDArray[np.float64], fields: float | Sequence[float]) -> Camera:
        """From numpy: `size` is width and height, `poses` (4, 4) for a still camera, (n, 4, 4) for a moving one."""
        rows = np.asarray(poses, np.float64)[..., :3, :].reshape(-1, 12)
        return Camera(*size, tuple(tuple(row) for row in rows.tolist()), tuple(np.atleast_1d(fields).tolist()))

    def pinhole(self) -> Pinhole:
        """Of a still camera, or of the first frame."""
        pose = np.vstack([np.reshape(self.poses[0], (3, 4)), [0, 0, 0, 1]])
        return Pinhole(pose, self.fields[0], (self.width, self.height))

    def only(self, frames: NDArray[np.intp]) -> Camera:
        """The same in some frames of its shot alone."""
        if len(self.poses) == len(self.fields) == 1:
            return self
        poses, fields = self.over(max(len(self.poses), len(self.fields)))
        return Camera.of((self.width, self.height), poses[frames], fields[frames].tolist())

    def over(self, frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Poses (frames, 4, 4) and fields (frames,) for a shot of so many frames.

        Raises InputError if the camera moves for another number of frames.
        """
        for name, values in (("poses", self.poses), ("fields of view", self.fields)):
            if len(values) not in (1, frames):
                raise InputError(
                    f"The camera has {len(values)} {name} and the shot has {frames} frames; give one, or one for each."
                )
        poses = np.tile(np.eye(4), (len(self.poses), 1, 1))
        poses[:, :3] = np.reshape(self.poses, (-1, 3, 4))
        fields = np.asarray(self.fields, np.float64)
        return np.broadcast_to(poses, (frames, 4, 4)), np.broadcast_to(fields, (frames,))


def camera_from_dict(data: Mapping[str, Any]) -> Camera:
    """The inverse of `dataclasses.asdict`.

    Raises InputError if something is missing, unknown or of another type, or can't be a camera's.
    """
    try:
        width, height, poses, fields = (data[name] for name in ("width", "height", "poses", "fields"))
        if len(data) != 4 or not all(isinstance(side, int) and not isinstance(side, bool) for side in (width, height)):
            raise ValueError
        numbers = tuple(tuple(float(number) for number in pose) for pose in poses)
        return Camera(width, height, numbers, tuple(float(field) for field in fields))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "A camera has width and height in whole pixels, poses of 12 numbers and fields in radians, and nothing "
            "else; see docs/service.md."
        ) from error


def framing(avatar: Avatar, size: tuple[int, int], shot: Literal["body", "face"] = "body") -> Camera:
    """A still camera before the avatar: "body" shows head, torso and gesturing hands, "face" the head alone.

    One that is no more than a head is shown as a face.
    """
    top = float(avatar.vertices[:, 1].max())
    head = avatar.joints[JOINT_INDEX["head"]]
    hips = avatar.joints[JOINT_INDEX["left_hip"]]
    if avatar.vertices[:, 1].min() > float(avatar.joints[JOINT_INDEX["spine3"], 1]):
        shot = "face"
    if shot == "face":
        low, high, width = float(head[1]) - 0.12, top + 0.035, 0.28
    else:
        low, high, width = float(hips[1]) - 0.20, top + 0.07, 0.95
    height = max(high - low, width * size[1] / size[0])
    pose = np.eye(4)
    pose[1, 3] = high - height / 2 if shot == "body" else (low + high) / 2
    pose[2, 3] = height / 2 / math.tan(_PORTRAIT_LENS / 2) + 0.1
    return Camera.of(size, pose, _PORTRAIT_LENS)


def _check_poses(poses: Sequence[Sequence[float]]) -> None:
    for index, pose in enumerate(poses):
        if len(pose) != 12:
            raise InputError(
                f"The camera's pose {index} has {len(pose)} numbers; give 12, the first three rows of a 4x4 matrix."
            )
    matrices = np.asarray(poses, np.float64).reshape(-1, 3, 4)
    rotations, places = matrices[:, :, :3], matrices[:, :, 3]
    with np.errstate(all="ignore"):
        skew = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
        mirrored = np.linalg.det(rotations) < 0
    faults = (
        (~np.isfinite(matrices).all(axis=(1, 2)), "has a number that is not finite; give a rotation and a place."),
        ((np.abs(places) > _FURTHEST).any(axis=1), f"is more than {_FURTHEST:,.0f} metres away; give metres."),
        ((skew > _SKEW) | mirrored, "is scaled, sheared or mirrored; give a rotation and a place alone."),
    )
    for bad, fault in faults:
        if bad.any():
            raise InputError(f"The camera's pose {bad.argmax()} {fault}")
