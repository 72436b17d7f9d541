"""Which bones and shape keys of a rig perform what: found by the matcher, corrected by the user, kept for next time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from ..core.choices import choices, corrected_keys, mirrored
from ..core.corrections import Correction, read_correction, save_correction
from ..core.descriptions import Descriptions, load_descriptions
from ..core.errors import AddonError
from ..core.matching import match_rig
from ..core.names import ARKIT_NAMES, JOINT_NAMES
from ..core.rig import Rig, RigMapping
from ..core.steps import awaited
from ..scene.compat import user_folder
from ..scene.obstacles import usable
from ..scene.performing import Driven
from ..scene.rigs import read_rig, rig_in_steps

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

    def finding(self, scene: str, armature: str, anew: bool = False) -> Generator[bool, None, Driven]:
        """How takes drive an armature, both by name; `anew` looks again.

        A generator, as `core.steps` has them. Raises AddonError if the rig can't be animated, or a take would move
        nothing of it, and KeyError or ReferenceError if it is gone.
        """
        rig = yield from rig_in_steps(bpy.data.objects[armature])
        names = tuple(bone.name for bone in rig.bones), tuple((face.name, face.keys) for face in rig.faces)
        if anew or (armature, names) not in self._found:
            mapping = yield from matching(rig)
            faceless = _faceless(rig, mapping)
            mapping, notes = yield from usable(bpy.data.scenes[scene], bpy.data.objects[armature], mapping)
            if not mapping.bones and not mapping.face:
                raise AddonError(
                    f"{armature} has neither bones nor shape keys that a take could move. Open Rig in the panel "
                    "and assign them."
                )
            self._found[armature, names] = mapping, (*notes, *faceless)
        return Driven(rig, *self._found[armature, names])

    def forget(self) -> None:
        """After a correction, or with another file."""
        self._found.clear()


def _faceless(rig: Rig, mapping: RigMapping) -> list[str]:
    """That the face of a rig does little or nothing, which is easily taken for a fault."""
    if mapping.face:
        return []
    why = "None of its shape keys is known" if any(face.keys for face in rig.faces) else "No mesh of it has shape keys"
    does = "its face is moved by bones alone" if mapping.jaw is not None else "its face stays still"
    return [f"{why}, so {does}: see Rig in the panel."]


def finder(rig: Rig) -> Callable[[], RigMapping]:
    """What finds how a take drives the rig; it needs no Blender, so a thread may call it.

    It raises AddonError if the rig's correction can't be read.
    """
    folder = corrections_folder()
    return lambda: match_rig(rig, descriptions(), read_correction(folder, rig))[0]


def matching(rig: Rig) -> Generator[bool, None, RigMapping]:
    """`finder` in a thread, as steps."""
    thread = ThreadPoolExecutor(1, "vlogger-match")
    try:
        return (yield from awaited(thread.submit(finder(rig))))
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


@cache
def descriptions() -> Descriptions:
    """What is known of other people's rigs: in the extension itself, or beside it in a checkout."""
    inside = _PACKAGE / "rigs"
    return load_descriptions(inside if inside.is_dir() else _PACKAGE.parent / "rigs")


def corrections_folder() -> Path:
    return user_folder() / "rigs"


def list_mapping(armature: Any, rig: Rig, mapping: RigMapping) -> None:
    """Put a mapping into the panel's lists."""
    settings = armature.vlogger
    settings.bones.clear()
    for joint in JOINT_NAMES:
        match = mapping.bones.get(joint)
        row = settings.bones.add()
        row.name = joint
        row.bone, row.reason = (match.target, match.reason) if match else ("", "no bone found")
    settings.keys.clear()
    for choice in choices(rig, mapping):
        row = settings.keys.add()
        row.key = row.found = choice.key
        row.name, row.mesh = choice.part, choice.mesh  # after its key, which nobody has chosen
        row.reason, row.doubt = choice.reason, choice.doubt
    settings.kind, settings.face_kind, settings.score = mapping.kind, mapping.face_kind, mapping.score
    settings.problems = "\n".join(mapping.problems)
    settings.face_keys = len(mapping.face)
    settings.corrected = read_correction(corrections_folder(), rig) is not None


def key_chosen(row: Any) -> None:
    """A shape key was chosen in the panel's list: whatever else it was thought to do on that mesh, it does not."""
    if row.name not in ARKIT_NAMES or not row.key:
        return
    for other in row.id_data.vlogger.keys:
        single = other.name in ARKIT_NAMES and other.name not in (row.name, mirrored(row.name))
        if other.mesh == row.mesh and other.key == row.key and single:
            other.key = ""


def keep_correction(armature: Any) -> Path:
    """Keep what the panel's lists say as this rig's correction; returns its file.

    Raises AddonError if it can't be kept.
    """
    rig, mapping = mapping_of(armature)
    settings = armature.vlogger
    found = match_rig(rig, descriptions())[0].bones
    listed = {row.name: row.bone or None for row in settings.bones}
    names = {joint: match.target for joint, match in found.items()}
    by_hand = {joint: bone for joint, bone in listed.items() if bone != names.get(joint)}
    old = read_correction(corrections_folder(), rig)
    changed = {(row.mesh, row.name): row.key for row in settings.keys if row.key != row.found}
    keys = {**(old.keys if old else {}), **corrected_keys(mapping, changed)}
    return save_correction(corrections_folder(), rig, Correction(by_hand, keys))
