"""Which bones and shape keys of a rig perform what: found by the matcher, corrected by the user, kept for next time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..core.corrections import Correction, read_correction, save_correction
from ..core.descriptions import Descriptions, load_descriptions
from ..core.errors import AddonError
from ..core.matching import match_rig
from ..core.names import JOINT_NAMES
from ..core.rig import Rig, RigMapping
from ..scene.compat import user_folder
from ..scene.obstacles import usable
from ..scene.rigs import read_rig

_PACKAGE = Path(__file__).parents[1]


def mapping_of(armature: Any) -> tuple[Rig, RigMapping]:
    """The rig as it is, and how a take drives it.

    Raises AddonError if its correction can't be read.
    """
    rig = read_rig(armature)
    return rig, finder(rig)()


class Mappings:
    """How takes drive the rigs of this scene, found once for each: a control rig has to be measured for it."""

    def __init__(self) -> None:
        self._found: dict[Any, tuple[RigMapping, tuple[str, ...]]] = {}

    def of(self, context: Any, armature: Any, anew: bool = False) -> tuple[Rig, RigMapping, tuple[str, ...]]:
        """The rig, the mapping, and sentences for the user on what can't be moved or won't show. `anew` looks again.

        Raises AddonError if the rig can't be animated, or a take would move nothing of it.
        """
        rig = read_rig(armature)
        names = tuple(bone.name for bone in rig.bones), tuple((face.name, face.keys) for face in rig.faces)
        if anew or (armature.name, names) not in self._found:
            mapping, notes = usable(context, armature, finder(rig)())
            if not mapping.bones and not mapping.face:
                raise AddonError(
                    f"{armature.name} has neither bones nor shape keys that a take could move. Open Rig in the panel "
                    "and assign them."
                )
            self._found[armature.name, names] = mapping, tuple(notes)
        return rig, *self._found[armature.name, names]

    def forget(self) -> None:
        """After a correction, or with another file."""
        self._found.clear()


def finder(rig: Rig) -> Callable[[], RigMapping]:
    """What finds how a take drives the rig; it needs no Blender, so a thread may call it.

    It raises AddonError if the rig's correction can't be read.
    """
    folder = corrections_folder()
    return lambda: match_rig(rig, descriptions(), read_correction(folder, rig))[0]


@cache
def descriptions() -> Descriptions:
    """What is known of other people's rigs: in the extension itself, or beside it in a checkout."""
    inside = _PACKAGE / "rigs"
    return load_descriptions(inside if inside.is_dir() else _PACKAGE.parent / "rigs")


def corrections_folder() -> Path:
    return user_folder() / "rigs"


def list_bones(armature: Any, mapping: RigMapping) -> None:
    """Put the mapping into the panel's list."""
    listed = armature.vlogger.bones
    listed.clear()
    for joint in JOINT_NAMES:
        match = mapping.bones.get(joint)
        row = listed.add()
        row.name = joint
        row.bone, row.reason = (match.target, match.reason) if match else ("", "no bone found")


def keep_correction(armature: Any) -> Path:
    """Keep what the panel's list says as this rig's correction; returns its file.

    Raises AddonError if it can't be kept.
    """
    rig = read_rig(armature)
    found = match_rig(rig, descriptions())[0].bones
    listed = {row.name: row.bone or None for row in armature.vlogger.bones}
    names = {joint: match.target for joint, match in found.items()}
    by_hand = {joint: bone for joint, bone in listed.items() if bone != names.get(joint)}
    old = read_correction(corrections_folder(), rig)
    return save_correction(corrections_folder(), rig, Correction(by_hand, old.keys if old else {}))
