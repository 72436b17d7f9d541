"""A character as arrays: what it takes to build a skinned, face-shaped mesh with its skeleton in a scene.

The file is an `.npz` without pickles: arrays, a JSON text, and each texture's file as bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .arrays import read_arrays
from .errors import AddonError

_ARRAYS = (
    "vertices",
    "faces",
    "uvs",
    "face_material",
    "joints",
    "joint_parents",
    "joint_indices",
    "joint_weights",
)
_MORPHS = ("morph_counts", "morph_vertices", "morph_offsets")


@dataclass(frozen=True)
class MaterialData:
    """A surface. `color` is a linear RGBA factor; `texture` is a PNG or JPEG file (sRGB), None if it has none."""

    name: str
    color: tuple[float, float, float, float]
    roughness: float
    metallic: float = 0.0
    texture: bytes | None = None
    alpha: Literal["opaque", "mask", "blend"] = "opaque"
    double_sided: bool = False


@dataclass(frozen=True)
class MorphData:
    """A face shape: `offsets` (n, 3) in metres of the vertices `vertices` (n,); the others stay."""

    name: str
    vertices: NDArray[np.int32]
    offsets: NDArray[np.float32]


@dataclass(frozen=True)
class CharacterData:
    """A character in its rest pose, in SMPL-X's coordinates (metres, Y up, facing +Z).

    vertices      : (V, 3)
    faces         : (F, 3) vertex numbers
    uvs           : (F, 3, 2) per corner, v up
    face_material : (F,) index into `materials`
    joints        : (J, 3) rest places; the rest frames are all the world's
    joint_parents : (J,), -1 for the first
    joint_indices : (V, 4) the joints that carry a vertex
    joint_weights : (V, 4) and by how much, 1 in all
    """

    name: str
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    uvs: NDArray[np.float32]
    face_material: NDArray[np.int16]
    materials: tuple[MaterialData, ...]
    joint_names: tuple[str, ...]
    joint_parents: NDArray[np.int16]
    joints: NDArray[np.float32]
    joint_indices: NDArray[np.uint8]
    joint_weights: NDArray[np.float32]
    morphs: tuple[MorphData, ...]


def save_character(path: Path, character: CharacterData) -> None:
    """Write a character's file."""
    materials = [{**asdict(material), "texture": material.texture is not None} for material in character.materials]
    texts = {
        "name": character.name,
        "materials": materials,
        "joint_names": character.joint_names,
        "morph_names": [morph.name for morph in character.morphs],
    }
    textures = {
        f"texture_{i}": np.frombuffer(material.texture, np.uint8)
        for i, material in enumerate(character.materials)
        if material.texture is not None
    }
    morphs = character.morphs
    np.savez(
        path,
        texts=np.asarray(json.dumps(texts)),
        morph_counts=np.asarray([len(morph.vertices) for morph in morphs], np.int32),
        morph_vertices=np.concatenate([np.zeros(0, np.int32), *(morph.vertices for morph in morphs)]),
        morph_offsets=np.concatenate([np.zeros((0, 3), np.float32), *(morph.offsets for morph in morphs)]),
        **{name: getattr(character, name) for name in _ARRAYS},
        **textures,
    )


def read_character(path: Path) -> CharacterData:
    """Read a character's file.

    Raises AddonError if there is no such file, or if it is not a character, with the reason.
    """
    arrays = read_arrays(path, ("texts", *_ARRAYS, *_MORPHS), "character")
    try:
        texts = json.loads(str(arrays["texts"]))
        kept = [i for i, material in enumerate(texts["materials"]) if material["texture"]]
        textures = read_arrays(path, [f"texture_{i}" for i in kept], "character")
        return CharacterData(
            name=str(texts["name"]),
            materials=tuple(_material(data, textures.get(f"texture_{i}")) for i, data in enumerate(texts["materials"])),
            joint_names=tuple(texts["joint_names"]),
            morphs=_morphs(texts["morph_names"], *(arrays[name] for name in _MORPHS)),
            **{name: arrays[name] for name in _ARRAYS},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AddonError(f"{path} is not a character ({error}). Make it again with vlogger.") from error


def _material(data: dict[str, Any], texture: NDArray[Any] | None) -> MaterialData:
    r, g, b, a = data["color"]
    return MaterialData(**{**data, "color": (r, g, b, a), "texture": None if texture is None else texture.tobytes()})


def _morphs(
    names: list[str], counts: NDArray[Any], vertices: NDArray[Any], offsets: NDArray[Any]
) -> tuple[MorphData, ...]:
    ends = np.cumsum(counts)[:-1]
    parts = zip(names, np.split(vertices, ends), np.split(offsets, ends), strict=True)
    return tuple(MorphData(name, moved, by) for name, moved, by in parts) if names else ()
