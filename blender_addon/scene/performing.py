"""A take on its way onto a rig: its curves come in pieces, and are keyed a few milliseconds at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
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
from .landing import Landing
from .pins import RigPins, bend_to_pins, mark_pins
from .rigs import face_meshes


@dataclass(frozen=True)
class Part:
    """What a take is keyed on: the scene and the armature by name, since undo makes Blender's objects anew.

    start : the scene's frame on which the take begins; `rate` the scene's frames per second
    reach : how many frames around a pin bend to it
    notes : sentences for the user on what of the rig can't be moved, or won't show
    bound : for few Bezier keys that are off by no more, instead of one on every frame
    """

    scene: str
    armature: str
    name: str
    start: float
    rate: float
    rig: Rig
    mapping: RigMapping
    dials: Dials = Dials()  # noqa: RUF009 (frozen)
    pins: RigPins = RigPins({}, {}, {})  # noqa: RUF009 (frozen)
    reach: float = 8.0
    bound: Bound | None = None
    notes: tuple[str, ...] = ()


class Performing:
    """One take being keyed. `step` does a few milliseconds of what there is to do; nothing else takes time.

    What needs no Blender, turning dials and retargeting, is done in a thread.

    frames : how many frames are keyed, `fps` of them a second
    notes  : sentences for the user on what was held back
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.frames = 0
        self.fps = 0.0
        self.notes = part.notes
        self._pieces: list[tuple[int, Take | Path]] = []
        self._waiting: deque[tuple[int, Take | Path]] = deque()
        self._thread = ThreadPoolExecutor(1, "vlogger-retarget")
        self._prepared: Future[RigMotion] | None = None
        self._landing: Landing | None = None
        self._steps: Iterator[float] | None = None

    @property
    def busy(self) -> bool:
        """Is there something to key?"""
        return bool(self._waiting) or self._steps is not None

    @property
    def actions(self) -> list[Any]:
        """The take's Actions, body first; [] until its first piece came."""
        return self._landing.actions if self._landing else []

    def came(self, start: int, curves: Take | Path) -> None:
        """The take's curves from frame `start` on, or the file with all of them; pieces come in order."""
        self._pieces.append((start, curves))
        self._waiting.append((start, curves))

    def step(self) -> bool:
        """Key a curve; False if there is nothing to key just now.

        Raises AddonError if the rig is gone, or can't be keyed; what was keyed is taken back.
        """
        try:
            if self._steps is not None:
                if next(self._steps, None) is None:
                    self._steps = None
                return True
            if not self._waiting:
                return False
            start, curves = self._waiting[0]
            if self._prepared is None:
                self._prepared = self._thread.submit(self._prepare, start, curves)
            if not self._prepared.done():
                return False
            motion, self._prepared = self._prepared.result(), None
            self._waiting.popleft()
            self._steps = self._key(start, motion)
            return True
        except (AddonError, ReferenceError, KeyError) as error:
            self.take_back()
            if isinstance(error, AddonError):
                raise
            raise AddonError(f"The rig {self.part.armature} is gone, so its take was not keyed.") from error

    def start_over(self) -> None:
        """After an undo: forget Blender's objects and key all again."""
        self._landing = self._steps = self._prepared = None
        self._waiting = deque(self._pieces)
        self.frames = 0

    def take_back(self) -> None:
        """Remove what was keyed; the rig is animated as before."""
        landing, self._landing, self._steps, self._prepared = self._landing, None, None, None
        self._waiting.clear()
        if landing is not None:
            with suppress(ReferenceError):  # an undo, or the user, was quicker
                landing.take_back()

    def close(self) -> None:
        self._thread.shutdown(wait=False)

    def _prepare(self, first: int, curves: Take | Path) -> RigMotion:
        part = self.part
        take = read_take(curves) if isinstance(curves, Path) else curves
        motion = retarget(turn_dials(take, part.dials), part.rig, part.mapping)
        if not part.pins:
            return motion
        step = part.rate / motion.fps
        return bend_to_pins(motion, part.pins, part.start + first * step, step, part.reach)

    def _key(self, first: int, motion: RigMotion) -> Iterator[float]:
        scene, armature = bpy.data.scenes[self.part.scene], bpy.data.objects[self.part.armature]
        if self._landing is None:
            self._landing = Landing(scene, armature, self.part.name, self.part.start)
        self.notes = tuple(dict.fromkeys((*self.notes, *motion.notes)))
        yield from self._landing.add(motion, first, self.part.bound)
        if self.part.pins:
            mark_pins(armature, self.part.pins)
        self.frames, self.fps = first + motion.frames, motion.fps
        armature.update_tag()
        for mesh in face_meshes(armature):
            mesh.data.shape_keys.update_tag()
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "VIEW_3D":
                    area.tag_redraw()
