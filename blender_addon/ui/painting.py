"""Pictures of a take, as the scene's camera sees it: asked for, and shown as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, TypeVar

import bpy

from ..core.as_seen import as_seen
from ..core.errors import AddonError
from ..core.jobs import FrameCame, JobHandle
from ..core.names import JOINT_NAMES
from ..core.portrait import digest_of
from ..core.shown import Painted, digests, write_shown
from ..core.standing import BY_HEAD, standing
from ..core.steps import awaited
from ..core.take import Take
from ..scene.camera import CameraMove, watch_camera
from ..scene.character import Body
from ..scene.pictures import add_strip, refresh, sequence_of, show_in_editors
from ..scene.posture import watch_rig
from ..scene.rigs import rig_in_steps
from .errand import At, Steps, in_steps
from .mapping import finder
from .served import served
from .takes import take_named
from .undo import push_undo
from .wish import Wish, read_shown

T = TypeVar("T")

_OFTEN = 0.15
"""Seconds between two looks at the pictures that came: Blender reads them from the disk each time."""


def paint(wish: Wish, body: tuple[Body, Any] | None) -> Steps:
    """Read the take, follow the camera, and have what is missing drawn; it is shown as it comes."""
    threads, painted = ThreadPoolExecutor(1, "vlogger-frames"), Painted(wish.folder, wish.picture)
    look = _Look(wish)
    try:
        rig = yield from in_steps(rig_in_steps(bpy.data.objects[wish.armature]), "Reading the rig")
        find, numbers = finder(rig), range(wish.span.first, wish.span.last + 1)

        def placed() -> tuple[Any, Any]:
            """Where the character stands, and where the one stands who is seen."""
            character = standing(rig, find()) if body is None else body[1]
            return character, character if wish.person is None else standing(rig, find(), BY_HEAD)

        shown = yield from in_steps(awaited(threads.submit(read_shown, wish)), "Reading the take")
        placing, seen = yield from in_steps(awaited(threads.submit(placed)), "Reading the rig")
        frames = [float(wish.whole[number]) for number in numbers]
        notes: list[str] = []
        if body is not None and {bone.name for bone in rig.bones}.issuperset(JOINT_NAMES):
            posture = yield from _watched(watch_rig(wish.scene, wish.armature, frames), "Following the rig")
            seeing = threads.submit(
                as_seen, shown, wish.span.first, posture.rest, posture.bones, posture.shapes, placing
            )
            shown, notes = yield from in_steps(awaited(seeing), "Following the rig")
        yield from in_steps(
            awaited(threads.submit(write_shown, wish.folder / "shown.npz", shown, wish.name)), "Reading the take"
        )
        move = yield from _watched(watch_camera(wish.scene, wish.armature, seen, frames), "Following the camera")
        wanted = yield from in_steps(awaited(threads.submit(_made_of, wish, shown, move)), "Comparing")
        missing = painted.missing(wanted)
        there = before = len(wanted) - sum(map(len, missing))
        look.came(*(number for number in numbers if before and not any(number in run for run in missing)))

        def at(handle: JobHandle) -> At:
            look.refresh()
            return At(_stage(there, len(wanted), handle), there / len(wanted), enough=True)

        for run in missing:

            def came(update: Any, run: range = run) -> None:
                nonlocal there
                if isinstance(update, FrameCame):
                    if update.frame == run.start:  # now that it is sure that there will be others
                        painted.forget(run[1:])
                    painted.came(update.frame, wanted[update.frame])
                    there += 1
                    look.came(update.frame)

            handle = yield from served(_job(wish, move, run), wish.folder, f"{wish.title} pictures", at, came)
            notes += [handle.note] if handle.note else []
        look.end()
        if wish.strip and look.image is not None:
            add_strip(bpy.data.scenes[wish.scene], look.image)
            push_undo(f"VLOGGER Pictures of {wish.title}")
        who = "" if wish.person is None else f"{wish.person.portrait.name} in "
        kept = f", {before} of which were there already" if before else ""
        are = "picture of {} is" if len(wanted) == 1 else "pictures of {} are"
        said = f"{len(wanted)} {are.format(who + wish.name)} in {wish.folder.name}{kept}."
        return " ".join([said, *notes])
    finally:
        with suppress(AddonError):  # it may have ended because the take is gone
            look.end()
        painted.save()
        threads.shutdown(wait=False)


class _Look:
    """The image that grows as pictures come: that of the scene's frame is shown, or else the newest.

    It is looked up each time, as an undo makes Blender's data anew.
    """

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._due = 0.0
        self._there: set[int] = set()
        self._newest: int | None = None
        self._fresh = False
        self._held: int | None = None

    @property
    def image(self) -> Any:
        take = self._take
        return getattr(take, self._wish.slot) if take is not None else None

    @property
    def _take(self) -> Any:
        armature = bpy.data.objects.get(self._wish.armature)
        return take_named(armature, self._wish.name) if armature is not None else None

    def came(self, *numbers: int) -> None:
        self._there.update(numbers)
        if numbers:
            self._newest, self._fresh = numbers[-1], True

    def refresh(self) -> None:
        """Show what came, if it is time to. Raises AddonError if the take is gone."""
        held = self._newest if self._unseen() else None
        if (self._fresh or held != self._held) and time.monotonic() >= self._due:
            self._show(held)
            self._due = time.monotonic() + _OFTEN

    def end(self) -> None:
        """Show all that came, on the scene's frame from now on. Raises AddonError if the take is gone."""
        if self._fresh or self._held is not None:
            self._show(None)

    def _unseen(self) -> bool:
        """Whether the picture of the scene's frame is still to come."""
        scene = bpy.data.scenes.get(self._wish.scene)
        return scene is not None and scene.frame_current - self._wish.whole.start not in self._there

    def _show(self, held: int | None) -> None:
        take, wish = self._take, self._wish
        if take is None or self._newest is None:
            raise AddonError(f"{wish.name} is gone, so no more pictures of it are made.")
        before = self.image
        image = sequence_of(before, wish.title, wish.picture(self._newest), wish.span)
        if before is None:
            setattr(take, wish.slot, image)
            push_undo(f"VLOGGER Pictures of {wish.title}")  # else an undo would leave the take with a lost image
        show_in_editors(image, held)
        refresh(image)
        self._fresh, self._held = False, held


def _watched(watching: Generator[float, None, T], stage: str) -> Generator[At, None, T]:
    with closing(watching):
        while True:
            try:
                done = next(watching)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield At(stage, done, enough=True)


def _made_of(wish: Wish, shown: Take, move: CameraMove) -> dict[int, str]:
    """What each picture that is wanted is made of, by its number."""
    who = wish.person
    made_with: Any = wish.body
    if who is not None:
        made_with = [digest_of(who.path), who.renderer, who.background, *([who.body] if who.body else [])]
    same = json.dumps(made_with, sort_keys=True).encode()
    numbers = range(wish.span.first, wish.span.last + 1)
    made = digests(shown, numbers, [seen + same for seen in move.seen()])
    return dict(zip(numbers, made, strict=True))


def _job(wish: Wish, move: CameraMove, run: range) -> dict[str, Any]:
    first, who = wish.span.first, wish.person
    take = wish.folder / "shown.npz"
    what = {
        "camera": move.job(run.start - first, run.stop - 1 - first),
        "first": run.start,
        "last": run.stop - 1,
    }
    if who is not None:
        painting = {**what, "renderer": who.renderer, "background": who.background, "body": who.body or None}
        return {"kind": "shot", "take": take, "portrait": who.path, "painting": painting}
    job = {"kind": "render", "take": take, **what}
    return job if wish.body is None else {**job, "body": wish.body}


def _stage(there: int, count: int, handle: JobHandle) -> str:
    if handle.state in ("sending", "queued") or not there:
        return handle.stage or ("Waiting for the service" if handle.state == "sending" else handle.state.capitalize())
    left = f", {handle.left:.0f} s left" if handle.left is not None else ""
    return f"{there} of {count}{left}"
