"""Random cameras, followed frame by frame, against Blender's own `world_to_camera_view`: `follow_camera.py OUT.npz`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import pi, tan
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from leave import leave
from mathutils import Vector
from odd_rigs import own_skeleton
from pose_rigs import build

from blender_addon.core.errors import AddonError
from blender_addon.scene.camera import CameraMove, watch_camera

RANDOM = np.random.default_rng(7)
FRAMES = (3.0, 10.0, 11.5, 27.0)


def turn(thing: Any, spread: float, place: tuple[float, float, float], frames: tuple[float, ...] = (1, 30)) -> None:
    """Let an object move and turn from one frame to another."""
    thing.rotation_mode = "XYZ"
    for frame in frames:
        thing.location = RANDOM.normal(0, spread, 3) + place
        thing.rotation_euler = RANDOM.normal(0, 0.3, 3)
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)


def new(name: str, data: Any = None) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def cameras() -> Iterator[tuple[str, Any, Any, tuple[int, int, int]]]:
    """Each with the rig that it looks at, and the render's width, height and percentage."""
    rig = build(own_skeleton())

    def camera(name: str, at: Any = rig, **lens: Any) -> Any:
        made = new(name, bpy.data.cameras.new(name))
        for key, value in lens.items():
            setattr(made.data, key, value)
        look = made.constraints.new("TRACK_TO")
        look.target, look.subtarget = at, "head"
        turn(made, 0.4, (0.5, -3, 1.5))
        return made

    for fit in ("AUTO", "HORIZONTAL", "VERTICAL"):
        for size in ((1920, 1080, 50), (500, 1000, 33), (640, 640, 100)):
            yield f"{fit} {size}", camera("plain", sensor_fit=fit, lens=35, sensor_height=20), rig, size
    zooming = camera("zooming")
    for frame, lens in ((1, 24), (30, 85)):
        zooming.data.lens = lens
        zooming.data.keyframe_insert("lens", frame=frame)
    yield "zooming", zooming, rig, (800, 600, 100)
    crane, arm = new("crane"), new("arm")
    crane.scale, arm.parent = (2, 2, 2), crane
    turn(crane, 0.2, (0, 0, 0))
    held = camera("held")
    held.parent, held.parent_type = arm, "OBJECT"
    held.scale = (0.3, 0.3, 0.3)
    yield "on a crane, scaled", held, rig, (800, 600, 100)
    driven = camera("driven")
    curve = driven.driver_add("delta_location", 0)
    curve.driver.expression = "frame / 30"
    yield "driven", driven, rig, (800, 600, 100)
    walking = build(own_skeleton(arms_down=40))
    turn(walking, 0.5, (0, 0, 0))
    walking.scale, walking.parent = (0.01, 0.01, 0.01), new("mover")
    walking.parent.scale = (30, 30, 30)
    turn(walking.parent, 0.3, (1, 0, 0))
    yield "of a rig that walks, scaled and carried", camera("beside", at=walking), walking, (800, 600, 100)
    scene = bpy.context.scene
    for frame, lens in ((1, 50), (11, 20)):
        scene.timeline_markers.new(f"cut {frame}", frame=frame).camera = camera(f"cut {frame}", lens=lens)
    yield "cuts at markers", zooming, rig, (800, 600, 100)
    scene.timeline_markers.clear()


def followed(scene: Any, rig: Any, placing: np.ndarray, frames: tuple[float, ...]) -> tuple[CameraMove, float]:
    """What the camera does, and the longest step."""
    steps, longest = watch_camera(scene.name, rig.name, placing, frames), 0.0
    while True:
        began = time.perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            return end.value, longest
        longest = max(longest, time.perf_counter() - began)


def pixels(move: CameraMove, index: int, points: np.ndarray) -> np.ndarray:
    """Where a pinhole camera of the service sees points (N, 3), in pixels from the lower left."""
    seen = (np.c_[points, np.ones(len(points))] @ np.linalg.inv(move.poses[index]).T)[:, :3]
    focal = move.height / 2 / tan(move.fields[index] / 2)
    return seen[:, :2] / -seen[:, 2:] * focal + np.array([move.width, move.height]) / 2


def refused(scene: Any, rig: Any, placing: np.ndarray) -> str:
    try:
        followed(scene, rig, placing, FRAMES)
    except AddonError as error:
        return str(error)
    return ""


def main() -> dict[str, Any]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene, render = bpy.context.scene, bpy.context.scene.render
    found: dict[str, Any] = {}
    names, off, moves = [], [], []
    for name, camera, rig, size in cameras():
        scene.camera = camera
        render.resolution_x, render.resolution_y, render.resolution_percentage = size
        placing = np.eye(4)
        placing[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) * RANDOM.uniform(0.5, 2)
        placing[:3, 3] = RANDOM.normal(0, 0.2, 3)
        scene.frame_set(19)
        move, _ = followed(scene, rig, placing, FRAMES)
        assert scene.frame_current == 19
        moves.append(move)
        width, height = size[0] * size[2] // 100, size[1] * size[2] // 100
        assert (move.width, move.height) == (width, height)
        points = RANDOM.normal(0, 0.3, (20, 3)) + np.array([0, 1.3, 0])
        worst = 0.0
        for index, frame in enumerate(FRAMES):
            scene.frame_set(int(frame), subframe=frame % 1)
            world = np.array(rig.matrix_world) @ placing @ np.c_[points, np.ones(20)].T
            seen = [world_to_camera_view(scene, scene.camera, Vector(point[:3])) for point in world.T]
            expected = np.array([[each.x * width, each.y * height] for each in seen])
            inside = (expected > 0).all(axis=1) & (expected < [width, height]).all(axis=1)
            worst = max(worst, np.abs(pixels(move, index, points) - expected)[inside].max(initial=0.0))
            names.append(f"{name} frame {frame}: {inside.sum()} points")
            off.append(worst if inside.any() else np.nan)
    found["names"], found["off"] = names, off
    found["poses"] = [pose for move in moves for pose in move.poses]
    found["fields"] = [field for move in moves for field in move.fields]

    scene.camera, rig = bpy.data.objects["zooming"], next(thing for thing in scene.objects if thing.type == "ARMATURE")
    before = [scene.name for scene in bpy.data.scenes], scene.frame_current, scene.camera.name
    eye = np.eye(4)
    move, found["longest"] = followed(scene, rig, eye, tuple(range(1, 400)))
    steps = watch_camera(scene.name, rig.name, eye, range(1, 400))
    next(steps)
    steps.close()
    after = [scene.name for scene in bpy.data.scenes], scene.frame_current, scene.camera.name
    found["as it was"] = before == after
    scene.camera.animation_data_clear()
    scene.camera.data.animation_data_clear()
    found["one pose"] = [len(followed(scene, rig, eye, FRAMES)[0].job(0, 3)[key]) for key in ("poses", "fields")]
    lens = scene.camera.data
    for case, (thing, name, value) in {
        "shift": (lens, "shift_x", 0.1), "ortho": (lens, "type", "ORTHO"), "pano": (lens, "type", "PANO"),
        "aspect": (render, "pixel_aspect_x", 2.0), "disabled": (scene.camera, "hide_viewport", True),
        "unequal": (rig, "scale", (1, 1, 2)), "mirrored": (rig, "scale", (-1, 1, 1)),
        "no camera": (scene, "camera", None),
    }.items():  # fmt: skip
        usual = getattr(thing, name)
        usual = tuple(usual) if name == "scale" else usual
        setattr(thing, name, value)
        bpy.context.view_layer.update()
        found[f"refused {case}"] = refused(scene, rig, eye)
        setattr(thing, name, usual)
    parent = new("sheared")
    parent.scale, parent.rotation_euler = (1, 3, 1), (0, 0, pi / 4)
    middle = new("turned")
    middle.parent, middle.rotation_euler, scene.camera.parent = parent, (0.4, 0, pi / 3), middle
    scene.camera.constraints.clear()
    found["refused sheared"] = refused(scene, rig, eye)
    found["left"] = [scene.name for scene in bpy.data.scenes]
    return {name: np.asarray(value) for name, value in found.items()}


if __name__ == "__main__":
    leave(main)
