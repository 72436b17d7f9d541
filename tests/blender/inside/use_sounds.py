"""Sounds in a scene: a strip, a cut strip, a packed one, a speaker, a file; `use_sounds.py OUT.npz FOLDER SOUND`."""

from __future__ import annotations

import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from leave import leave

from blender_addon.core.errors import AddonError
from blender_addon.scene import sound as sounds
from blender_addon.scene.compat import strip_frames, strips_of


def length(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def heard(sound: sounds.SceneSound, scene: Any, folder: str) -> Path:
    """The file, written in a thread, as the client does it."""
    found = sounds.heard_of(sound, scene, Path(folder))
    if found.write is not None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(found.write).result()
    return found.path


def refusal(act: Any) -> str:
    try:
        act()
    except AddonError as error:
        return str(error)
    return ""


def main(folder: str, path: str) -> dict[str, Any]:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.frame_current = 7
    found: dict[str, Any] = {
        "no_file": refusal(lambda: sounds.of_file(scene, "/nowhere/x.wav")),
        "none_chosen": refusal(lambda: sounds.of_file(scene, " ")),
        "file_frame": sounds.of_file(scene, path).frame,
    }
    try:
        editor = scene.sequence_editor_create()
        strips = editor.strips if hasattr(editor, "strips") else editor.sequences
        strip = strips.new_sound("Line", path, 1, 10)
    except RuntimeError as error:  # the bpy module of 4.2 has no sound at all
        return {**found, "silent": str(error)}
    whole = sounds.of_strip(scene, strip)
    found["whole"] = [whole.frame, whole.skip, whole.length is None]
    found["whole_is_the_file"] = str(heard(whole, scene, folder)) == path

    frames = strip_frames(strip)
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = int(frames.content + 5), int(frames.content + 30)
    else:
        strip.frame_final_start, strip.frame_final_end = int(frames.content + 5), int(frames.content + 30)
    cut = sounds.of_strip(scene, strip)
    found["cut"] = [cut.frame, cut.skip, cut.length]
    found["cut_length"] = length(heard(cut, scene, folder))

    found["placed"] = [
        sounds.place_sound(scene, "Other", Path(path), 40, 50),
        sounds.place_sound(scene, "Other", Path(path), 40, 50),
        sounds.place_sound(scene, "Over it", Path(path), 60, 50),
    ]
    found["channels"] = [f"{strip.name} {strip.channel}" for strip in strips_of(scene)]

    data = bpy.data.sounds.load(path)
    data.pack()
    speaker = bpy.data.objects.new("Robot", bpy.data.speakers.new("Robot"))
    speaker.data.sound = data
    scene.collection.objects.link(speaker)
    packed = sounds.of_speaker(scene, speaker)
    found["packed"] = [packed.path is None, packed.frame == scene.frame_start]
    found["packed_length"] = length(heard(packed, scene, folder))
    found["names"] = [sound.name for sound in sounds.sounds_in(scene)]
    strip.sound.filepath = "/nowhere/moved.wav"
    found["moved"] = refusal(lambda: heard(sounds.of_strip(scene, strip), scene, folder))
    found["no_room"] = refusal(lambda: heard(packed, scene, f"{folder}/none"))
    found["retimed"] = refusal(lambda: heard(replace(whole, retimed=True), scene, folder))
    return found


if __name__ == "__main__":
    leave(main)
