"""What an animator does who has SMPL-X: `use_models.py OUT.npz FOLDER PYTHON SOUND`.

FOLDER holds `own.npz`, a character with shape keys of an expression, and `recorded.npz`, a sequence with coefficients.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from read_file import curves, mesh_points
from use_panel import PACKAGE, PATIENCE, refused, said, work

from blender_addon.core.rotations import to_vectors

FRAME = 60


def expression_keys(mesh: Any) -> dict[str, np.ndarray]:
    """Frames and values of all curves of the face, by key."""
    found = {}
    for curve in curves(mesh.data.shape_keys.animation_data.action):
        if curve.data_path.startswith("key_blocks"):
            points = np.array([tuple(point.co) for point in curve.keyframe_points])
            found[curve.data_path.split('"')[1]] = points
    return found


def values(mesh: Any, names: list[str]) -> np.ndarray:
    """The keys' values (T, n), all of them keyed on every frame; one that keeps still has one key."""
    found = expression_keys(mesh)
    frames = max(len(found[name]) for name in names)
    return np.stack([np.broadcast_to(found[name][:, 1], frames) for name in names], axis=1)


def shape_seen(armature: Any, mesh: Any, frame: int) -> dict[str, np.ndarray]:
    """The mesh as its shape keys alone make it, and how far the jaw bone is turned."""
    bpy.context.scene.frame_set(frame)
    mesh.modifiers[0].show_viewport = False
    points = mesh_points(mesh)
    mesh.modifiers[0].show_viewport = True
    turn = np.array(armature.pose.bones["jaw"].matrix_basis.to_quaternion())
    return {"points": points, "jaw": np.linalg.norm(to_vectors(turn))}


def known_models(until: Any) -> list[str]:
    """What the panel lists, as soon as it is so."""
    from blender_addon.ui.models import models
    from blender_addon.ui.session import session

    end = time.monotonic() + PATIENCE
    while not until([model.name for model in models()]) and time.monotonic() < end:
        session().tick()
        time.sleep(0.02)
    return [model.name for model in models()]


def main(folder: str, python: str, sound: str) -> dict[str, Any]:
    import addon_utils

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.character import read_character
    from blender_addon.core.take import read_take
    from blender_addon.scene.character import body_of, build_character
    from blender_addon.ui.answers import Answers
    from blender_addon.ui.models import performer
    from blender_addon.ui.session import session

    home = Path(folder)
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(home / "library")
    scene, panel = bpy.context.scene, bpy.ops.vlogger
    scene.render.fps, scene.frame_current = 25, 1
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    settings = scene.vlogger
    settings.file = sound
    found: dict[str, Any] = {}

    # The service tells its models; a character is made of one
    session().client.connect()
    session().answers = Answers(fresh=0.0)
    found["models"] = known_models(bool)
    found["menu"] = [settings.model, *_menu()]
    settings.models = "mine"
    found["chosen"] = settings.model
    settings.models = "*"
    found["automatic"] = settings.model
    panel.add_character(model="nobody")
    work()
    found["no such body"] = said()
    panel.add_character(model="mine")
    work()
    made = bpy.context.view_layer.objects.active
    skin = made.children[0]
    found["made of"] = str(body_of(made)[0])
    found["made"] = [len(skin.data.vertices), len(skin.data.shape_keys.key_blocks) - 1]
    panel.animate()
    work()
    take = made.vlogger_takes[0]
    found["made said"] = said()
    found["made request"] = json.dumps(json.loads(take.action["vlogger"])["request"])
    found["made keys"] = sorted(expression_keys(skin))
    head = made.data.bones["head"].head_local
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (head[0], head[1] - 0.7, head[2] + 0.05), (np.pi / 2, 0, 0)
    scene.camera, scene.frame_start, scene.frame_end = camera, FRAME, FRAME
    scene.render.resolution_x = scene.render.resolution_y = 128
    panel.render_frames()
    work()
    found["drawn"] = [said(), str(next(home.glob("vlogger/* pictures/frames/*.png"), ""))]
    scene.frame_start, scene.frame_end = 1, 250

    # Someone's own character, as Meshcapade's add-on makes one
    own = build_character(bpy.context, read_character(home / "own.npz"))
    armature, mesh = own.armature, own.mesh
    for thing in bpy.context.selected_objects:
        thing.select_set(False)
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature
    found["performer"] = [performer(scene, armature), performer(scene, made)]
    names_of = made.name, armature.name
    bpy.ops.ed.undo_push(message="own")
    panel.animate()
    work()
    take = armature.vlogger_takes[0]
    found["own said"], found["own path"] = said(), take.path
    names = sorted(expression_keys(mesh))
    found["own keys"] = names
    found["own values"] = plain = values(mesh, names)
    found["sliders"] = [[key.slider_min, key.slider_max] for key in mesh.data.shape_keys.key_blocks[1:]]
    found |= {f"own {what}": seen for what, seen in shape_seen(armature, mesh, FRAME).items()}
    found["own rest"] = np.array([tuple(v.co) for v in mesh.data.vertices])

    panel.match_rig()
    rig = armature.vlogger
    found["rig"] = [rig.face_kind, str(rig.face_keys), rig.problems]
    found["doubts"] = [row.doubt for row in rig.keys]

    # Undone and done again
    bpy.ops.ed.undo_push(message="take")
    bpy.ops.ed.undo()
    work()
    mesh = bpy.data.objects[names_of[1]].children[0]
    animated = mesh.data.shape_keys.animation_data
    found["undone"] = [len(mesh.parent.vlogger_takes), animated is not None and animated.action is not None]
    bpy.ops.ed.redo()
    work()
    made, armature = (bpy.data.objects[name] for name in names_of)
    mesh, scene = armature.children[0], bpy.context.scene
    settings = scene.vlogger
    found["redone"] = np.abs(values(mesh, names) - plain).max()

    # Dials, pins, few keys
    take = armature.vlogger_takes[0]
    take.blink = 0.0
    work()
    found["no blinks"] = values(mesh, names)
    panel.reset_dials()
    work()
    found["reset"] = np.abs(values(mesh, names) - plain).max()
    curve = next(
        c
        for c in curves(mesh.data.shape_keys.animation_data.action)
        if c.data_path == f'key_blocks["{names[0]}"].value'
    )
    curve.keyframe_points[20].co.y = -4.5
    curve.keyframe_points[20].type = "EXTREME"
    panel.rekey()
    work()
    pinned = values(mesh, names)[:, 0]
    scene.frame_set(21)
    found["pinned"] = [pinned[20], np.abs(pinned[40:] - plain[40:, 0]).max()]
    found["pin seen"] = (
        mesh.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks[names[0]].value
    )
    panel.reduce_keys(degrees=0.5, millimetres=0.5)
    work()
    animated = curves(mesh.data.shape_keys.animation_data.action)
    few = {c.data_path: c for c in animated if c.data_path.startswith("key_blocks")}
    found["few"] = sum(len(c.keyframe_points) for c in few.values()) / plain.size
    found["few values"] = np.transpose(
        [[few[f'key_blocks["{name}"].value'].evaluate(1 + i) for i in range(len(plain))] for name in names]
    )

    panel.export_takes(folder=str(home), preset="UNITY")
    found["exported"] = said()
    found["fbx"] = f"{take.name}.fbx"

    # A recording with coefficients of its own
    panel.import_take(filepath=str(home / "recorded.npz"))
    work()
    found["recorded"] = values(mesh, names)
    found["recorded said"] = said()

    # The models go
    settings.model = "mine"
    cli = [python, "-m", "vlogger_backend.cli", "models", "remove"]
    subprocess.run([*cli, "mine"], check=True)
    panel.animate()
    work()
    found["gone"] = said()
    settings.model = ""
    subprocess.run([*cli, "z-head"], check=True)
    known_models(lambda names: not names)
    found["none left"] = _menu()
    before = len(armature.vlogger_takes)
    panel.animate()
    work()
    found["without"] = [said(), str(len(armature.vlogger_takes) - before)]
    found["without keys"] = values(mesh, names)
    settings.rig = made
    panel.animate()
    work()
    found["made again"] = [said(), *(str(key) for key in sorted(expression_keys(made.children[0]))[:1])]
    panel.same_again()
    found["its settings"] = settings.model
    armature.vlogger_take = 0
    settings.rig = armature
    panel.same_again()
    found["settings of the first"] = settings.model
    found["refused"] = refused(panel.animate)
    session().keying.cancel(armature.name)
    work()
    assert read_take(Path(found["own path"])).model_face is not None
    addon_utils.disable(PACKAGE)
    return found


def _menu() -> list[str]:
    from blender_addon.ui.properties import _models

    return [f"{name}:{label}" for name, label, _ in _models()]


if __name__ == "__main__":
    leave(main)
