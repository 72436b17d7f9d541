"""Pairs: what the puppet of a portrait shows round mouth and eyes, and what there is in truth.

The truth is a drawing of a person who doesn't exist; so is the photo, with another expression. The portrait's fit has
the errors that a fit has.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..animate import Animator
from ..avatars.posing import posed_vertices
from ..camera import Camera
from ..motion.motion import Motion
from ..motion.names import ARKIT_INDEX, JOINT_INDEX
from ..motion.take import read_take
from ..portraits.head import load_head
from ..portraits.landmarks import INNER_LIPS, UPPER_LIP
from ..portraits.portrait import Consent, Fit, FitError, Portrait
from ..renderers.builtin.patches import cut
from ..renderers.builtin.puppet import Frame, Puppet
from ..renderers.compositing import over
from ..renderers.figure import built_in_figure
from ..renderers.lighting import Opening
from ..renderers.stage import Stage
from ..request import Request, Style
from ..speech.voice import say
from .people import Person, random_person

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SIZE = 384
_LINES = (
    "Five wonderful old boats came up the big river before noon, and everybody cheered.",
    "She sells very thin blue paper for making maps; would you buy two of them?",
    "Why not ask the judge who chose the music for father's birthday party?",
)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Of one person; n frames, three patches each (mouth, left eye, right eye).

    before : (n, 3, PATCH, PATCH, 3) what the puppet shows
    parts  : (n, 3, PATCH, PATCH) of `puppet.PARTS`
    worn   : (n, 3, PATCH, PATCH)
    after  : (n, 3, PATCH, PATCH, 3) the truth
    photo  : (3, PATCH, PATCH, 3) the same pieces of the face in the photo
    """

    before: Bytes
    parts: Bytes
    worn: Bytes
    after: Bytes
    photo: Bytes


def performances() -> list[Motion]:
    """How people move who speak: spoken by the built-in voice, performed with different energy."""
    motions = []
    with TemporaryDirectory() as folder:
        animator = Animator()
        for seed, line in enumerate(_LINES):
            sound, take = Path(folder) / "line.wav", Path(folder) / "line.npz"
            say(line, sound)
            animator.animate(Request(str(sound), line, seed=seed, style=Style(energy=0.8 + 0.5 * seed)), take)
            motions.append(read_take(take).motion)
    return motions


def random_pairs(rng: np.random.Generator, motions: list[Motion], frames: int) -> Pairs:
    """Someone new, photographed once, then seen in `frames` other frames."""
    person = random_person(rng)
    photo_arkit = _expression(rng, motions) * rng.choice([0.0, 0.5, 1.0])
    photo_arkit[_BLINKS] *= 0.2
    camera = _camera(rng)
    view = camera.pinhole()
    with closing(Stage(person.avatar)) as stage:
        photo = _drawn(stage, person, camera, _still(), photo_arkit)
        portrait = _portrait(rng, person, camera, photo_arkit, photo)
        with closing(Puppet(built_in_figure(portrait).person, portrait, (_SIZE, _SIZE))) as puppet:
            still = np.zeros(3, np.float32)
            photo_patches = cut(portrait.picture, puppet.patches_in_photo())
            found = []
            for _ in range(frames):
                arkit, turned = _expression(rng, motions), _turned(rng)
                error = np.where(rng.uniform(size=52) < 0.3, rng.normal(0, 0.04, 52), 0)
                shown = np.clip(arkit + error * (arkit > 0.02), 0, 1).astype(np.float32)
                frame = puppet.frame(turned, still, shown, view.pose, view.field)
                truth = _drawn(stage, person, camera, turned, arkit)
                found.append(_patches(frame, portrait, truth))
    before, parts, worn, after = (np.stack(values) for values in zip(*found, strict=True))
    return Pairs(before, parts, worn, after, photo_patches)


_BLINKS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def _expression(rng: np.random.Generator, motions: list[Motion]) -> Floats:
    """(52,) weights: of speech, exaggerated or mixed with another expression, or a blink half way."""
    motion = motions[rng.integers(len(motions))]
    arkit = motion.arkit[rng.integers(len(motion))] * rng.uniform(0.7, 1.5)
    if rng.uniform() < 0.4:
        for name in rng.choice(_LIVELY, rng.integers(1, 5), replace=False):
            for side in ("", "Left", "Right"):
                if name + side in ARKIT_INDEX:
                    arkit[ARKIT_INDEX[name + side]] += rng.beta(1.2, 2.0)
    if rng.uniform() < 0.45:
        arkit[_BLINKS] = np.clip(rng.uniform(0, 1.1) + rng.normal(0, 0.05, 2), 0, 1)
    for name in ("eyeLookUp", "eyeLookDown"):
        arkit[[ARKIT_INDEX[name + "Left"], ARKIT_INDEX[name + "Right"]]] += max(0.0, rng.normal(0, 0.15))
    aside = rng.normal(0, 0.3)
    left, right = ("Out", "In") if aside > 0 else ("In", "Out")
    arkit[ARKIT_INDEX[f"eyeLook{left}Left"]] += abs(aside)
    arkit[ARKIT_INDEX[f"eyeLook{right}Right"]] += abs(aside)
    arkit[ARKIT_INDEX["tongueOut"]] = 0
    return np.asarray(np.clip(arkit, 0, 1), np.float32)


_LIVELY = [
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown", "mouthStretch", "mouthUpperUp",
    "mouthLowerDown", "mouthDimple", "mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugUpper", "jawForward",
    "browDown", "browInnerUp", "browOuterUp", "cheekSquint", "eyeSquint", "eyeWide", "noseSneer", "cheekPuff",
]  # fmt: skip


def _turned(rng: np.random.Generator) -> Floats:
    poses = _still()
    poses[JOINT_INDEX["head"]] = rng.normal(0, (0.06, 0.12, 0.05))
    poses[JOINT_INDEX["neck"]] = rng.normal(0, (0.03, 0.06, 0.03))
    return poses


def _still() -> Floats:
    return np.zeros((len(JOINT_INDEX), 3), np.float32)


def _camera(rng: np.random.Generator) -> Camera:
    yaw, pitch = rng.normal(0, 0.18), rng.normal(0, 0.10)
    yaw, pitch = np.clip(yaw, -0.5, 0.5), np.clip(pitch, -0.3, 0.3)
    distance, shown = rng.uniform(0.7, 2.5), rng.uniform(0.30, 0.62)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn = turn @ [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    pose = np.eye(4)
    pose[:3, :3] = turn
    centre = np.array([rng.normal(0, 0.02), 1.61 + rng.normal(0, 0.02), 0.08])
    pose[:3, 3] = centre + turn @ (0, 0, distance)
    return Camera.of((_SIZE, _SIZE), pose, float(2 * np.arctan(shown / 2 / distance)))


def _drawn(stage: Stage, person: Person, camera: Camera, poses: Floats, arkit: Floats) -> Floats:
    """The person (H, W, 4): sRGB times alpha, and alpha, 0 to 1."""
    view = camera.pinhole()
    vertices = posed_vertices(person.avatar, poses, np.zeros(3, np.float32), arkit)
    stage.pose(vertices)
    lips = load_head().landmarks[list(INNER_LIPS)] @ vertices
    middle = lips.mean(axis=0)
    spokes = lips - middle
    area = np.linalg.norm(np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0)) / 2
    half = (lips[len(lips) // 2] - lips[0]) / 2
    (x, y, z), (right, up, forward) = middle.tolist(), half.tolist()
    opening = Opening((x, y, z), (right, up, forward), max(float(area), 1e-6))
    stage.lighting = replace(person.light, opening=opening)
    return stage.draw(view.size, view.pose, view.field).astype(np.float32) / 255


def _portrait(rng: np.random.Generator, person: Person, camera: Camera, arkit: Floats, drawn: Floats) -> Portrait:
    """The drawing as a photo, fitted with errors."""
    head = load_head()
    vertices = person.avatar.vertices
    posed = posed_vertices(person.avatar, _still(), np.zeros(3, np.float32), arkit)
    landmarks = camera.pinhole().seen(head.landmarks @ posed)[0]
    landmarks = landmarks + rng.normal(0, 0.4, landmarks.shape)
    alpha = drawn[..., 3:]
    behind = ndimage.gaussian_filter(rng.uniform(0, 1, (*drawn.shape[:2], 3)), (30, 30, 0))
    behind = np.clip(rng.uniform(0.1, 0.9, 3) + 6 * (behind - behind.mean()), 0, 1)
    colour = np.where(alpha > 1e-3, drawn[..., :3] / np.maximum(alpha, 1e-3), 0)
    fitted = _misfitted(rng, vertices)
    error = np.where(rng.uniform(size=52) < 0.3, rng.normal(0, 0.05, 52), 0)
    fit = Fit(
        camera,
        fitted,
        np.clip(arkit + error * (arkit > 0.02), 0, 1).astype(np.float32),
        landmarks.astype(np.float32),
        FitError(0.5, 1.0, 80.0),
    )
    return Portrait(
        "nobody",
        _bytes(drawn[..., :3] + behind * (1 - alpha)),
        _bytes(alpha[..., 0]),
        _bytes(colour),
        _bytes(behind),
        fit,
        Consent("This person doesn't exist.", ""),
        "",
    )


def _misfitted(rng: np.random.Generator, vertices: Floats) -> Floats:
    """The vertices moved by up to a millimetre or two, smoothly over the face; what no photo shows is the avatar's."""
    head = load_head()
    waves = rng.normal(0, 60, (4, 3))
    phases, sizes = rng.uniform(0, 6.3, 4), rng.normal(0, 0.0005, (4, 3))
    moved = vertices + (np.sin(vertices @ waves.T + phases) @ sizes).astype(np.float32)
    used = np.unique(head.avatar.faces_of("teeth"))
    lips = head.landmarks[[UPPER_LIP]]
    shift = lips @ moved - lips @ head.avatar.vertices
    moved[used] = head.avatar.vertices[used] + shift
    return np.asarray(moved, np.float32)


def _patches(frame: Frame, portrait: Portrait, truth: Floats) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    before, after = (over(picture, portrait.background) for picture in (frame.picture, _bytes(truth)))
    return cut(before, frame.patches), frame.parts, frame.worn, cut(after, frame.patches)


def _bytes(values: Floats | NDArray[np.float64]) -> Bytes:
    return np.asarray(np.rint(255 * np.clip(values, 0.0, 1.0).astype(np.float32)), np.uint8)
