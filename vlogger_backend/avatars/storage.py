"""Avatars as files: one compressed .npz without pickles, small enough to ship."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..files import write_npz
from ..request import Body
from .avatar import Avatar, Material, Morph

FORMAT = 1
SHIPPED = {
    Body(): Path(__file__).parent / "data" / "default.npz",
    Body(gender=1.0): Path(__file__).parent / "data" / "woman.npz",
}
"""The bodies that nobody waits for; `python -m vlogger_backend.avatars.build` makes them."""


def save_avatar(avatar: Avatar, path: Path) -> None:
    """Write `avatar` to `path`. Morph offsets are kept to 0.02 mm, weights to 1/65535; the same avatar, same bytes.

    Raises InputError if the file can't be written.
    """
    materials = [
        {key: value for key, value in vars(material).items() if key != "texture"} for material in avatar.materials
    ]
    textures = {
        f"texture{i}": np.frombuffer(material.texture, np.uint8)
        for i, material in enumerate(avatar.materials)
        if material.texture is not None
    }
    arrays = {
        "meta": np.array(json.dumps({"format": FORMAT, "name": avatar.name, "materials": materials})),
        "vertices": avatar.vertices,
        "faces": avatar.faces,
        "uvs": np.rint(avatar.uvs * 65535).astype(np.uint16),
        "face_material": avatar.face_material,
        "joints": avatar.joints,
        "joint_indices": avatar.joint_indices,
        "joint_weights": np.rint(avatar.joint_weights * 65535).astype(np.uint16),
        "morph_sizes": np.array([len(morph.vertices) for morph in avatar.morphs], np.int32),
        "morph_vertices": np.concatenate([morph.vertices for morph in avatar.morphs]),
        "morph_offsets": np.concatenate([morph.offsets for morph in avatar.morphs]).astype(np.float16),
        **textures,
    }
    write_npz(path, arrays)


def read_avatar(path: Path) -> Avatar:
    """Read an avatar that `save_avatar` wrote.

    Raises ValueError, OSError, KeyError or zipfile.BadZipFile if the file is no such thing or is damaged.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(str(arrays["meta"]))
    if meta["format"] != FORMAT:
        raise ValueError(f"{path} has avatar format {meta['format']}, expected {FORMAT}")
    weights = arrays["joint_weights"].astype(np.float32)
    ends = np.cumsum(arrays["morph_sizes"])[:-1]
    return Avatar(
        name=meta["name"],
        vertices=arrays["vertices"],
        faces=arrays["faces"],
        uvs=arrays["uvs"].astype(np.float32) / 65535,
        face_material=arrays["face_material"],
        materials=tuple(
            Material(
                **{**material, "color": tuple(material["color"])},
                texture=arrays[f"texture{i}"].tobytes() if f"texture{i}" in arrays else None,
            )
            for i, material in enumerate(meta["materials"])
        ),
        joints=arrays["joints"],
        joint_indices=arrays["joint_indices"],
        joint_weights=weights / weights.sum(axis=1, keepdims=True),
        morphs=tuple(
            Morph(vertices, offsets.astype(np.float32))
            for vertices, offsets in zip(
                np.split(arrays["morph_vertices"], ends), np.split(arrays["morph_offsets"], ends), strict=True
            )
        ),
    )
