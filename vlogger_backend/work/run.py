"""Doing a task in this process."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..progress import Progress
from ..request import Body
from .task import Animate, Done, Event, Failed, FileDone, MakeCharacter, MakeProducts, Render, Task

if TYPE_CHECKING:
    from ..animate import Animator
    from ..avatars.avatar import Avatar

Tell = Callable[[Event], None]

_LONGEST_TRACE = 20_000


class Kept:
    """What stays loaded between tasks: the speech models and the last avatar."""

    def __init__(self) -> None:
        self._avatar: tuple[Body, Avatar] | None = None

    @cached_property
    def animator(self) -> Animator:
        from ..animate import Animator

        return Animator()

    def avatar(self, body: Body, progress: Progress) -> Avatar:
        from ..avatars.library import load_avatar

        if self._avatar is None or self._avatar[0] != body:
            self._avatar = (body, load_avatar(body, progress))
        return self._avatar[1]

    def warm(self) -> None:
        """Load what every performance needs."""
        self.animator  # noqa: B018 (made by asking for it)


def run_task(task: Task, kept: Kept, tell: Tell, progress: Progress) -> Done:
    """Do `task`. `tell` is called for each event but Advanced; `progress` tells that, and cancels the task by raising.

    Raises InputError for what the user can mend.
    """
    started = time.perf_counter()
    task.folder.mkdir(parents=True, exist_ok=True)
    if isinstance(task, Animate):
        result = _animate(task, kept, tell, progress)
    elif isinstance(task, MakeProducts):
        result = _make_products(task, tell, progress)
    elif isinstance(task, Render):
        result = _render(task, kept, tell, progress)
    else:
        result = _make_character(task, kept, tell, progress)
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
    animated = kept.animator.animate(task.request, path, progress, task.sound)
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

    for suffix in task.products:
        product = task.folder / f"{task.name}{suffix}"
        write_product(product, read_take(task.take), task.take, task.sound, None, progress)
        tell(FileDone(product.name))
    return {}


def _render(task: Render, kept: Kept, tell: Tell, progress: Progress) -> dict[str, Any]:
    raise NotImplementedError


def _make_character(task: MakeCharacter, kept: Kept, tell: Tell, progress: Progress) -> dict[str, Any]:
    raise NotImplementedError


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let temporary files, those of child processes too, be made in `folder`, which is removed in the end."""
    names = ("TMPDIR", "TEMP", "TMP")
    before, directory = {name: os.environ.get(name) for name in names}, tempfile.tempdir
    folder.mkdir(parents=True, exist_ok=True)
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
