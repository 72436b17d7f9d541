"""What in a scene keeps a take from showing on a rig: told before anything is keyed, with what to do about it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import AddonError
from ..core.expressions import by_component
from ..core.rig import RigMapping
from .carriers import measured_carriers
from .rigs import KEY_PATH, driven_names, face_meshes, held_bones

_HARMLESS = ("STRETCH_TO", "MAINTAIN_VOLUME", "LIMIT_SCALE", "COPY_SCALE", "CHILD_OF", "ACTION")
"""Constraints that don't turn a bone, or that work on top of its keys."""


def usable(scene: Any, armature: Any, mapping: RigMapping) -> Generator[bool, None, tuple[RigMapping, list[str]]]:
    """The part of a mapping that keys can move, and sentences on the rest and on whatever else would hide the keys.

    Its `carriers` are replaced by measured ones: bones that constraints leave in doubt are turned for a moment. That
    takes a while, so this is a generator, each step of which is short.
    Raises AddonError if the rig can't be animated at all.
    """
    check_free(armature)
    bones = {joint: match.target for joint, match in mapping.bones.items() if match.target in armature.pose.bones}
    driven, locked = (names & set(bones.values()) for names in held_bones(armature))
    notes = _constraints(armature, set(bones.values()) - driven - locked)
    if driven:
        notes.append(f"Turned by drivers, so left alone: {_listed(driven)}. Delete the drivers to animate these bones.")
    if locked:
        notes.append(
            f"Locked, so left alone: {_listed(locked)}. Unlock the rotation in the sidebar to animate these bones."
        )
    face, more = _face(armature, mapping)
    kept = {joint: match for joint, match in mapping.bones.items() if match.target not in driven | locked}
    kept_mapping = replace(mapping, bones=kept, face=face)
    carriers = yield from measured_carriers(scene, armature, kept_mapping)
    return replace(kept_mapping, carriers=carriers), [*_hidden(armature), *notes, *more]


def check_free(armature: Any) -> None:
    """Raises AddonError if keys on this armature, or on its face, can't be set at all."""
    if armature.library is not None:
        raise AddonError(
            f"{armature.name} is linked from {Path(armature.library.filepath).name} and can't be animated here. "
            "Make it a library override: Object > Library Override > Make."
        )
    override = armature.override_library
    if override is not None and override.is_system_override:
        raise AddonError(
            f"{armature.name} is a library override that can't be edited. "
            "Make it editable: Object > Library Override > Make."
        )
    for thing in (armature, *(mesh.data.shape_keys for mesh in face_meshes(armature))):
        if thing.animation_data is not None and thing.animation_data.use_tweak_mode:
            raise AddonError(
                f"An NLA strip of {thing.name} is being tweaked. Leave tweak mode with Tab, then try again."
            )


def _hidden(armature: Any) -> list[str]:
    """What hides keys of any kind."""
    found = []
    if armature.data.pose_position == "REST":
        found.append(
            f"{armature.name} is shown in its rest position. To see the take, choose Pose Position in its data."
        )
    data = armature.animation_data
    if data is not None:
        if any(track.is_solo for track in data.nla_tracks):
            found.append(f"An NLA track of {armature.name} plays solo and hides the take. Click its star to end that.")
        if data.action_influence < 1 or data.action_blend_type != "REPLACE":
            found.append(
                f"Actions are mixed into {armature.name} in part only. "
                "In the NLA editor, set the Action's influence to 1 and its blending to Replace."
            )
    return found


def _constraints(armature: Any, names: set[str]) -> list[str]:
    held: dict[str, str] = {}
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            if constraint.mute or constraint.influence == 0 or constraint.type in _HARMLESS:
                continue
            chain = [bone]
            if constraint.type in ("IK", "SPLINE_IK"):
                above = list(bone.parent_recursive)
                chain += above[: constraint.chain_count - 1] if constraint.chain_count else above
            held |= {one.name: constraint.name for one in chain if one.name in names and one.name not in held}
    if not held:
        return []
    which = sorted(set(held.values()))
    return [
        f"Constraints ({_listed(which)}) may override the keys of {_listed(held)}. "
        "Mute them, or assign the bones that control these."
    ]


def _face(armature: Any, mapping: RigMapping) -> tuple[dict[tuple[str, str], Any], list[str]]:
    """The part of the mapping's face that can be keyed."""
    meshes = {mesh.name: mesh for mesh in face_meshes(armature)}
    linked, pinned, driven, muted, narrow = set(), set(), set(), set(), set()
    face = {}
    by_drivers = {name: driven_names(mesh.data.shape_keys, KEY_PATH) for name, mesh in meshes.items()}
    for (name, key), parts in mapping.face.items():
        mesh = meshes.get(name)
        block = mesh.data.shape_keys.key_blocks.get(key) if mesh is not None else None
        if mesh is None or block is None:
            face[name, key] = parts  # retargeting says that it is gone
            continue
        keys = mesh.data.shape_keys
        if keys.library is not None:
            linked.add(name)
        elif key in by_drivers[name]:
            driven.add(key)
        else:
            face[name, key] = parts
            if block.mute:
                muted.add(key)
            if mesh.show_only_shape_key:
                pinned.add(name)
            if mesh.data.override_library is not None and by_component(parts) and block.slider_min >= 0:
                narrow.add(name)
    sentences = (
        (linked, "Linked, so left alone: the shape keys of {}. Make the mesh a library override too."),
        (pinned, "Only one shape key shows on {}. Unpin it, beside the list of shape keys, to see the take."),
        (driven, "Moved by drivers, so left alone: the shape keys {}. Delete the drivers to animate them."),
        (muted, "Muted, so not seen: the shape keys {}. Tick them in the list of shape keys."),
        (
            narrow,
            "Blender forgets sliders' ranges of library overrides when it is closed, and holds the expression of {} "
            "between 0 and 1 then. Widen the ranges in the library's own file, to -10 and 10.",
        ),
    )
    return face, [sentence.format(_listed(names)) for names, sentence in sentences if names]


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
