"""What it costs to put a take on a rig in Blender: 55 bones that all move, and 52 shape keys.

    python benchmarks/keying.py                        # in this Python, which has the bpy module
    python benchmarks/keying.py PYTHON...              # in others, one after the other (see tests/blender/conftest.py)
    python benchmarks/keying.py PYTHON... --take TAKE.npz TAKE.npz...  # and how many keys real takes need

`retarget` is done in a thread by the add-on; `land` is the sum of the steps that hold Blender's window, `longest step`
the longest of them. `fewer keys` have a bound of 0.5 degrees and 0.5 mm, and are found in a thread too. On a machine
that is busy with other things, look at the processor's own seconds: `together` is what a clock on the wall says.
Of real takes, a second table compares what Blender makes of the few keys with what it makes of a key on every frame:
how far bones are off by themselves and in the room, ankles, and the point that a shape key moves the most (1 cm here).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
LENGTHS = ((60.0, 30.0), (60.0, 60.0), (600.0, 60.0))
FEW = (
    f"{'Blender':<12}{'take':<24}{'keys':>9}{'fewer':>8}{'times':>7}{'own turn, deg':>16}{'in the room':>14}"
    f"{'ankles mm':>14}{'face mm':>13}\n{'':<60}{'':<4}" + "    95 %   max" * 4
)
TITLE = (
    f"{'Blender':<12}{'take':<24}{'keys':>11}{'retarget s':>12}{'land s':>9}{'together s':>12}{'processor s':>13}"
    f"{'longest step ms':>17}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", default=[sys.executable])
    parser.add_argument("--take", type=Path, nargs="*", default=[])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.take)
        sys.stdout.flush()
        os._exit(0)  # bpy's teardown can hang
    print(TITLE)
    for python in options.python:
        real = ["--take", *map(str, options.take)] if options.take else []
        subprocess.run([python, str(HERE), "--inside", *real], check=True)


def measure(paths: list[Path]) -> None:
    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "tests/addon")]
    import bpy

    from blender_addon.core.simplify import Bound
    from blender_addon.core.take import read_take

    version = bpy.app.version_string.split()[0]
    for seconds, fps in LENGTHS:
        row(version, f"{seconds:.0f} s at {fps:.0f} fps", lively_take(seconds, fps))
    rows = []
    for path in paths:
        take = read_take(path)
        dense = row(version, f"{path.stem}, {take.fps:g} fps", take)
        expected = played(len(take))
        few = row(version, "  fewer keys", take, Bound())
        errors = [f"{np.percentile(off, 95):8.2f}{off.max():6.2f}" for off in compared(expected, played(len(take)))]
        name = f"{path.stem}, {take.fps:g} fps"
        rows.append(f"{version:<12}{name:<24}{dense:>9,}{few:>8,}{dense / few:>7.1f}    {''.join(errors)}")
    if rows:
        print("\n".join([FEW, *rows]))


def played(frames: int) -> list[Any]:
    """What Blender makes of the keys: bones in the armature (T, B, 4, 4), by themselves, and shape keys (T, K)."""
    import bpy

    armature, keys = bpy.data.objects["Rig"], bpy.data.objects["Face"].data.shape_keys
    found: list[Any] = [[], [], []]
    for frame in range(0, frames, 3):
        bpy.context.scene.frame_set(frame)
        found[0].append([np.array(bone.matrix) for bone in armature.pose.bones])
        found[1].append([np.array(bone.matrix_basis) for bone in armature.pose.bones])
        found[2].append([key.value for key in keys.key_blocks])
    return [np.array(part) for part in found]


def compared(one: list[Any], other: list[Any]) -> list[Any]:
    """How far off: each bone's own turn and its turn in the room, degrees; ankles and face, millimetres."""
    import bpy

    def angles(a: Any, b: Any) -> Any:
        cosines = (np.einsum("tbij,tbij->tb", a[..., :3, :3], b[..., :3, :3]) - 1) / 2
        return np.degrees(np.arccos(np.clip(cosines, -1, 1)))

    ankles = [i for i, bone in enumerate(bpy.data.objects["Rig"].pose.bones) if bone.name.endswith("ankle")]
    feet = np.linalg.norm((one[0] - other[0])[:, ankles, :3, 3], axis=2) * 1000
    return [angles(one[1], other[1]), angles(one[0], other[0]), feet, np.abs(one[2] - other[2]) * 10]


def row(version: str, name: str, take: Any, bound: Any = None) -> int:
    """Put a take on a rig, print what it cost, and return how many keys there are."""
    from blender_addon.core.retarget import retarget
    from blender_addon.scene.landing import key_in_slices
    from blender_addon.scene.rigs import read_rig

    scene, armature, mapping = new_scene(take)
    rig = read_rig(armature)
    start, own = time.perf_counter(), time.process_time()
    motion = retarget(take, rig, mapping)
    prepared = time.perf_counter() - start
    steps = timed(key_in_slices(scene, armature, motion, "Take", bound=bound))
    own = time.process_time() - own
    keys, landed = key_count(), sum(steps)
    print(
        f"{version:<12}{name:<24}{keys:>11,}{prepared:>12.2f}{landed:>9.2f}{prepared + landed:>12.2f}"
        f"{own:>13.2f}{1000 * max(steps):>17.1f}"
    )
    return keys


def timed(steps: Any) -> list[float]:
    """How long each step of a generator took."""
    found = []
    while True:
        start = time.perf_counter()
        done = next(steps, None) is None
        found.append(time.perf_counter() - start)
        if done:
            return found


def key_count() -> int:
    import bpy

    count = 0
    for action in bpy.data.actions:
        bags = (
            [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
            if hasattr(action, "layers")
            else [action]
        )
        count += sum(len(curve.keyframe_points) for bag in bags for curve in bag.fcurves)
    return count


def new_scene(take: Any) -> tuple[Any, Any, Any]:
    """An armature with the takes' joints in an A-pose, and a mesh on it whose 52 shape keys move a point by 1 cm."""
    import bpy
    from bodies import rig_of

    from blender_addon.core.rig import RigMapping
    from blender_addon.scene.actions import set_frame_rate

    bpy.ops.wm.read_factory_settings(use_empty=True)
    rig, by_name = rig_of(arms_down=45)
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in rig.bones:
        made = armature.data.edit_bones.new(bone.name)
        made.head, made.tail = bone.head, bone.tail
        made.parent = armature.data.edit_bones[bone.parent] if bone.parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    data = bpy.data.meshes.new("Face")
    data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mesh = bpy.data.objects.new("Face", data)
    bpy.context.collection.objects.link(mesh)
    mesh.parent = armature
    mesh.shape_key_add(name="Basis")
    for name in take.face_names[-52:]:
        mesh.shape_key_add(name=name).data[0].co.z = 0.01
    set_frame_rate(bpy.context.scene, take.fps)
    bpy.context.view_layer.update()
    face = {("Face", name): {name: 1.0} for name in take.face_names[-52:]}
    return bpy.context.scene, armature, RigMapping("", by_name.bones, face, jaw=0.35)


def lively_take(seconds: float, fps: float) -> Any:
    """Everything moves all the time, as fast as a lively speaker: 0.1 to 2 Hz, faces to 3."""
    from blender_addon.core.names import JOINT_NAMES
    from blender_addon.core.take import Take

    frames = int(seconds * fps)
    rng = np.random.default_rng(1)
    time = np.arange(frames)[:, None] / fps

    def waves(count: int, fastest: float) -> Any:
        speed, phase = rng.uniform(0.1, fastest, (3, 1, count)), rng.uniform(0, 6, (3, 1, count))
        return np.sin(2 * np.pi * speed * time + phase).sum(axis=0) / 3

    poses = 0.3 * waves(len(JOINT_NAMES) * 3, 2.0).reshape(frames, -1, 3)
    face = np.clip(0.5 + 0.5 * waves(52, 3.0), 0, 1)
    names = ("jawOpen", *(f"shape{i}" for i in range(52)))
    face = np.concatenate([face[:, :1], face], axis=1)
    trans = 0.02 * waves(3, 0.5)
    return Take(fps, poses.astype(np.float32), trans.astype(np.float32), face.astype(np.float32), names)


if __name__ == "__main__":
    main()
