"""A model that stands anywhere, in any pose, shaped like anybody: where its points are, and how they move with each of
these. What a fit needs to go downhill (Gauss and Newton's method)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .body_model import BodyModel, Doubles


@dataclass(frozen=True, eq=False)
class Stance:
    """How a model is shaped, posed and placed.

    betas : (S,) components of identity, and after them (E,) of expression if a fit takes them along
    turns : (J, 3, 3) rotations of the joints in their parents' frames
    scale : of the whole
    shift : (3,) after that
    """

    betas: Doubles
    turns: Doubles
    scale: float
    shift: Doubles


def at_rest(model: BodyModel, components: int) -> Stance:
    """Average, in rest pose, where the file has it."""
    return Stance(np.zeros(components), np.tile(np.eye(3), (len(model.parents), 1, 1)), 1.0, np.zeros(3))


class Moving:
    """Some of a model's points, k of them, that can be asked where they are in a stance.

    numbers : (k,) of the model's vertices
    free    : joints that a fit may turn
    sized   : whether the fit has to keep the scale
    few     : how many components a fit may use, the first ones; others are none
    """

    def __init__(
        self,
        model: BodyModel,
        numbers: NDArray[np.intp],
        free: tuple[int, ...],
        sized: bool,
        expression: bool = False,
        few: int | None = None,
    ) -> None:
        shapes = model.shapes[..., :few]
        bases = (shapes, model.expressions) if expression else (shapes,)
        self._parents = model.parents
        self._rest = model.template[numbers]
        self._basis = np.concatenate([basis[numbers] for basis in bases], axis=2)
        self._weights = model.weights[numbers]
        self._joints = model.regressor @ model.template
        count = len(model.template)
        moved = [(model.regressor @ basis.reshape(count, -1)).reshape(len(model.parents), 3, -1) for basis in bases]
        self._joint_basis = np.concatenate(moved, axis=2)
        self._bends = model.correctives.reshape(len(model.correctives), count, 3)[:, numbers]
        self._below = _below(model.parents)
        self.free = free
        self.sized = sized

    @property
    def components(self) -> int:
        """Of identity, and of expression if that is taken along."""
        return int(self._basis.shape[2])

    def places(self, stance: Stance) -> Doubles:
        """(k, 3)"""
        return self._posed(stance)[0]

    def turned(self, stance: Stance, normals: Doubles) -> Doubles:
        """Where normals (k, 3) of the template look."""
        return np.asarray(np.einsum("kj,jab,kb->ka", self._weights, self._world(stance), normals, optimize=True))

    def ways(self, stance: Stance) -> tuple[Doubles, Doubles]:
        """Where the points are (k, 3), and how each moves (k, 3, P) with components, a turn of each free joint about
        the three axes of the world, the shift and, unless it has to be kept, the scale (as a part of it)."""
        places, apart, turns, joints = self._posed(stance)
        blended = np.einsum("kj,jab->kab", self._weights, turns)
        parts = [stance.scale * (blended @ self._basis)]
        shift = np.zeros_like(self._joint_basis)
        for joint, parent in enumerate(self._parents):
            bone = self._joint_basis[joint]
            if parent >= 0:
                bone = shift[parent] + turns[parent] @ (bone - self._joint_basis[parent])
            shift[joint] = bone
        shift -= turns @ self._joint_basis
        parts[0] += stance.scale * np.tensordot(self._weights, shift, 1)
        for joint in self.free:
            below = self._weights * self._below[joint]
            arm = np.einsum("kj,kjc->kc", below, apart) - below.sum(axis=1)[:, None] * joints[joint]
            parts.append(stance.scale * np.stack([np.cross(axis, arm) for axis in np.eye(3)], axis=-1))
        parts.append(np.broadcast_to(np.eye(3), (len(places), 3, 3)))
        if not self.sized:
            parts.append((places - stance.shift)[:, :, None])
        return places, np.concatenate(parts, axis=2)

    def stepped(self, stance: Stance, step: Doubles) -> Stance:
        """The stance after a step (P,) along the ways."""
        count = self.components
        turns, world = stance.turns.copy(), self._world(stance)
        for number, joint in enumerate(self.free):
            turn = Rotation.from_rotvec(step[count + 3 * number : count + 3 * number + 3]).as_matrix()
            parent = self._parents[joint]
            above = world[parent] if parent >= 0 else np.eye(3)
            turns[joint] = above.T @ turn @ above @ turns[joint]
        rest = step[count + 3 * len(self.free) :]
        scale = stance.scale if self.sized else stance.scale * float(np.exp(np.clip(rest[3], -0.2, 0.2)))
        return replace(
            stance, betas=stance.betas + step[:count], turns=turns, scale=scale, shift=stance.shift + rest[:3]
        )

    def bent(self, stance: Stance) -> tuple[Doubles, Doubles]:
        """How far each free joint is turned, as axis-angle (f, 3), and how that changes with a small turn about the
        axes of the world (f, 3, 3)."""
        world = self._world(stance)
        above = [world[self._parents[joint]] if self._parents[joint] >= 0 else np.eye(3) for joint in self.free]
        return Rotation.from_matrix(stance.turns[list(self.free)]).as_rotvec(), np.stack(above).transpose(0, 2, 1)

    def _world(self, stance: Stance) -> Doubles:
        world = stance.turns.copy()
        for joint, parent in enumerate(self._parents):
            if parent >= 0:
                world[joint] = world[parent] @ stance.turns[joint]
        return world

    def _posed(self, stance: Stance) -> tuple[Doubles, Doubles, Doubles, Doubles]:
        """Where the points are; and before scale and shift, as each joint alone moves them (k, J, 3), the joints' turns
        in the world (J, 3, 3) and places (J, 3)."""
        shaped = self._rest + self._basis @ stance.betas
        bones = self._joints + self._joint_basis @ stance.betas
        if len(self._bends):
            features = (stance.turns[1:] - np.eye(3)).ravel()
            used = np.flatnonzero(np.abs(features) > 1e-12)
            shaped = shaped + np.tensordot(features[used], self._bends[used], 1)
        turns = self._world(stance)
        joints = bones.copy()
        for joint, parent in enumerate(self._parents):
            if parent >= 0:
                joints[joint] = joints[parent] + turns[parent] @ (bones[joint] - bones[parent])
        apart = np.einsum("jab,kb->kja", turns, shaped) + (joints - np.einsum("jab,jb->ja", turns, bones))
        places = np.einsum("kj,kjc->kc", self._weights, apart)
        return stance.scale * places + stance.shift, apart, turns, joints


def _below(parents: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(J, J) whether the second joint is the first or hangs on it."""
    below = np.eye(len(parents), dtype=bool)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            below[:, joint] |= below[:, parent]
    return below
