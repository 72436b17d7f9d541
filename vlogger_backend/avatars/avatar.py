"""Avatar: a body that can be posed into a mesh. Data only; `library` makes one, `posing` poses it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..motion.names import ARKIT_NAMES, JOINT_NAMES

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_LEAST = 1e-5


@dataclass(frozen=True)
class Material:
    """What a surface looks like, in glTF's metallic-roughness terms.

    `color` is a linear RGBA factor. `texture` is a whole PNG or JPEG file (sRGB), multiplied by the factor.
    `alpha` says what the texture's alpha does: nothing, cut out, or blend.
    """

    name: str
    color: tuple[float, float, float, float]
    roughness: float
    metallic: float = 0.0
    texture: bytes | None = None
    alpha: Literal["opaque", "mask", "blend"] = "opaque"
    double_sided: bool = False

    def pixels(self, alpha: bool = False) -> NDArray[np.uint8]:
        """The texture's pixels (h, w, 3), or (h, w, 4) with its alpha; plain white if there is no texture."""
        from PIL import Image

        mode = "RGBA" if alpha else "RGB"
        if self.texture is None:
            return np.full((8, 8, len(mode)), 255, np.uint8)
        return np.asarray(Image.open(io.BytesIO(self.texture)).convert(mode))


@dataclass(frozen=True)
class Morph:
    """A sparse morph target: `offsets` (n, 3), metres, of the vertices numbered `vertices` (n,)."""

    vertices: Ints
    offsets: Floats

    @staticmethod
    def of(offsets: NDArray[np.float64]) -> Morph:
        """That of the offsets (V, 3) of all vertices; what moves less than a hundredth of a millimetre doesn't."""
        moved = np.flatnonzero(np.linalg.norm(offsets, axis=1) > _LEAST)
        return Morph(moved.astype(np.int32), offsets[moved].astype(np.float32))

    def dense(self, count: int) -> NDArray[np.float64]:
        """The offsets (count, 3) of all vertices."""
        offsets = np.zeros((count, 3))
        offsets[self.vertices] = self.offsets
        return offsets


@dataclass(frozen=True, eq=False, repr=False)
class Avatar:
    """A skinned character with ARKit morphs, in SMPL-X's T-pose.

    Arms along +-X, legs straight, metres, Y up, facing +Z, soles on y = 0; +X is the person's left. A joint's rest
    frame is the world's. Jaw and eyes move by the morphs (`jawOpen`, `eyeLook...`), so no vertex has weight on the
    joints jaw, left_eye_smplhf or right_eye_smplhf: a renderer that turned them too would do it twice.

    vertices      : (V, 3)
    faces         : (F, 3), counter-clockwise seen from outside
    uvs           : (F, 3, 2), per corner, v up as in OBJ
    face_material : (F,) index into `materials`
    joints        : (55, 3) rest positions in the order of `JOINT_NAMES`
    joint_indices : (V, 4) joints that move the vertex
    joint_weights : (V, 4) by how much; each row sums to 1
    morphs        : 52, in the order of `ARKIT_NAMES`
    """

    name: str
    vertices: Floats
    faces: Ints
    uvs: Floats
    face_material: NDArray[np.int16]
    materials: tuple[Material, ...]
    joints: Floats
    joint_indices: NDArray[np.uint8]
    joint_weights: Floats
    morphs: tuple[Morph, ...]

    def __post_init__(self) -> None:
        vertices, faces = len(self.vertices), len(self.faces)
        shapes = {
            "vertices": (self.vertices.shape, (vertices, 3)),
            "faces": (self.faces.shape, (faces, 3)),
            "uvs": (self.uvs.shape, (faces, 3, 2)),
            "face_material": (self.face_material.shape, (faces,)),
            "joints": (self.joints.shape, (len(JOINT_NAMES), 3)),
            "joint_indices": (self.joint_indices.shape, (vertices, 4)),
            "joint_weights": (self.joint_weights.shape, (vertices, 4)),
            "morphs": ((len(self.morphs),), (len(ARKIT_NAMES),)),
        }
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise ValueError(f"Avatar.{name} has shape {found}, expected {expected}")

    def faces_of(self, material: str) -> Ints:
        """The faces (n, 3) of the material with this name."""
        names = [m.name for m in self.materials]
        return np.asarray(self.faces[self.face_material == names.index(material)])
