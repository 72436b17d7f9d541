"""BVH files of rigs that perform takes, written with scipy, independently of what reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from blender_addon.core.retarget import retarget
from blender_addon.core.rig import Rig, RigMapping
from blender_addon.core.take import Take

Y_UP = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
"""From Blender's axes to those of most BVH files."""
Z_UP = np.eye(3)


@dataclass(frozen=True)
class Style:
    """How a program writes BVH.

    orders : the rotation channels of each joint, in turn
    axes   : from Blender's axes to the file's; `unit` its units a metre
    twisted: a seed for joints whose axes are not the room's at rest, so that zero angles are no one's pose; 0 for none
    rest   : whether the first frame is the rest pose
    everywhere : whether every joint has position channels
    """

    orders: Sequence[str] = ("ZXY",)
    axes: np.ndarray = field(default_factory=lambda: Y_UP)
    unit: float = 100.0
    twisted: int = 0
    rest: bool = False
    everywhere: bool = False
    newline: str = "\n"
    indent: str = "\t"
    frame_time: str = ""


def written(take: Take, rig: Rig, mapping: RigMapping, style: Style = Style()) -> str:
    """The text of a BVH file in which the rig performs the take."""
    motion = retarget(take, rig, mapping)
    bones = {bone.name: bone for bone in rig.bones}
    frames = len(take)
    random = np.random.default_rng(style.twisted)
    own = {name: Rotation.random(random_state=random) if style.twisted else Rotation.identity() for name in bones}
    lines: list[str] = ["HIERARCHY"]
    columns: list[np.ndarray] = []

    def turned(name: str) -> Rotation:
        """How a joint turns in its parent."""
        parent = bones[name].parent
        above = own[parent] if parent else Rotation.identity()
        axes = Rotation.from_matrix(style.axes @ bones[name].axes)
        local = motion.rotations.get(name, np.array([[1.0, 0, 0, 0]]))
        local = axes * Rotation.from_quat(np.broadcast_to(local, (frames, 4))[:, [1, 2, 3, 0]]) * axes.inv()
        return above.inv() * local * own[name]

    def offset(name: str, place: np.ndarray) -> np.ndarray:
        return own[name].inv().apply(style.axes @ place * style.unit)

    def add(name: str, depth: int, number: int) -> int:
        bone, tab = bones[name], style.indent * depth
        start = bones[bone.parent].head if bone.parent else np.zeros(3)
        place = offset(bone.parent, bone.head - start) if bone.parent else style.axes @ bone.head * style.unit
        order = style.orders[number % len(style.orders)]
        channels = [f"{axis}rotation" for axis in order]
        if bone.parent is None or style.everywhere or name in motion.locations:
            channels = ["Xposition", "Yposition", "Zposition", *channels]
            moved = motion.locations.get(name, np.zeros((frames, 3)))
            axes = bone.axes if bone.local_location else np.eye(3)
            shift = style.axes @ axes @ moved.T * style.unit
            columns.append(place + (own[bone.parent].inv().apply(shift.T) if bone.parent else shift.T))
        columns.append(turned(name).as_euler(order, degrees=True))
        lines.extend([
            f"{tab}{'JOINT' if depth else 'ROOT'} {name}", f"{tab}{{",
            f"{tab}{style.indent}OFFSET {place[0]:.6f} {place[1]:.6f} {place[2]:.6f}",
            f"{tab}{style.indent}CHANNELS {len(channels)} {' '.join(channels)}",
        ])  # fmt: skip
        number += 1
        below = [other.name for other in rig.bones if other.parent == name]
        for other in below:
            number = add(other, depth + 1, number)
        if not below:
            end = offset(name, bone.tail - bone.head)
            lines.extend([
                f"{tab}{style.indent}End Site", f"{tab}{style.indent}{{",
                f"{tab}{style.indent * 2}OFFSET {end[0]:.6f} {end[1]:.6f} {end[2]:.6f}", f"{tab}{style.indent}}}",
            ])  # fmt: skip
        lines.append(f"{tab}}}")
        return number

    add(rig.bones[0].name, 0, 0)
    values = np.concatenate(columns, axis=1)
    if style.rest:
        values = np.concatenate([np.zeros((1, values.shape[1])), values])
    lines += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {style.frame_time or f'{1 / take.fps:.7f}'}"]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in values]
    return style.newline.join(lines) + style.newline


def changed(text: str, change: Callable[[list[str]], list[str]]) -> str:
    return "\n".join(change(text.split("\n")))
