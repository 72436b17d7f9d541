"""What an animator does in the panel, with a real service: `use_panel.py OUT.npz FOLDER PYTHON CHARACTER SOUND`."""

from __future__ import annotations

import json
import time
import wave
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from read_file import curves

PACKAGE = "blender_addon"
PATIENCE = 60.0


def work() -> None:
    """Blender's timer, by hand, until nothing is left to be made or keyed."""
    from blender_addon.ui.session import session

    end = time.monotonic() + PATIENCE
    while session().active and time.monotonic() < end:
        time.sleep(min(session().tick(), 0.02))
    assert not session().active, session().notices.latest


def said() -> str:
    from blender_addon.ui.session import session

    notice = session().notices.latest
    return notice.sentence if notice else ""


def refused(act: Any, **options: Any) -> str:
    """The sentence with which an operator refuses, or the words of its grey button."""
    try:
        act(**options)
    except RuntimeError as error:
        return str(error).removeprefix("Error: ").strip()
    return ""


def repeated(sound: str, path: Path, times: int) -> str:
    """A sound that takes the service a while: its first curves come long before the last."""
    with wave.open(sound) as short, wave.open(str(path), "wb") as long:
        long.setparams(short.getparams())
        long.writeframes(short.readframes(short.getnframes()) * times)
    return str(path)


def take_keys(armature: Any) -> dict[str, Any]:
    """Keys of the head and the jaw, as they are in the Actions now."""
    mesh = next(child for child in armature.children if child.type == "MESH")
    actions = [owner.animation_data.action for owner in (armature, mesh.data.shape_keys)]
    found = {}
    for action in dict.fromkeys(actions):
        for curve in curves(action):
            if curve.data_path in ('pose.bones["head"].rotation_quaternion', 'key_blocks["jawOpen"].value'):
                points = np.array([tuple(point.co) for point in curve.keyframe_points])
                found[f"{curve.data_path}{curve.array_index}"] = points
    return found


def main(folder: str, python: str, character: str, sound: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    for _ in range(2):
        addon_utils.enable(PACKAGE, default_set=True)
        addon_utils.disable(PACKAGE, default_set=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.character import read_character
    from blender_addon.scene.character import build_character
    from blender_addon.ui.session import session

    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(Path(folder) / "library")
    scene, panel = bpy.context.scene, bpy.ops.vlogger
    scene.render.fps = 25
    scene.frame_current = 11
    found: dict[str, Any] = {"no_rig": refused(panel.animate)}
    armature = build_character(bpy.context, read_character(Path(character))).armature
    bpy.context.view_layer.objects.active = armature
    settings, rig = scene.vlogger, armature.vlogger
    settings.file = "/nowhere/x.wav"
    found["no_sound"] = refused(panel.animate)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "scene.blend"))

    settings.file, settings.text = sound, "My bonny lies over the ocean."
    panel.match_rig()
    found["rig"] = [rig.kind, rig.face_kind, str(len(rig.bones))]
    panel.animate()
    found["busy"] = refused(panel.animate)
    work()
    found["said"] = said()
    assert armature.vlogger_takes, said()
    take = armature.vlogger_takes[0]
    found["path"], found["start"] = take.path, take.start
    first = take_keys(armature)
    found |= {f"key {name}": points for name, points in first.items()}
    found["request"] = json.dumps(json.loads(take.action["vlogger"])["request"])
    from blender_addon.scene.sound import sounds_in

    found["sounds"] = [f"{sound.name} {sound.frame:g}" for sound in sounds_in(scene)]

    take.jaw = 0.5
    work()
    half = take_keys(armature)
    found["half jaw"] = half['key_blocks["jawOpen"].value0'] / first['key_blocks["jawOpen"].value0']
    found["actions after dial"] = sorted(action.name for action in bpy.data.actions)
    panel.reset_dials()
    work()
    again = take_keys(armature)
    found["reset"] = max(np.abs(again[name] - first[name]).max() for name in first)

    panel.animate(another=True)
    work()
    found["takes"] = [take.name for take in armature.vlogger_takes]
    other = take_keys(armature)
    head = 'pose.bones["head"].rotation_quaternion1'
    found["another differs"] = np.abs(other[head][:, 1] - first[head][:, 1]).max()
    armature.vlogger_take = 0
    shown = take_keys(armature)
    found["switched"] = max(np.abs(shown[name] - first[name]).max() for name in first)

    before = sorted(action.name for action in bpy.data.actions)
    panel.animate(another=True)
    panel.cancel()
    work()
    found["cancelled"] = [said(), *(take.name for take in armature.vlogger_takes)]
    found["as before the cancel"] = before == sorted(action.name for action in bpy.data.actions)

    # Without an Action of the body, and with a pose by hand; curves have come when it is cancelled
    shown = armature.animation_data.action
    armature.animation_data.action, pose = None, armature.pose.bones["head"]
    pose.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    settings.file, settings.text = repeated(sound, Path(folder) / "long.wav", 80), ""
    panel.animate(another=True)
    making, end = session().keying.making[armature.name], time.monotonic() + PATIENCE
    while not making.performing.frames and making.ended is None and time.monotonic() < end:
        session().tick()
        time.sleep(0.005)
    scene.frame_set(20)
    panel.cancel()
    work()
    bpy.context.view_layer.update()
    mesh = next(child for child in armature.children if child.type == "MESH")
    found["pose after cancel"] = [making.performing.frames, *pose.rotation_quaternion]
    found["animated after cancel"] = [armature.animation_data.action is None, armature.vlogger_take]
    found["face after cancel"] = mesh.data.shape_keys.animation_data.action.name
    scene.frame_set(11)
    armature.vlogger_take, settings.file = 0, sound
    assert armature.animation_data.action == shown

    # A pinned key stays, and the take bends to it
    armature.vlogger_take = 0
    keys = next(child for child in armature.children if child.type == "MESH").data.shape_keys
    for action in {armature.animation_data.action, keys.animation_data.action}:
        for curve in curves(action):
            if curve.data_path == 'key_blocks["jawOpen"].value':
                curve.keyframe_points[20].co.y = 0.77
                curve.keyframe_points[20].type = "EXTREME"
    panel.rekey()
    work()
    pinned = take_keys(armature)['key_blocks["jawOpen"].value0'][:, 1]
    plain = first['key_blocks["jawOpen"].value0'][:, 1]
    found["pinned"] = [pinned[20], abs(pinned[19] - plain[19]), np.abs(pinned[32:] - plain[32:]).max()]

    every = sum(len(curve.keyframe_points) for curve in curves(armature.animation_data.action))
    panel.reduce_keys(degrees=0.5, millimetres=0.5)
    work()
    few = list(curves(armature.animation_data.action))
    found["fewer"] = every / sum(len(curve.keyframe_points) for curve in few)
    head_curve = next(c for c in few if c.data_path == 'pose.bones["head"].rotation_quaternion' and c.array_index == 1)
    found["off"] = max(abs(head_curve.evaluate(frame) - value) for frame, value in first[head])

    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(Path(folder) / "scene.blend"))
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    found["reopened"] = [take.name for take in armature.vlogger_takes]
    bpy.context.view_layer.objects.active = armature
    armature.vlogger_takes[0].jaw = 0.5
    work()
    dialled = take_keys(armature)['key_blocks["jawOpen"].value0'][:, 1]
    found["dial after reopening"] = dialled[32:].max() / plain[32:].max()  # behind the pin's reach
    bpy.ops.vlogger.put_on_track()
    found["tracks"] = [track.name for track in armature.animation_data.nla_tracks]
    bpy.ops.vlogger.forget_take()
    found["left"] = [take.name for take in armature.vlogger_takes]
    found["longest_tick"] = session().longest_tick
    addon_utils.disable(PACKAGE)
    return found


if __name__ == "__main__":
    leave(main)
