"""Export without a window: `python -m blender_addon.scene.headless FOLDER NAME`, where Blender is the `bpy` module.

The folder holds `character.npz` and `take.npz`; `take.fbx` is written beside them, with one take called NAME. Lines
`progress 0.25` on stdout tell how far it is. If it fails, the last line says why, and the exit code is 2 if the user
can mend it, else 1. It ends when its stdin does: whoever started it holds the other end, and is gone then.

Blender is imported in the functions that use it, which takes a second, so that the stdin is watched from the start.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from ..core.character import read_character
from ..core.errors import AddonError
from ..core.orphan import end_with_starter
from ..core.take import read_take

CENTIMETRE = 0.01


def write_fbx(folder: Path, name: str) -> None:
    """Export the folder's take on the folder's character.

    The scene is in centimetres, FBX's own unit, so that no node of the file needs a scale of 100.
    """
    import bpy

    from .actions import apply_take, set_frame_rate
    from .cast import Cast
    from .character import build_character
    from .fbx import Played, export_fbx

    take = read_take(folder / "take.npz")
    data = read_character(folder / "character.npz")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    context = bpy.context
    scene = context.scene
    scene.unit_settings.scale_length = CENTIMETRE
    set_frame_rate(scene, take.fps)
    character = build_character(context, data)
    apply_take(scene, character, take, name)
    _report_progress(len(take))
    _make_repeatable()
    cast = Cast(character.armature, (character.mesh,))
    export_fbx(context, folder / "take.fbx", cast, Played(name, 0, len(take) - 1))


def _report_progress(frames: int) -> None:
    """The exporter steps through the frames, which takes nearly all of its time."""
    import bpy

    step = max(frames // 100, 1)
    reached = 0

    def report(scene: Any, *_: Any) -> None:
        nonlocal reached
        if scene.frame_current >= reached + step:
            reached = scene.frame_current
            print(f"progress {reached / frames:.3f}", flush=True)

    bpy.app.handlers.frame_change_post.append(report)


def _make_repeatable() -> None:
    """Keep the time of day and this machine's folders out of the file: the same take is the same bytes."""
    exporter: Any = importlib.import_module("io_scene_fbx.export_fbx_bin")
    exporter.fbx_header_elements = functools.partial(exporter.fbx_header_elements, time=datetime.datetime(2000, 1, 1))
    exporter._gen_vid_path = lambda image, _: (Path(image.filepath).name,) * 2


def _end_with_stdin() -> None:
    """Wait until stdin ends, then end this process, whatever it is doing."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    end_with_starter()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    code = 1
    try:
        write_fbx(Path(sys.argv[1]), sys.argv[2])
        code = 0
    except AddonError as error:
        print(error)
        code = 2
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    finally:
        try:
            sys.stdout.flush()
        finally:
            # Not sys.exit: once an image was loaded, bpy 4.5 can wait for ever for a thread of its own to end.
            os._exit(code)


if __name__ == "__main__":
    main()
