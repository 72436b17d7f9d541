"""A body model as its file gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...motion.names import EYE_JOINTS, JOINT_NAMES, JOINT_PARENTS

Kind = Literal["smplx", "smplh", "flame"]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Structure:
    """What all models of a kind have in common.

    vertices : how many
    joints   : (J,) names in vlogger's words (`motion.names`), "" for one that we have no name for
    parents  : (J,) -1 for the first
    """

    vertices: int
    joints: tuple[str, ...]
    parents: tuple[int, ...]


_WITHOUT_FACE = [joint for joint, name in enumerate(JOINT_NAMES) if name not in ("jaw", *EYE_JOINTS)]
STRUCTURES: dict[Kind, Structure] = {
    "smplx": Structure(10475, JOINT_NAMES, JOINT_PARENTS),
    "smplh": Structure(
        6890,
        tuple(JOINT_NAMES[joint] for joint in _WITHOUT_FACE),
        (-1, *(_WITHOUT_FACE.index(JOINT_PARENTS[joint]) for joint in _WITHOUT_FACE[1:])),
    ),
    "flame": Structure(5023, ("", "neck", "jaw", *EYE_JOINTS), (-1, 0, 1, 1, 1)),
}


@dataclass(frozen=True, eq=False)
class LandmarkEmbedding:
    """Where the 51 landmarks of the iBUG scheme without the jaw line are on the mesh (brows, nose, eyes, lips).

    faces  : (51,) the triangle that each is in
    shares : (51, 3) its barycentric coordinates there
    """

    faces: Ints
    shares: Doubles


@dataclass(frozen=True, eq=False)
class BodyModel:
    """SMPL-X, SMPL-H or FLAME (Pavlakos et al. 2019, Romero et al. 2017, Li et al. 2017), metres, Y up, facing +Z.

    V vertices, F triangles, J joints, S identity and E expression components.

    kind        : which of the three
    title       : what to call it before a person, for example "SMPL-X neutral 2020"
    template    : (V, 3)
    faces       : (F, 3)
    shapes      : (V, 3, S) offsets of one unit of each identity component
    expressions : (V, 3, E) offsets of one unit of each expression component; E is 0 for SMPL-H
    correctives : (P, V * 3) pose correctives of the joints after the first, P = 9 (J - 1), as the files have them
    regressor   : (J, V) sparse; joints of a shaped template
    weights     : (V, J) skinning weights, rows sum to one
    parents     : (J,) -1 for the first
    joints      : (J,) names in vlogger's words (`motion.names`), "" for one that we have no name for
    landmarks   : of the face, or None if the file has none
    """

    kind: Kind
    title: str
    template: Doubles
    faces: Ints
    shapes: Doubles
    expressions: Doubles
    correctives: Doubles
    regressor: sparse.csr_matrix
    weights: Doubles
    parents: Ints
    joints: tuple[str, ...]
    landmarks: LandmarkEmbedding | None
