"""The face of a take in the terms of a model that the user has registered, and back."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ...errors import InputError
from ...motion.model_face import ModelFace
from ...motion.motion import Motion
from ...motion.names import EYE_JOINTS, JOINT_INDEX
from ...motion.take import Take
from ...progress import Progress, no_progress
from ...request import Body
from . import shelf
from .preparing import prepared
from .solving import Performed, Solution, performed, weights_of

_JAW = JOINT_INDEX["jaw"]
_EYES = [JOINT_INDEX[name] for name in EYE_JOINTS]


def face_for(body: Body | str, progress: Progress = no_progress) -> tuple[str, Solution] | None:
    """The model whose expression a take has that this body performs, and its solution: the body itself, or the first
    model that is there and can be prepared (`vlogger models check` says why one can't).

    None if there is none with a face. Raises InputError if the body is a model that is not there or can't be prepared.
    """
    if isinstance(body, str):
        model = shelf.find(body)  # of a person theirs, whose expression moves them
        return (model.name, prepared(body, progress).solution) if model.expression else None
    for entry in shelf.registered():
        if entry.expression and entry.state == "there":
            with suppress(InputError):
                return entry.name, prepared(entry.name, progress).solution
    return None


def fingerprint(name: str) -> str:
    """A hash of all that what is made of a registered model or person depends on: its file, landmarks and betas.

    Raises InputError if it is not there, or has changed.
    """
    entry = shelf.find(name)
    said = [entry.name, entry.sha256, shelf.landmarks_key(entry), *shelf.betas_of(name)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def is_of_flame(take: Take) -> bool | None:
    """Whether a take's expression is of FLAME rather than of SMPL-X; None if nobody knows, or there is none."""
    if not take.motion.expression.shape[1]:
        return None
    if take.recording:
        return take.recording.flame
    person = shelf.find_person(take.model)
    name = person.model if person else take.model
    return next((entry.kind == "flame" for entry in shelf.registered() if entry.name == name), None)


def with_expression(motion: Motion, name: str, progress: Progress = no_progress) -> Motion:
    """The motion with the expression coefficients of the model `name`, and its jaw and eyes, for the ARKit weights.

    Raises InputError as `preparing.prepared`.
    """
    return expressed(motion, prepared(name, progress).solution)


def expressed(motion: Motion, solution: Solution) -> Motion:
    """The same of a model that is prepared."""
    face = performed(solution, motion.arkit)
    poses = motion.poses.copy()
    poses[:, _JAW] = face.jaw
    poses[:, _EYES] = face.eyes
    return replace(motion, poses=poses, expression=face.expression.astype(np.float32))


def with_weights(take: Take, name: str, progress: Progress = no_progress) -> Take:
    """A recorded take with the ARKit weights for its expression, jaw and eyes, which are those of the model `name`.

    Where there are fewer coefficients than the model has, they are its first ones.

    Raises InputError if the recording is of another kind of model or has more coefficients, or as `preparing.prepared`.
    """
    entry = shelf.find(name)
    motion = take.motion
    file = take.recording.file if take.recording else "This take"
    if take.recording and take.recording.flame != (entry.kind == "flame"):
        theirs = "FLAME" if take.recording.flame else "SMPL-X"
        raise InputError(f"{file} is a recording of {theirs}, and {name} is {entry.title}; give a model of that kind.")
    solution = prepared(name, progress).solution
    room, count = solution.expressions.shape[1], motion.expression.shape[1]
    if count > room:
        raise InputError(
            f"{file} has {count} expression coefficients, and {name} only {room}; register the model's file that has "
            "300 + 100 components, with: vlogger models add FILE"
        )
    expression = np.zeros((len(motion), room))
    expression[:, :count] = motion.expression
    poses = motion.poses.astype(np.float64)
    weights = weights_of(solution, Performed(expression, poses[:, _JAW], poses[:, _EYES]))
    face = ModelFace(name, solution.expressions[:, :count], solution.jaws)
    return replace(take, motion=replace(motion, arkit=weights.astype(np.float32)), face=face)
