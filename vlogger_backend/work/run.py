"""Doing a task in this process."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import cannot_write, writing
from ..progress import Progress
from .task import (
    Animate,
    CurvesDone,
    Done,
    Event,
    Failed,
    FileDone,
    FrameDone,
    MakeCharacter,
    MakePortrait,
    MakeProducts,
    PaintShot,
    PreviewDone,
    Render,
    Task,
)

if TYPE_CHECKING:
    from ..animate import Animator
    from ..motion.model_face import ModelFace
    from ..motion.motion import Motion

Tell = Callable[[Event], None]

_LONGEST_TRACE = 20_000
_PREVIEW_SIZE = (160, 160)
_PREVIEW_EVERY = 1.0
_BEHIND = (128, 128, 128, 255)
"""What a preview shows where the picture is transparent."""
_QUICK = 1
"""zlib's level for frames: a little larger, and several times quicker to write."""


class Kept:
    """What stays loaded between tasks: the speech models. (An avatar is read in a moment.)"""

    @cached_property
    def animator(self) -> Animator:
        from ..animate import Animator

        return Animator()

    def warm(self) -> None:
        """Load it all now, and the libraries that every performance needs."""
        import av  # noqa: F401
        import scipy.signal  # noqa: F401

        self.animator.load()


def run_task(task: Task, kept: Kept, tell: Tell, progress: Progress) -> Done:
    """Do `task`. `tell` is called for each event but Advanced; `progress` tells that, and cancels the task by raising.

    Raises InputError for what the user can mend.
    """
    started = time.perf_counter()
    _make_folder(task.folder)
    if isinstance(task, Animate):
        result = _animate(task, kept, tell, progress)
    elif isinstance(task, MakeProducts):
        result = _make_products(task, tell, progress)
    elif isinstance(task, Render):
        result = _render(task, tell, progress)
    elif isinstance(task, MakePortrait):
        result = _make_portrait(task, tell, progress)
    elif isinstance(task, PaintShot):
        result = _paint_shot(task, tell, progress)
    else:
        result = _make_character(task, tell, progress)
    return Done({**result, "elapsed": round(time.perf_counter() - started, 3)})


def outcome_of(task: Task, kept: Kept, tell: Tell, progress: Progress) -> Done | Failed:
    """Do `task`, with its temporary files in its own folder; what goes wrong is Failed.

    Only what `progress` raises that is no Exception is not caught.
    """
    try:
        with _temporary_files_in(task.folder / ".temporary"):
            return run_task(task, kept, tell, progress)
    except InputError as error:
        return Failed(str(error), True, traceback.format_exc()[-_LONGEST_TRACE:])
    except MemoryError:
        return Failed("Memory ran out; close other programs, or try something shorter.", False)
    except Exception as error:
        sentence = f"vlogger itself failed: {type(error).__name__}: {error}".splitlines()[0]
        return Failed(sentence, False, traceback.format_exc()[-_LONGEST_TRACE:])


def _animate(task: Animate, kept: Kept, tell: Tell, progress: Progress) -> dict[str, Any]:
    path = task.folder / f"{task.name}.npz"
    watch = _Pieces(task.folder / "pieces", tell) if task.pieces else None
    animated = kept.animator.animate(task.request, path, progress, task.sound, watch)
    tell(FileDone(path.name))
    _make_products(MakeProducts(task.folder, path, task.sound, task.products, task.name), tell, progress)
    return {
        "seconds": animated.duration,
        "frames": animated.frames,
        "spoken": animated.spoken,
        "method": animated.method,
    }


def _make_products(task: MakeProducts, tell: Tell, progress: Progress) -> dict[str, Any]:
    from ..motion.take import read_take
    from ..products import write_product

    preview = _Preview(task.folder / "preview.jpg", tell)
    for suffix in task.products:
        product = task.folder / f"{task.name}{suffix}"
        write_product(product, read_take(task.take), task.take, task.sound, None, progress, preview)
        tell(FileDone(product.name))
    return {}


def _render(task: Render, tell: Tell, progress: Progress) -> dict[str, Any]:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from ..avatars.bodies import avatar_for
    from ..motion.take import read_take
    from ..renderers.shot import render_shot
    from ..renderers.video import NOTICE

    take = read_take(task.take)
    avatar = avatar_for(task.body or take.request.body, progress)
    preview = _Preview(task.folder / "preview.jpg", tell)
    notice = PngInfo()
    notice.add_text("Comment", NOTICE)
    count = 0
    with closing(render_shot(avatar, take.motion, task.camera, task.first, task.last, progress)) as pictures:
        for frame, picture in pictures:
            with writing(task.folder / "frames" / f"{frame:06d}.png") as temporary:
                Image.fromarray(picture).save(temporary, "PNG", compress_level=_QUICK, pnginfo=notice)
            tell(FrameDone(frame))
            preview(picture)
            count += 1
    return {"frames": count}


def _make_portrait(task: MakePortrait, tell: Tell, progress: Progress) -> dict[str, Any]:
    from ..portraits.making import affirmed_now, make_portrait
    from ..portraits.sheet import write_sheet
    from ..portraits.storage import write_portrait

    portrait = make_portrait(task.photo, affirmed_now(), task.face, progress)
    portrait = replace(portrait, name=task.name or portrait.name)
    sheet, path = task.folder / "fit.png", task.folder / "portrait.portrait"
    write_sheet(portrait, sheet)
    tell(FileDone(sheet.name))
    write_portrait(portrait, path)
    tell(FileDone(path.name))
    return {"error": asdict(portrait.fit.error), "consent": asdict(portrait.consent)}


def _paint_shot(task: PaintShot, tell: Tell, progress: Progress) -> dict[str, Any]:
    from ..products import sound_if_there
    from ..renderers.paint import paint_shot

    preview = _Preview(task.folder / "preview.jpg", tell)
    video = task.folder / "shot.mp4"
    sound, complaint = sound_if_there(task.take, task.sound) if task.video else (None, "")

    def watch(frame: int, picture: NDArray[np.uint8]) -> None:
        tell(FrameDone(frame))
        preview(picture)

    outputs = [task.folder / "frames", *([video] if task.video else [])]
    painted = paint_shot(outputs, task.take, task.portrait, task.painting, sound, progress, watch, keep=False)
    if task.video:
        tell(FileDone(video.name))
    return {"frames": painted.frames, "note": " ".join(filter(None, (painted.remark, complaint)))}


def _make_character(task: MakeCharacter, tell: Tell, progress: Progress) -> dict[str, Any]:
    from ..avatars.bodies import avatar_for
    from ..exports.character import write_character

    path = task.folder / "character.npz"
    write_character(path, avatar_for(task.body, progress))
    tell(FileDone(path.name))
    return {}


class _Pieces:
    """Writes each window of curves to a file of its own in `folder`."""

    def __init__(self, folder: Path, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._count = 0

    def __call__(self, start: int, window: Motion, face: ModelFace | None) -> None:
        from ..motion.take import write_curves

        write_curves(self._folder / f"{self._count:06d}.npz", window, start, face)
        self._tell(CurvesDone(self._count, start + len(window)))
        self._count += 1


class _Preview:
    """Keeps a small copy of the last picture at `path`; a new one is made at most once a second."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self._path = path
        self._tell = tell
        self._due = 0.0

    def __call__(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture (height, width, 3 or 4)."""
        from PIL import Image

        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PREVIEW_EVERY
        small = Image.fromarray(picture)
        small.thumbnail(_PREVIEW_SIZE)
        if small.mode == "RGBA":
            small = Image.alpha_composite(Image.new("RGBA", small.size, _BEHIND), small)
        with writing(self._path) as temporary:
            small.convert("RGB").save(temporary, "JPEG", quality=80)
        self._tell(PreviewDone())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let temporary files, those of child processes too, be made in `folder`, which is removed in the end."""
    names = ("TMPDIR", "TEMP", "TMP")
    before, directory = {name: os.environ.get(name) for name in names}, tempfile.tempdir
    _make_folder(folder)
    try:
        os.environ.update(dict.fromkeys(names, str(folder)))
        tempfile.tempdir = str(folder)
        yield
    finally:
        tempfile.tempdir = directory
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)
