"""What this installation can do, what is missing, and what that costs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from rich.console import Console


RENDERER = "renderer "
"""What findings about renderers are called, before their names."""
MODELS = "body models"
"""What the finding about body models of the user's is called."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `cost` says what can't be done without it, and how to get it."""

    name: str
    fine: bool
    detail: str
    cost: str = ""
    needed: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> list[Finding]:
    """Try every part for real, the cheap way; takes a few seconds."""
    return [
        _python(),
        _part("listening", _recogniser, "no speech can be heard; pip install --force-reinstall pocketsphinx"),
        _part("languages and voice", _voice, "no text can be used and nothing spoken; pip install --force-reinstall "
              "espeakng-loader"),
        _part("avatar", _avatar, "no preview and no export; pip install --force-reinstall vlogger"),
        _part("preview pictures", _graphics, "no preview video and no picture; on Debian or Ubuntu: apt install "
              "libegl1 libgl1-mesa-dri"),
        _part("portraits", _faces, "no portrait can be made of a photo; pip install --force-reinstall "
              "mediapipe==0.10.21 opencv-contrib-python"),
        _part("FBX", _blender, "no .fbx export (.glb works); on Debian or Ubuntu: apt install libxrender1 libxxf86vm1 "
              "libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1 libegl1; then: pip install bpy"),
        _part("video", _video, "no preview video; pip install --force-reinstall av"),
        painting := _part("painting", _painter, "no shot of a photo's person; pip install --force-reinstall torch "
                          "diffusers"),
        *(_renderers() if painting.fine else ()),
        *((_gpu(),) if painting.fine else ()),
        body_models(),
        _cluster(),
        _disk(),
    ]  # fmt: skip


def show(findings: list[Finding], console: Console) -> None:
    """Print the findings as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "part", "found", "without it"):
        table.add_column(column)
    for finding in findings:
        mark = (
            "[green]ok[/green]"
            if finding.fine
            else ("[red]missing[/red]" if finding.needed else "[yellow]none[/yellow]")
        )
        table.add_row(mark, finding.name, finding.detail, "" if finding.fine else finding.cost)
    console.print(table)


def _part(name: str, look: Callable[[], str], cost: str) -> Finding:
    try:
        return Finding(name, True, look(), cost)
    except Exception as error:  # whatever is wrong with a part, the doctor says it and goes on
        return Finding(name, False, (str(error).splitlines() or [type(error).__name__])[0][:90], cost)


def _python() -> Finding:
    from . import __version__

    return Finding(
        "vlogger", True, f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    )


def _recogniser() -> str:
    from .speech.listen import Listener

    Listener()
    return f"pocketsphinx {importlib.metadata.version('pocketsphinx')}"


def _voice() -> str:
    from .speech.espeak import espeak

    return f"espeak-ng, {len(espeak().languages)} languages"


def _avatar() -> str:
    from .avatars.library import load_avatar

    avatar = load_avatar()
    return f"{avatar.name}, {len(avatar.vertices)} vertices, {len(avatar.morphs)} face shapes"


def _graphics() -> str:
    import numpy as np

    from .avatars.library import load_avatar
    from .motion.motion import Motion
    from .renderers.preview import render_frames

    still = Motion(30, *(np.zeros((1, *shape), np.float32) for shape in ((55, 3), (3,), (52,), (0,))))
    frame = next(iter(render_frames(load_avatar(), still, size=(64, 64), shot="face")))
    return f"offscreen OpenGL, {frame.shape[1]}x{frame.shape[0]} test frame rendered"


def _faces() -> str:
    import cv2
    import numpy as np

    from .portraits.finding import find_faces
    from .portraits.head import load_head

    find_faces(np.zeros((64, 64, 3), np.uint8))
    version = importlib.metadata.version("mediapipe")
    return f"mediapipe {version}, OpenCV {cv2.__version__}, {load_head().landmarks.shape[0]} landmarks"


def _blender() -> str:
    from .exports.fbx import blender_version

    return f"bpy {blender_version()}"


def _video() -> str:
    import av

    missing = [name for name in ("libx264", "aac") if name not in av.codecs_available]
    if missing:
        raise RuntimeError(f"the av package lacks {', '.join(missing)}")
    return f"av {av.__version__}: H.264 and AAC"


def _painter() -> str:
    """PyTorch, which may not load; diffusers takes seconds to, and is pure Python, so that it is there is enough."""
    import torch

    return f"torch {torch.__version__.split('+')[0]}, diffusers {importlib.metadata.version('diffusers')}"


def _renderers() -> list[Finding]:
    """What can paint a shot; a renderer of the user's own may be in no state to."""
    from .renderers.registry import readiness

    findings = []
    for name, ready in readiness().items():
        size = f", up to {ready.largest[0]} x {ready.largest[1]}" if ready.largest != (0, 0) else ""
        detail = "not ready" if ready.missing else f"needs {ready.needs}{size}"
        findings.append(Finding(f"{RENDERER}{name}", not ready.missing, detail, ready.missing, needed=False))
    return findings


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, torch.cuda.get_device_name(0), needed=False)
    return Finding("GPU", False, "none", "nothing: all of this runs on the processor", needed=False)


def body_models() -> Finding:
    """The body models that the user has registered, and the persons on them."""
    from .avatars.licensed import shelf

    def called(entry: shelf.Registered) -> str:
        return entry.name + {"there": "", "moved": " (no longer there)", "changed": " (has changed)"}[entry.state]

    try:
        models = [*map(called, shelf.registered()), *(person.name for person in shelf.persons())]
    except InputError as error:
        return Finding(MODELS, False, "a list that can't be read", str(error), needed=False)
    cost = "no SMPL-X, SMPL-H or FLAME performs; if you have such a file: vlogger models add FILE"
    return Finding(MODELS, bool(models), ", ".join(models) or "none", cost, needed=False)


def _cluster() -> Finding:
    try:
        return Finding("cluster", True, f"Ray {importlib.metadata.version('ray')}", needed=False)
    except importlib.metadata.PackageNotFoundError:
        cost = 'no vlogger batch --cluster; pip install "vlogger[cluster]"'
        return Finding("cluster", False, "none", cost, needed=False)


def _disk() -> Finding:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free / 1e9
    writable = os.access(Path.cwd(), os.W_OK)
    detail = f"{free:.0f} GB free for temporary files, present folder {'can' if writable else 'can not'} be written"
    return Finding("disk", free > 1 and writable, detail, "long takes and videos may not fit; write elsewhere with -o")
