"""A licensed model as an Avatar: what the preview, the exports and the control images draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX, JOINT_NAMES
from ...progress import Progress, no_progress
from ..avatar import Avatar, Floats, Material, Morph
from ..bake import jpeg
from ..library import load_avatar
from . import shelf
from .body_model import BodyModel, Doubles
from .mouth import Lining, lining_of
from .posing import posed
from .preparing import prepared
from .solving import Solution, performed

_SKIN = Material("skin", (0.58, 0.38, 0.30, 1.0), 0.6)
_FACE = Material("face", (0.58, 0.38, 0.30, 1.0), 0.6)
_WHITE = Material("eyes", (0.80, 0.78, 0.76, 1.0), 0.3)
_IRIS = Material("iris", (0.05, 0.04, 0.03, 1.0), 0.2)
_LIPS, _THROAT, _DEEP = (0.70, 0.48, 0.43), (0.09, 0.02, 0.02), 0.015
"""sRGB of the inside of the mouth at its lips, and from how deep within on it is dark, metres."""
_IRIS_EDGE = np.cos(np.radians(28))
"""Of the angle between where an eye looks and where a vertex of its ball is, up to which that is iris."""
_BY_MORPHS = ("jaw", *EYE_JOINTS)
"""Joints that move no vertex of an Avatar, whose morphs do it; what hangs on them hangs on the head."""


def load_licensed(name: str, progress: Progress = no_progress) -> Avatar:
    """The model, or the person, that the user has registered under this name; its face moves if it can.

    Raises InputError if there is none, if it can't be read, or if its face can't be prepared.
    """
    model = shelf.open_model(name)
    solution = prepared(name, progress).solution if model.expressions.shape[2] else None
    return avatar_of(model, solution, np.array(shelf.betas_of(name)))


def avatar_of(model: BodyModel, solution: Solution | None, betas: Doubles | None = None) -> Avatar:
    """The model with identity `betas` (at most S,); without `solution` its face doesn't move.

    A FLAME head is where the built-in avatar's is, on that one's joints. Pose correctives are left out, as Avatars have
    none. The files have no texture that could be used: skin is one colour.
    """
    at_rest = np.zeros((len(model.parents), 3))
    rest = posed(model, at_rest, betas=betas)
    own = model.regressor @ rest
    shift = _shift(model, rest, own)
    weights = _weights(model)
    indices = np.argsort(-weights, axis=1)[:, :4]
    four = np.take_along_axis(weights, indices, axis=1)
    lining = lining_of(model)
    face_material, materials = _materials(model, rest, own, lining)
    return Avatar(
        name=model.title,
        vertices=(rest + shift).astype(np.float32),
        faces=np.concatenate([model.faces, lining.lid]).astype(np.int32),
        uvs=_uvs(model, lining),
        face_material=face_material,
        materials=materials,
        joints=_joints(model, own + shift),
        joint_indices=indices.astype(np.uint8),
        joint_weights=(four / four.sum(axis=1, keepdims=True)).astype(np.float32),
        morphs=_morphs(model, solution, rest, betas),
    )


def _shift(model: BodyModel, rest: Doubles, own: Doubles) -> Doubles:
    """What brings the soles to the ground, or a head to where the built-in avatar's eyes are."""
    if model.kind != "flame":
        return np.array([0.0, -rest[:, 1].min(), 0.0])
    eyes = [load_avatar().joints[JOINT_INDEX[name]] for name in EYE_JOINTS]
    return np.asarray(np.mean(eyes, axis=0) - np.mean([own[model.joints.index(name)] for name in EYE_JOINTS], axis=0))


def _carrier(model: BodyModel, joint: int) -> str:
    """The joint of ours that moves what one of the model's moves."""
    if model.kind == "flame":  # whose neck is the one joint that turns the head
        return "neck" if joint == 0 else "head"
    name = model.joints[joint]
    return "head" if name in _BY_MORPHS else name


def _weights(model: BodyModel) -> Floats:
    """Skinning weights (V, 55) of our joints."""
    weights = np.zeros((len(model.template), len(JOINT_NAMES)), np.float32)
    for joint in range(len(model.parents)):
        weights[:, JOINT_INDEX[_carrier(model, joint)]] += model.weights[:, joint]
    return weights


def _joints(model: BodyModel, own: Doubles) -> Floats:
    """Our joints (55, 3): the model's, and for those that it lacks the built-in avatar's."""
    built_in = load_avatar().joints
    joints = built_in.astype(np.float32).copy()
    for name, place in zip(model.joints, own, strict=True):
        if name and (model.kind != "flame" or name in _BY_MORPHS):
            joints[JOINT_INDEX[name]] = place
    if model.kind == "smplh":  # whose face has no joints: they stay with the head
        head = JOINT_INDEX["head"]
        for name in _BY_MORPHS:
            joints[JOINT_INDEX[name]] += joints[head] - built_in[head]
    return joints


def _morphs(model: BodyModel, solution: Solution | None, rest: Doubles, betas: Doubles | None) -> tuple[Morph, ...]:
    if solution is None:
        return (Morph(np.zeros(0, np.int32), np.zeros((0, 3), np.float32)),) * len(ARKIT_NAMES)
    opening, closing = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    weights = np.eye(len(ARKIT_NAMES))
    weights[closing, opening] = 1  # it is what shuts an open jaw's lips
    performance = performed(solution, weights)
    jaw, *eyes = (model.joints.index(name) for name in _BY_MORPHS)

    def shown(number: int) -> Doubles:
        poses = np.zeros((len(model.parents), 3))
        poses[jaw], poses[eyes] = performance.jaw[number], performance.eyes[number]
        return posed(model, poses, performance.expression[number], betas)

    opened = shown(opening)
    return tuple(Morph.of(shown(n) - (opened if n == closing else rest)) for n in range(len(weights)))


def _materials(
    model: BodyModel, rest: Doubles, own: Doubles, lining: Lining
) -> tuple[NDArray[np.int16], tuple[Material, ...]]:
    """Of each triangle (F,), and the materials: eyeballs with a dark iris, the inside of the mouth, the head, all
    else."""
    middles = rest[model.faces].mean(axis=1)
    on_face = _share(model, ("head", "jaw") if model.kind != "flame" else ("", "neck", "jaw"))
    material = np.where(on_face > 0.5, 1, 0)
    for name in EYE_JOINTS:
        if name not in model.joints:
            continue
        ball = _share(model, (name,)) > 0.5
        forward = middles - own[model.joints.index(name)]
        ahead = forward[:, 2] / np.maximum(np.linalg.norm(forward, axis=1), 1e-9)
        material = np.where(ball, np.where(ahead > _IRIS_EDGE, 3, 2), material)
    material[(lining.deep[model.faces] > 0).all(axis=1)] = 4
    material = np.append(material, np.full(len(lining.lid), 4))
    return material.astype(np.int16), (_SKIN, _FACE, _WHITE, _IRIS, _mouth())


def _mouth() -> Material:
    """The inside of the mouth: skin at the lips on the left of its texture, dark on the right, and both plain to the
    edges, over which textures are repeated."""
    part = np.clip(np.linspace(-0.5, 1.5, 64), 0, 1)[None, :, None] ** 0.6
    shades = (1 - part) * np.array(_LIPS) + part * np.array(_THROAT)
    texture = jpeg(np.repeat(shades, 8, axis=0).astype(np.float32), quality=95)
    return Material("mouth", (1.0, 1.0, 1.0, 1.0), 0.95, texture=texture)


def _uvs(model: BodyModel, lining: Lining) -> Floats:
    """(F, 3, 2), which tell how deep in the mouth a corner is; lids are deep."""
    deep = np.concatenate([lining.deep[model.faces], np.full((len(lining.lid), 3), _DEEP)])
    across = 0.25 + 0.5 * np.clip(deep / _DEEP, 0, 1)
    uvs: Floats = np.stack([across, np.full_like(across, 0.5)], axis=-1).astype(np.float32)
    return uvs


def _share(model: BodyModel, names: tuple[str, ...]) -> Doubles:
    """How much of each triangle (F,) these joints move."""
    chosen = [index for index, name in enumerate(model.joints) if name in names]
    return np.asarray(model.weights[:, chosen].sum(axis=1)[model.faces].mean(axis=1))
