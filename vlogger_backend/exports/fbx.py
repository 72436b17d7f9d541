"""FBX, written by Blender itself: the add-on's own code in the `bpy` module, in a process of its own.

Of its own, because bpy writes to stdout, keeps a global scene, and takes the whole process with it when it crashes.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from ..avatars.avatar import Avatar
from ..errors import InputError
from ..files import writing
from ..motion.motion import Motion
from ..motion.take import write_curves
from ..progress import Progress, no_progress
from .character import write_character

_STAGE = "Writing FBX"
_LOOK_UP = 0.1
"""Seconds between two calls of `progress` while Blender says nothing, so that it can cancel at any time."""
_INSTALL = 'install it with: pip install "bpy==4.5.*"'


def write_fbx(path: Path, avatar: Avatar, motion: Motion, name: str, progress: Progress = no_progress) -> None:
    """Write `motion` on `avatar` as an FBX file with one take called `name`.

    Centimetres, Y up, facing +Z. Bones are named as in SMPL-X below a bone `root`, and point along the limb; the face
    is 52 blend shapes with ARKit's names. Every frame has a key, at the motion's frame rate. Textures are inside.

    Raises InputError if there is no frame, if `bpy` is not installed, or if the file can't be written.
    """
    if not len(motion):
        raise InputError(f"{path} was not written: the take has no frames. Make it from a longer sound.")
    if importlib.util.find_spec("bpy") is None:
        raise InputError('FBX is written by Blender\'s Python module: install it with: pip install "bpy==4.5.*"')
    with writing(path) as temporary, tempfile.TemporaryDirectory(prefix="vlogger-") as folder:
        write_character(Path(folder) / "character.npz", avatar)
        write_curves(Path(folder) / "take.npz", motion)
        _run_blender(Path(folder), name, progress)
        shutil.copyfile(Path(folder) / "take.fbx", temporary)


def blender_version() -> str:
    """The version of Blender that writes the FBX files; it is started to find out.

    Raises InputError if `bpy` is not installed or does not start.
    """
    _need_blender()
    # Without bpy's teardown, in which it can hang
    code = "import bpy, os; print(bpy.app.version_string, flush=True); os._exit(0)"
    with tempfile.TemporaryDirectory(prefix="vlogger-") as folder:
        command, environment = [sys.executable, "-P", "-c", code], _environment(Path(folder))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise InputError(f"Blender's Python module does not start ({said[-1]}); {_INSTALL}")
    return done.stdout.strip().splitlines()[-1]


def _need_blender() -> None:
    if importlib.util.find_spec("bpy") is None:
        raise InputError(f"FBX is written by Blender's Python module, which is not here; {_INSTALL}")


def _run_blender(folder: Path, name: str, progress: Progress) -> None:
    """Run the add-on's exporter on a folder; whatever happens here, Ctrl-C included, it does not outlive us.

    If we are killed it ends by itself, since it watches its stdin, of which we hold the other end.
    """
    command = [sys.executable, "-P", "-m", "blender_addon.scene.headless", str(folder), name]
    last, done = "it said nothing", 0.0
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    progress(_STAGE, done)
    # What it says is read as it comes, not kept in a file: the disk may be what is full.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace", env=_environment(folder),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while line := _next(lines):
                if line.startswith("progress "):
                    done = float(line.split()[1])
                else:
                    last = line.strip() or last
                progress(_STAGE, done)
        except BaseException:
            process.kill()
            raise
        finally:
            reader.join()
    if process.returncode == 2:
        raise InputError(last)
    if process.returncode and f"[Errno {errno.ENOSPC}]" in last:
        raise OSError(errno.ENOSPC, last)
    if process.returncode:
        raise RuntimeError(f"Blender stopped with exit code {process.returncode}: {last}")
    progress(_STAGE, 1.0)


def _read(source: IO[str], lines: queue.SimpleQueue[str]) -> None:
    """Pass on each line, and "" at the end."""
    for line in source:
        lines.put(line)
    lines.put("")


def _next(lines: queue.SimpleQueue[str]) -> str:
    """The next line; an empty one if there is none yet."""
    try:
        return lines.get(timeout=_LOOK_UP)
    except queue.Empty:
        return "\n"


def _environment(folder: Path) -> dict[str, str]:
    """The child's environment: it finds the add-on where we did, and the exporter's ids are the same every time.

    Its temporary files are in `folder`, since it ends without tidying up.
    """
    spec = importlib.util.find_spec("blender_addon")
    assert spec is not None
    assert spec.origin is not None
    parent = str(Path(spec.origin).parent.parent)
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    return {**os.environ, **temporary, "PYTHONPATH": parent, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"}
