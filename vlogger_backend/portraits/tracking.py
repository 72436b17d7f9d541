"""Follow a fitted face through a video: the head's motion and the expression, with shape and camera as fitted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ..avatars.posing import posed_vertices
from ..errors import InputError
from ..motion.motion import Motion
from ..motion.names import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES
from .faces import load_face
from .fitting import fit_error
from .head import LANDMARKS, Doubles, load_head
from .portrait import Bytes, Fit, FitError, Floats
from .quiet import quiet
from .solving import CENTRE, Solution, Task, solve

_STEPS, _FIRST_STEPS = 3, 8
_SPARSE = 0.25
"""What a face does in a video is known better: its own rest has been told from it."""
_POSE_BLUR = 0.03  # seconds
_FACE_BLUR, _LIPS_BLUR = 0.02, 0.01
_LIPS = ("mouth", "jaw")
_NECK = 0.45
"""The share of the head's rotation that the neck takes."""
_SPINE = ("spine1", "spine2", "spine3")
_SWINGS = 8
_LEAN = np.radians(12.0)
"""How far the spine leans at most, so that the head is where it is; the rest is the pelvis'."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """A face followed through a video of T frames.

    motion    : posing `fit.vertices` by it shows the frames in the fit's camera; the first is all but at rest
    landmarks : (T, 478, 3) as MediaPipe found them, pixels; where it lost the face, between those before and after
    errors    : of each frame, the posed head's landmarks against those
    """

    motion: Motion
    landmarks: Floats
    errors: tuple[FitError, ...]


def track(frames: Iterable[Bytes], fit: Fit, fps: float) -> Tracked:
    """Follow the face that was fitted in the first of the frames (H, W, 3).

    Raises InputError if the face is lost in more than half of them, or a frame has another size than the fit.
    """
    return follow(_landmarks(frames, fit), fit, fps)


def follow(landmarks: Floats, fit: Fit, fps: float) -> Tracked:
    """The same from the landmarks (T, 478, 3)."""
    head, face = load_head(), load_face()
    own = replace(face, places=head.landmarks @ fit.vertices.astype(np.float64))
    size = (fit.camera.width, fit.camera.height)
    lens = fit.camera.pinhole().focal
    now = start_of(fit, len(face.shapes))
    solutions = []
    for number, points in enumerate(landmarks.astype(np.float64)):
        before = now if number else None
        task = Task(own, size, points, np.ones(LANDMARKS), lens, shape=False, sparse=_SPARSE, before=before)
        now = solve(task, now, _STEPS if number else _FIRST_STEPS)
        solutions.append(now)
    turns, shifts = _in_world(solutions, fit, lens)
    turns, shifts = _blurred_pose(turns, shifts, fps)
    arkit = _blurred(np.stack([each.arkit for each in solutions]), fps)
    poses, trans = _joints(turns, shifts)
    motion = Motion(
        fps=fps,
        poses=poses.astype(np.float32),
        trans=trans.astype(np.float32),
        arkit=arkit.astype(np.float32),
        expression=np.zeros((len(arkit), 0), np.float32),
    )
    return Tracked(motion, landmarks.astype(np.float32), tuple(_errors(motion, landmarks, fit)))


def start_of(fit: Fit, shapes: int) -> Solution:
    """The solution that the fit's camera and expression are, of its own shape."""
    pose = np.array(fit.camera.poses[0]).reshape(3, 4)
    turn = pose[:, :3].T
    place = turn @ (CENTRE - pose[:, 3])
    lens = fit.camera.pinhole().focal
    scale = lens / -place[2]
    return Solution(
        turn, scale * place[:2], np.log(scale), -np.log(-place[2]), np.zeros(shapes), fit.arkit.astype(np.float64)
    )


def _landmarks(frames: Iterable[Bytes], fit: Fit) -> Floats:
    """MediaPipe's, frame by frame, of the face that is where it was in the frame before."""
    import mediapipe

    found: list[Floats | None] = []
    last, apart = fit.landmarks, fit.error.between_eyes
    with (
        quiet(),
        mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=1, refine_landmarks=True, min_tracking_confidence=0.5
        ) as mesh,
    ):
        for frame in frames:
            height, width = frame.shape[:2]
            if (width, height) != (fit.camera.width, fit.camera.height):
                raise InputError(
                    f"The video's frames are {width} x {height} and the fit is of a picture of {fit.camera.width} x "
                    f"{fit.camera.height}; fit the face in the video's own first frame."
                )
            faces = mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks or ()
            points = [np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark]) for face in faces]
            near = [each for each in points if np.linalg.norm((each[:, :2] - last).mean(axis=0)) < 2 * apart]
            found.append(near[0].astype(np.float32) if near else None)
            last = near[0][:, :2] if near else last
    seen = np.flatnonzero([each is not None for each in found])
    if 2 * len(seen) < max(len(found), 1):
        raise InputError(
            f"The face is found in {len(seen)} of the video's {len(found)} frames; give one that shows it throughout."
        )
    known = np.stack([each for each in found if each is not None])
    between = np.interp(np.arange(len(found)), seen, np.arange(len(seen)))
    low = np.floor(between).astype(int)
    share = (between - low)[:, None, None].astype(np.float32)
    return np.asarray(known[low] * (1 - share) + known[np.minimum(low + 1, len(known) - 1)] * share, np.float32)


def _in_world(solutions: list[Solution], fit: Fit, lens: float) -> tuple[Doubles, Doubles]:
    """Rotations (T, 3, 3) and shifts (T, 3) that take the head from rest to where it is."""
    pose = np.array(fit.camera.poses[0]).reshape(3, 4)
    turns = np.stack([pose[:, :3] @ each.turn for each in solutions])
    places = np.stack([[*(each.shift / each.scale), -lens / each.scale] for each in solutions])
    return turns, places @ pose[:, :3].T + pose[:, 3] - turns @ CENTRE


def _blurred_pose(turns: Doubles, shifts: Doubles, fps: float) -> tuple[Doubles, Doubles]:
    """Smoothed without delay, as rotations about the first and places of the head's middle."""
    vectors = Rotation.from_matrix(turns).as_rotvec()
    places = shifts + turns @ CENTRE
    width = _POSE_BLUR * fps
    smooth = Rotation.from_rotvec(gaussian_filter1d(vectors, width, axis=0, mode="nearest")).as_matrix()
    return smooth, gaussian_filter1d(places, width, axis=0, mode="nearest") - smooth @ CENTRE


def _blurred(arkit: Doubles, fps: float) -> Doubles:
    """Smoothed without delay: so little where the lips are that no closure is lost."""
    lips = np.array([name.startswith(_LIPS) for name in ARKIT_NAMES])
    smooth = arkit.copy()
    for chosen, width in ((~lips, _FACE_BLUR), (lips, _LIPS_BLUR)):
        smooth[:, chosen] = gaussian_filter1d(arkit[:, chosen], width * fps, axis=0, mode="nearest")
    return smooth


def _joints(turns: Doubles, shifts: Doubles) -> tuple[Doubles, Doubles]:
    """Poses (T, 55, 3) and trans (T, 3) that put the head there: neck and head turn, the spine leans so that the head
    is carried to its place, and the pelvis moves by what they can't do."""
    rest = load_head().avatar.joints.astype(np.float64)
    chain = [JOINT_INDEX[name] for name in ("pelvis", *_SPINE, "neck", "head")]
    bones = rest[chain[1:]] - rest[chain[:-1]]
    arm = 2 / 3 * bones[1:4, 1].sum()
    poses, trans = np.zeros((len(turns), len(JOINT_NAMES), 3)), np.zeros((len(turns), 3))

    def carried(lean: Doubles, neck: Doubles) -> tuple[Doubles, Doubles]:
        """Rotation of the uppermost of the spine, and place of the head's joint."""
        step = Rotation.from_rotvec(lean / len(_SPINE)).as_matrix()
        turned, place = np.eye(3), rest[0] + bones[0]
        for bone in bones[1:4]:
            turned = turned @ step
            place = place + turned @ bone
        return turned, place + neck @ bones[4]

    for frame, (turn, shift) in enumerate(zip(turns, shifts, strict=True)):
        goal = turn @ rest[chain[-1]] + shift
        neck = Rotation.from_rotvec(_NECK * Rotation.from_matrix(turn).as_rotvec()).as_matrix()
        lean = np.zeros(3)
        for _ in range(_SWINGS):
            missing = goal - carried(lean, neck)[1]
            lean = np.clip(lean + np.array([missing[2], 0, -missing[0]]) / arm, -_LEAN, _LEAN)
        turned, place = carried(lean, neck)
        trans[frame] = goal - place
        poses[frame, chain[1:4]] = lean / len(_SPINE)
        poses[frame, chain[4]] = Rotation.from_matrix(turned.T @ neck).as_rotvec()
        poses[frame, chain[5]] = Rotation.from_matrix(neck.T @ turn).as_rotvec()
    return poses, trans


def _errors(motion: Motion, landmarks: Floats, fit: Fit) -> Iterable[FitError]:
    head = load_head()
    person = replace(head.avatar, vertices=fit.vertices)
    solution = start_of(fit, 0)
    size = (fit.camera.width, fit.camera.height)
    for poses, trans, arkit, points in zip(motion.poses, motion.trans, motion.arkit, landmarks, strict=True):
        places = head.landmarks @ posed_vertices(person, poses, trans, arkit).astype(np.float64)
        yield fit_error(solution.seen(places, size), points)
