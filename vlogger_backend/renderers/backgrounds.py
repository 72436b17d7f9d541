"""What is behind the person in a shot."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..camera import Doubles, focal_length
from ..errors import InputError
from ..kinds import HEAD, recognise
from ..painting import NOTHING, PHOTO, colour_of
from ..portraits.portrait import Bytes, Portrait
from ..speech.audio import open_container
from .moves import away_from_head

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer


_BEHIND = 2.0
"""Metres behind the head at which the photo's background stands."""
_MOST_PIXELS = 8192 * 4608
"""Of a video's frame."""


class Background(Protocol):
    """Frames are asked for in order."""

    def behind(self, frame: int, pose: Doubles, field: float) -> Bytes:
        """The picture (H, W, 3) behind the take's frame `frame`, seen by a camera at `pose` with this field."""
        ...

    def close(self) -> None: ...


def open_background(background: str, portrait: Portrait, size: tuple[int, int], fps: float) -> Background | None:
    """The background that a `Painting` names, in pictures of `size` (width, height); None if there is to be none.

    Raises InputError if it is a file that can't be used.
    """
    if background == NOTHING:
        return None
    if background == PHOTO:
        return Plate(portrait, size)
    colour = colour_of(background)
    if colour is not None:
        return Still(np.full((size[1], size[0], 3), colour, np.uint8))
    path = Path(background)
    try:
        with open(path, "rb") as file:
            kind = recognise(file.read(HEAD)).kind
    except OSError as error:
        raise InputError(f"The background {path} can't be read: {error.strerror}. Check its path.") from error
    except InputError:
        kind = "take"
    if kind == "picture":
        from ..portraits.photos import read_photo

        return Still(filling(read_photo(path).pixels, size))
    if kind == "sound":
        return Video(path, size, fps)
    raise InputError(
        f"The background {path} is neither a picture (JPEG, PNG, WebP) nor a video; give one, a colour as #rrggbb, "
        f"{PHOTO} or {NOTHING}."
    )


class Still:
    """The same picture behind all frames."""

    def __init__(self, picture: Bytes) -> None:
        self._picture = picture

    def behind(self, frame: int, pose: Doubles, field: float) -> Bytes:
        return self._picture

    def close(self) -> None:
        pass


class Plate:
    """The photo's own background, on a plane behind the person that stands still: what a camera that moves sees of it.

    Beyond the photo's edges it is mirrored.
    """

    def __init__(self, portrait: Portrait, size: tuple[int, int]) -> None:
        taken = portrait.fit.camera.pinhole()
        self._pose, self._field = taken.pose, taken.field
        self._plate = portrait.background
        self._size = size
        self._away = away_from_head(portrait.fit) + _BEHIND
        self._last: tuple[Doubles, float, Bytes] | None = None

    def behind(self, frame: int, pose: Doubles, field: float) -> Bytes:
        if self._last is None or self._last[1] != field or not np.array_equal(self._last[0], pose):
            self._last = pose, field, self._seen(pose, field)
        return self._last[2]

    def close(self) -> None:
        pass

    def _seen(self, pose: Doubles, field: float) -> Bytes:
        import cv2

        width, height = self._size
        tall, wide = self._plate.shape[:2]
        at_rest = field == self._field and np.allclose(pose, self._pose, atol=1e-9)
        focal, own = focal_length(height, field), focal_length(tall, self._field)
        plate = _resized(self._plate, (round(wide * focal / own), round(tall * focal / own)) if focal < own else None)
        if at_rest and plate.shape[:2] == (height, width):
            return plate
        # A pixel of the frame is a ray; where it meets the plane is a pixel of the plate.
        rows, columns = plate.shape[0] / tall, plate.shape[1] / wide
        rays = np.array([[1 / focal, 0, -width / 2 / focal], [0, -1 / focal, height / 2 / focal], [0, 0, -1]])
        turn = self._pose[:3, :3].T @ pose[:3, :3]
        place = self._pose[:3, :3].T @ (pose[:3, 3] - self._pose[:3, 3])
        before = -self._away - place[2]
        meets = (np.outer(place, [0, 0, 1]) + before * np.eye(3)) @ turn @ rays
        pixels = np.array([[own * columns, 0, -wide / 2 * columns], [0, -own * rows, -tall / 2 * rows], [0, 0, -1]])
        matrix = pixels @ meets
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        if before >= 0 or ((corners @ (turn @ rays).T)[:, 2] > -1e-3).any():  # looks past it, or stands behind it
            return np.broadcast_to(plate.mean(axis=(0, 1)).astype(np.uint8), (height, width, 3))
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        matrix = np.linalg.inv(half) @ matrix @ half
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpPerspective(plate, matrix, self._size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(seen, np.uint8)


class Video:
    """A video behind the person: its frames by their times, from the take's beginning on, again and again.

    Raises InputError if it can't be read as video.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self._path, self._size, self._fps = path, size, fps
        self._frames = self._timed()
        self._now = self._next = next(self._frames)
        self._picture: Bytes | None = None
        self._length = 0.0

    def behind(self, frame: int, pose: Doubles, field: float) -> Bytes:
        time = frame / self._fps + 1e-6
        while self._next[0] <= time:
            if self._length and self._next[0] + self._length <= time:  # whole rounds need no decoding
                rounds = int((time - self._next[0]) / self._length)
                time -= rounds * self._length
                continue
            self._now, self._picture = self._next, None
            self._next = next(self._frames)
        if self._picture is None:
            picture = self._now[1].to_ndarray(format="rgb24")
            turned = np.rot90(picture, round(getattr(self._now[1], "rotation", 0) / 90) % 4)
            self._picture = filling(np.ascontiguousarray(turned), self._size)
        return self._picture

    def close(self) -> None:
        self._frames.close()

    def _timed(self) -> Generator[tuple[float, VideoFrame], None, None]:
        """The frames with the times at which they are shown first, in seconds, without end."""
        import av

        begin = 0.0
        while True:
            start, end = None, 0.0
            try:
                with _opened(self._path) as container:
                    stream = container.streams.video[0]
                    _check_pixels(self._path, stream.width * stream.height)
                    every = 1 / float(stream.average_rate or 25)
                    for frame in container.decode(stream):
                        time = float(frame.time) if frame.time is not None else end
                        start = time if start is None else start
                        end = max(time - start, 0.0) + every
                        yield begin + max(time - start, 0.0), frame
            except (IndexError, av.FFmpegError) as error:
                if start is None:
                    raise _no_video(self._path) from error
            if start is None:
                raise _no_video(self._path)
            self._length = end
            begin += end


def filling(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """The middle of a picture (H, W, 3), as large as fills `size` (width, height)."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    wide, tall = min(width, max(1, round(size[0] / scale))), min(height, max(1, round(size[1] / scale)))
    left, top = (width - wide) // 2, (height - tall) // 2
    return _resized(np.ascontiguousarray(picture[top : top + tall, left : left + wide]), size)


def _resized(picture: Bytes, size: tuple[int, int] | None) -> Bytes:
    import cv2

    if size is None or picture.shape[1::-1] == size:
        return picture
    how = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (max(1, size[0]), max(1, size[1])), interpolation=how), np.uint8)


def _check_pixels(path: Path, pixels: int) -> None:
    if pixels > _MOST_PIXELS:
        raise InputError(f"The background {path} has too large frames; make it at most 8192 x 4608 pixels.")


def _opened(path: Path) -> InputContainer:
    try:
        return open_container(path)
    except InputError as error:  # which speaks of sounds
        raise _no_video(path) from error


def _no_video(path: Path) -> InputError:
    return InputError(f"The background {path} holds no picture that can be decoded; give a video or a picture.")
