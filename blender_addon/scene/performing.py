"""A take on its way onto a rig: its curves come in pieces, and are keyed a few milliseconds at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.dials import Dials, turn_dials
from ..core.errors import AddonError
from ..core.retarget import RigMotion, retarget
from ..core.rig import Rig, RigMapping
from ..core.simplify import Bound
from ..core.take import Take, read_take
from .compat import Home
from .landing import Landing
from .pins import RigPins, bend_to_pins, find_pins, mark_pins
from .rigs import face_meshes
from .unfinished import actions_of, finish, take_back


@dataclass(frozen=True)
class Part:
    """What a take is keyed on: the scene and the armature by name, since undo makes Blender's objects anew.

    take  : the take's id
    start : the scene's frame on which the take begins; `rate` the scene's frames per second
    reach : how many frames around a pinned key bend to it; None if nothing was keyed yet that could be pinned
    bound : for few Bezier keys that are off by no more, instead of one on every frame
    """

    scene: str
    armature: str
    take: str
    name: str
    start: float
    rate: float
    dials: Dials = Dials()  # noqa: RUF009 (frozen)
    reach: float | None = None
    bound: Bound | None = None


@dataclass(frozen=True)
class Driven:
    """A rig, how takes drive it, and sentences for the user on what of it can't be moved, or won't show."""

    rig: Rig
    mapping: RigMapping
    notes: tuple[str, ...] = ()


class Performing:
    """One take being keyed. `step` does a few milliseconds of what there is to do; nothing else takes time.

    What needs no Blender, turning dials and retargeting, is done in a thread.

    frames : how many frames are keyed, `fps` of them a second
    notes  : sentences for the user on what was held back
    """

    def __init__(self, part: Part, find: Callable[[Part], Generator[bool, None, Driven]]) -> None:
        """`find` finds how the rig is driven."""
        self.part = part
        self.frames = 0
        self.fps = 0.0
        self.notes: tuple[str, ...] = ()
        self._find = find
        self._driven: Driven | None = None
        self._pins = RigPins({}, {}, {})
        self._pieces: list[tuple[int, Take | Path]] = []
        self._waiting: deque[tuple[int, Take | Path]] = deque()
        self._thread = ThreadPoolExecutor(1, "vlogger-retarget")
        self._prepared: Future[RigMotion] | None = None
        self._landing: Landing | None = None
        self._steps: Iterator[bool] | None = None

    @property
    def busy(self) -> bool:
        """Is there something to do?"""
        return self._driven is None or bool(self._waiting) or self._steps is not None

    @property
    def actions(self) -> list[Any]:
        """The take's Actions, body first; [] until its first piece came."""
        return actions_of(self.part.take)

    @property
    def homes(self) -> dict[Any, Home]:
        """Where the take's curves are, of the armature and of each block of shape keys."""
        return self._landing.homes if self._landing is not None else {}

    def came(self, start: int, curves: Take | Path) -> None:
        """The take's curves from frame `start` on, or the file with all of them; pieces come in order."""
        self._pieces.append((start, curves))
        self._waiting.append((start, curves))

    def step(self) -> bool:
        """Key a curve; False if there is nothing to do just now.

        Raises AddonError if the rig is gone, or can't be keyed; what was keyed is taken back.
        """
        try:
            if self._steps is None and self._driven is None:
                self._steps = self._read()
            if self._steps is not None:
                waits = next(self._steps, None)
                if waits is None:
                    self._steps = None
                return not waits
            if not self._waiting:
                return False
            if self._prepared is None:
                self._prepared = self._thread.submit(self._prepare, *self._waiting[0])
            if not self._prepared.done():
                return False
            motion, self._prepared = self._prepared.result(), None
            first, _ = self._waiting.popleft()
            self._steps = self._key(first, motion)
            return True
        except (AddonError, ReferenceError, KeyError) as error:
            self.take_back()
            if isinstance(error, AddonError):
                raise
            raise AddonError(
                f"{self.part.armature}, or something of it, was removed meanwhile, so {self.part.name} was not keyed. "
                "Make it again."
            ) from error

    def start_over(self) -> None:
        """Before and after an undo: nothing is keyed, and all will be."""
        self.take_back()
        self._driven = None
        self._waiting = deque(self._pieces)
        self.frames = 0

    def take_back(self) -> None:
        """Remove what was keyed; the rig is animated as before."""
        self._landing = self._steps = self._prepared = None
        self._waiting.clear()
        take_back(self.part.take)

    def finish(self) -> None:
        """All is keyed: the Actions are a take like others."""
        finish(self.part.take)

    def close(self) -> None:
        self._thread.shutdown(wait=False)

    def _read(self) -> Iterator[bool]:
        """Find out about the rig and its pinned keys."""
        driven = yield from self._find(self.part)
        if self.part.reach is not None:
            self._pins = yield from find_pins(bpy.data.objects[self.part.armature])
        self._driven, self.notes = driven, driven.notes

    def _prepare(self, first: int, curves: Take | Path) -> RigMotion:
        part, driven = self.part, self._driven
        assert driven is not None
        take = read_take(curves) if isinstance(curves, Path) else curves
        motion = retarget(turn_dials(take, part.dials), driven.rig, driven.mapping)
        if part.reach is None or not self._pins:
            return motion
        step = part.rate / motion.fps
        return bend_to_pins(motion, self._pins, part.start + first * step, step, part.reach)

    def _key(self, first: int, motion: RigMotion) -> Iterator[bool]:
        part = self.part
        scene, armature = bpy.data.scenes[part.scene], bpy.data.objects[part.armature]
        if self._landing is None:
            self._landing = Landing(scene, armature, part.name, part.start, part.take)
        self.notes = tuple(dict.fromkeys((*self.notes, *motion.notes)))
        for _ in self._landing.add(motion, first, part.bound):
            yield self._landing.waits
        if self._pins:
            mark_pins(armature, self._landing.homes, self._pins)
        self.frames, self.fps = first + motion.frames, motion.fps
        armature.update_tag()
        for mesh in face_meshes(armature):
            mesh.data.shape_keys.update_tag()
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "VIEW_3D":
                    area.tag_redraw()
