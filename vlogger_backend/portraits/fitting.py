"""Fit the built-in avatar's head to a face in a picture: camera, pose, shape and expression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..camera import Camera
from ..errors import InputError
from .deforming import field
from .faces import IRISES, Face, load_face
from .head import LANDMARKS, Doubles, Head, load_head
from .landmarks import LEFT_EYE, LEFT_PUPIL, RIGHT_EYE, RIGHT_PUPIL
from .portrait import Fit, FitError
from .solving import CENTRE, Solution, Task, first_guess, placed, solve, visibility

_SMALLEST = 4.0
"""Pixels between the eyes; below it there is no telling one face from another."""
_ROUNDS = 3
_NOISE = 0.0004  # metres; how far the landmarks' noise reaches into the shape, at full visibility
_MIRRORED = 0.0015
_CLEARANCE = 0.0003  # metres, of lids before the eyeballs


def fit_face(size: tuple[int, int], landmarks: ArrayLike, lens: float | None = None) -> Fit:
    """Fit the head to a face in a picture of `size` (width, height).

    landmarks : (478, 2) or (478, 3), MediaPipe's face mesh with irises, in pixels from the top left; its depth, if
                given, is a weak hint
    lens      : the focal length in pixels, if the photo's file tells it

    Raises InputError if the landmarks can't be a face's.
    """
    points = _checked(landmarks)
    head, face = load_head(), load_face()
    task = Task(face, size, points, np.ones(LANDMARKS), lens)
    found = solve(task, first_guess(task))
    rest = face.moved(np.tensordot(found.shape, face.shapes, 1))
    shift = np.zeros((LANDMARKS, 3))
    for _ in range(_ROUNDS):
        offsets, noise = _offsets(face, task, found, shift)
        shift = _spread_shift(head, face, rest, offsets, noise)
        again = replace(task, face=face.moved(shift), shape=False, distance=False)
        found = solve(again, found, 4)
    offsets, noise = _offsets(face, task, found, shift)
    shaped = head.shaped(found.shape)
    lids = rest.places[[*LEFT_EYE, *RIGHT_EYE]]
    moved = field(rest.places, offsets, noise, np.concatenate([shaped[head.vertices], lids]))
    eyes = moved[-len(lids) :].reshape(2, -1, 3).mean(axis=1)
    vertices = shaped + head.spread(moved[: -len(lids)] * head.reach[:, None], eyes)
    vertices = _lids_before_eyes(head, vertices)
    return _result(head, size, points, vertices, found)


def _result(head: Head, size: tuple[int, int], points: Doubles, vertices: Doubles, found: Solution) -> Fit:
    arkit = found.arkit
    expressed = head.landmarks @ vertices + np.tensordot(arkit, load_face().expressions, 1)
    return Fit(
        camera=camera_of(found, size),
        vertices=vertices.astype(np.float32),
        arkit=arkit.astype(np.float32),
        landmarks=points[:, :2].astype(np.float32),
        error=fit_error(found.seen(expressed, size), points),
    )


def camera_of(found: Solution, size: tuple[int, int]) -> Camera:
    """The still camera that sees the head at rest as the solution does."""
    distance = 1 / found.nearness
    focal = found.scale * distance
    pose = np.eye(4)
    pose[:3, :3] = found.turn.T
    pose[:3, 3] = CENTRE - found.turn.T @ [*(found.shift / found.scale), -distance]
    return Camera.of(size, pose, 2 * float(np.arctan(size[1] / 2 / focal)))


def fit_error(seen: Doubles, points: Doubles) -> FitError:
    """Of landmarks (478, 2) seen where they should be at `points` (478, 2 or more)."""
    errors = np.linalg.norm(seen - points[:, :2], axis=1)
    apart = float(np.linalg.norm(points[LEFT_PUPIL, :2] - points[RIGHT_PUPIL, :2]))
    return FitError(float(errors.mean()), float(errors.max()), apart)


def _checked(landmarks: ArrayLike) -> Doubles:
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 2 or len(points) != LANDMARKS or points.shape[1] not in (2, 3):
        raise InputError(f"A face has {LANDMARKS} landmarks of 2 or 3 numbers each; these are {points.shape}.")
    if not np.isfinite(points).all():
        raise InputError("Some of the face's landmarks are not finite; find the face in the picture anew.")
    spread = np.linalg.svd(points[:, :2] - points[:, :2].mean(axis=0), compute_uv=False) / np.sqrt(LANDMARKS)
    if spread[1] < _SMALLEST / 2:
        raise InputError("The face is too small in the picture to be fitted; give a larger photo, or crop it less.")
    return points


def _offsets(face: Face, task: Task, found: Solution, shift: Doubles) -> tuple[Doubles, Doubles]:
    """How far each landmark (478, 3), metres, of the head without the smooth shift is from where it should be in rest
    pose, and how sure that is (478,), metres."""
    places = placed(face, found.shape, found.arkit)
    y = (places + shift - CENTRE) @ found.turn.T
    target = (task.landmarks[:, :2] - np.divide(task.size, 2)) * (1, -1)
    below = 1 - found.nearness * y[:, 2:]
    wanted = (target * below - found.shift) / found.scale
    flat = ((places - CENTRE) @ found.turn.T)[:, :2]
    offsets = np.column_stack([wanted - flat, ((shift @ found.turn.T)[:, 2])]) @ found.turn
    noise = _NOISE / visibility(face, found, places) / face.trust
    noise[list(IRISES)] = 1.0
    # Where the face is turned away, it is likely to be like its other side.
    mirror = load_head().mirror
    other = offsets[mirror] * (-1, 1, 1)
    guess = np.hypot(noise[mirror], _MIRRORED)
    share = (1 / noise**2, 1 / guess**2)
    total = share[0] + share[1]
    return (offsets * share[0][:, None] + other * share[1][:, None]) / total[:, None], 1 / np.sqrt(total)


def _spread_shift(head: Head, face: Face, rest: Face, offsets: Doubles, noise: Doubles) -> Doubles:
    shift = field(rest.places, offsets, noise, rest.places)
    for lids, irises in ((LEFT_EYE, IRISES[5:]), (RIGHT_EYE, IRISES[:5])):
        shift[list(irises)] = shift[list(lids)].mean(axis=0)
    return shift


def _lids_before_eyes(head: Head, vertices: Doubles) -> Doubles:
    """Skin that the shape has brought into an eyeball is set before it again."""
    result = vertices.copy()
    rest = head.avatar.vertices
    for eyeball, centre in zip(head.eyeballs, head.eye_centres, strict=True):
        now = centre + (vertices[eyeball[0]] - rest[eyeball[0]])
        radius = float(np.linalg.norm(rest[eyeball] - centre, axis=1).max())
        out = vertices[head.vertices] - now
        distance = np.linalg.norm(out, axis=1)
        before = np.linalg.norm(rest[head.vertices] - centre, axis=1)
        least = np.minimum(before, radius + _CLEARANCE)
        inside = (distance < least) & (distance > radius / 2)
        chosen = head.vertices[inside]
        result[chosen] = now + out[inside] * (least[inside] / distance[inside])[:, None]
    return result
