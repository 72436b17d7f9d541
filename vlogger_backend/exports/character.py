"""An avatar as a file that the add-on reads, to build the character in a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender_addon.core.character import CharacterData, MaterialData, MorphData, save_character

from ..avatars.avatar import Avatar
from ..errors import InputError
from ..files import writing
from ..motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS


def write_character(path: Path, avatar: Avatar) -> None:
    """Write the avatar in its rest pose as the add-on's character file (`blender_addon/core/character.py`), an `.npz`.

    The same avatar gives the same bytes.

    Raises InputError if `path` can't be written or doesn't end in .npz.
    """
    character = CharacterData(
        name=avatar.name,
        vertices=avatar.vertices,
        faces=avatar.faces,
        uvs=avatar.uvs,
        face_material=avatar.face_material,
        materials=tuple(MaterialData(**vars(material)) for material in avatar.materials),
        joint_names=JOINT_NAMES,
        joint_parents=np.array(JOINT_PARENTS, np.int16),
        joints=avatar.joints,
        joint_indices=avatar.joint_indices,
        joint_weights=avatar.joint_weights,
        morphs=tuple(
            MorphData(name, morph.vertices, morph.offsets)
            for name, morph in zip(ARKIT_NAMES, avatar.morphs, strict=True)
        ),
    )
    if path.suffix != ".npz":
        raise InputError(f"{path} can't be a character file: its name must end in .npz.")
    with writing(path) as temporary:
        save_character(temporary, character)
