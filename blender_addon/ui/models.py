"""Body models of the user's, and persons on them: what the service tells of them, and which one a take is for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..core.expressions import components
from ..scene.character import body_of
from ..scene.rigs import face_meshes
from .session import session

_KINDS = {10475: "smplx", 5023: "flame"}
"""Whose mesh has so many vertices."""


@dataclass(frozen=True)
class Model:
    """A SMPL-X, SMPL-H or FLAME model, or a person on one.

    expressive : whether its face moves
    detail     : what it is, for people to read
    """

    name: str
    kind: str
    expressive: bool
    detail: str


def models() -> list[Model]:
    """All of them whose files are there, persons last; none while the service has not told."""
    found = []
    with suppress(KeyError, TypeError, AttributeError):  # another version's answer may be another
        for told in session().answers.of("capabilities").get("models", []):
            if told["ready"]:
                what = f"A person on {told['title']}" if told["person_on"] else told["title"]
                detail = f"{what}, licensed {told['licence']}"
                found.append(Model(str(told["name"]), str(told["kind"]), bool(told["expression"]), detail))
    return found


def performer(scene: Any, armature: Any) -> str:
    """The model for which the next take of a rig is made, "" if that is left to the service.

    It is the chosen one. Else that of which the character was made, if it is still there, or for someone's own SMPL-X
    or FLAME character the first model of its kind.
    """
    if scene.vlogger.model:
        return str(scene.vlogger.model)
    known, made_of = models(), body_of(armature)
    if made_of is not None:
        return next((model.name for model in known if model.name == made_of[0]), "")
    kind = _kind_of(armature)
    return next((model.name for model in known if model.expressive and model.kind == kind), "")


def _kind_of(armature: Any) -> str:
    """What kind of model's face a rig has, with keys of an expression; "" for other rigs, and what nobody knows."""
    for mesh in face_meshes(armature):
        if components([key.name for key in mesh.data.shape_keys.key_blocks]):
            return _KINDS.get(len(mesh.data.vertices), "")
    return ""
