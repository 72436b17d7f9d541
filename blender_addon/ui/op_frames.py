"""Pictures of a take, as the scene's camera sees it: asked for, shown as they come, and put to use."""

import json
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any, TypeVar

import bpy
import numpy as np

from ..core.as_seen import as_seen
from ..core.dials import Dials, turn_dials
from ..core.errors import AddonError
from ..core.formats.reading import read_performance
from ..core.jobs import Ended, FrameCame, JobHandle
from ..core.names import JOINT_NAMES
from ..core.shown import Painted, digests, sampled, write_shown
from ..core.standing import standing
from ..core.steps import awaited
from ..core.take import Take
from ..scene.camera import CameraMove, check_camera, watch_camera
from ..scene.character import body_of
from ..scene.pictures import Span, add_node, add_strip, picture, refresh, sequence_of, show_beside, show_in_editors
from ..scene.posture import watch_rig
from ..scene.rigs import check_rig, rig_in_steps
from ..scene.sound import rate_of
from .chosen import why_no_service
from .errand import At, Steps, in_steps
from .mapping import descriptions, finder
from .operator import Operator, no_rig, rig_of
from .session import push_undo, session
from .takes import dials_of, safe_name, shown_take, take_file, take_named, takes_folder

T = TypeVar("T")

_OFTEN = 0.15
"""Seconds between two looks at the pictures that came: Blender reads them from the disk each time."""


@dataclass(frozen=True)
class Wish:
    """What is wanted, read from the scene when the button was pressed.

    whole       : the scene's frames that the take spans; the pictures are numbered from its first
    first, last : those of them that are wanted
    start, end  : the scene's frames on which the take's first and last frame fall
    """

    scene: str
    armature: str
    name: str
    file: Path
    folder: Path
    dials: Dials
    rate: float
    whole: range
    first: int
    last: int
    start: float
    end: float
    body: dict[str, float] | None
    strip: bool

    @property
    def span(self) -> Span:
        return Span(self.first - self.whole.start, self.last - self.whole.start, self.first)

    def picture(self, number: int) -> Path:
        return picture(self.folder / "frames", number)


class VLOGGER_OT_render_frames(Operator):
    """Make pictures, with alpha, of what the rig does over the shown take, as the scene's camera sees it"""

    bl_idname = "vlogger.render_frames"
    bl_label = "Render Frames"
    bl_options = {"REGISTER"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        take = shown_take(rig_of(context))
        if take is None:
            return "This rig has no take yet: press Animate"
        if take.job:
            return "This take is still being made"
        if take_file(take) is None:
            return "The file of this take is gone: make the take again"
        return "Pictures are being made: cancel, or wait" if "frames" in session().errands else why_no_service()

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        check_rig(armature)
        wish = wish_of(context.scene, armature, shown_take(armature))
        check_camera(context.scene, armature)
        session().begin("frames", _paint(wish, body_of(armature)))
        return ""


class _PictureOperator(Operator):
    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        take = shown_take(rig_of(context))
        return "" if take is not None and take.image is not None else "There are no pictures yet: press Render Frames"


class VLOGGER_OT_show_frames(_PictureOperator):
    """Show the pictures beside the viewport, in an Image Editor that follows the scene's frame"""

    bl_idname = "vlogger.show_frames"
    bl_label = "Beside Viewport"
    bl_options = {"REGISTER"}

    def run(self, context: Any) -> str:
        show_beside(context, shown_take(rig_of(context)).image)
        return ""


class VLOGGER_OT_frames_to_sequencer(_PictureOperator):
    """Lay the pictures into the sequencer, over what is there. Renders come from the sequencer then"""

    bl_idname = "vlogger.frames_to_sequencer"
    bl_label = "Sequencer"

    def run(self, context: Any) -> str:
        add_strip(context.scene, shown_take(rig_of(context)).image)
        return "The pictures are in the sequencer, which is what Blender renders now."


class VLOGGER_OT_frames_to_compositor(_PictureOperator):
    """Make the pictures a node of the compositor, with alpha"""

    bl_idname = "vlogger.frames_to_compositor"
    bl_label = "Compositor"

    def run(self, context: Any) -> str:
        add_node(context.scene, shown_take(rig_of(context)).image)
        return "The pictures are a node of the compositor."


def wish_of(scene: Any, armature: Any, take: Any) -> Wish:
    """What Render Frames would make. Raises AddonError if that is nothing."""
    file = take_file(take)
    if file is None:
        raise AddonError(f"The file of {take.name} is gone, so no pictures can be made of it. Make the take again.")
    start, end = frames_of(take)
    whole, wanted = range(ceil(start - 0.001), floor(end + 0.001) + 1), wanted_frames(scene, take)
    body = body_of(armature)
    return Wish(
        scene=scene.name,
        armature=armature.name,
        name=take.name,
        file=file,
        folder=takes_folder() / safe_name(f"{armature.name} {take.name} pictures"),
        dials=dials_of(take),
        rate=rate_of(scene),
        whole=whole,
        first=wanted.start,
        last=wanted.stop - 1,
        start=start,
        end=end,
        body=body[0] if body is not None else None,
        strip=scene.vlogger.frames.strip,
    )


def wanted_frames(scene: Any, take: Any) -> range:
    """The scene's frames, as far as the take has them. Raises AddonError if that is none."""
    start, end = frames_of(take)
    first, last = max(ceil(start - 0.001), scene.frame_start), min(floor(end + 0.001), scene.frame_end)
    if first > last:
        raise AddonError(f"{take.name} lies outside of the scene's frames. Set Start and End so that it is inside.")
    return range(first, last + 1)


def frames_of(take: Any) -> tuple[float, float]:
    """The scene's frames on which a take begins and ends."""
    action = take.action or (take.faces[0].action if len(take.faces) else None)
    if action is None:
        raise AddonError(f"{take.name} has no Action any more. Make the take again.")
    start, end = (action.frame_start, action.frame_end) if action.use_frame_range else action.frame_range
    return float(start), float(end)


def _paint(wish: Wish, body: tuple[dict[str, float], Any] | None) -> Steps:
    """Read the take, follow the camera, and have what is missing drawn; it is shown as it comes."""
    threads, painted, handle = ThreadPoolExecutor(1, "vlogger-frames"), Painted(wish.folder, wish.picture), None
    look = _Look(wish)
    try:
        rig = yield from in_steps(rig_in_steps(bpy.data.objects[wish.armature]), "Reading the rig")
        find, numbers = finder(rig), range(wish.span.first, wish.span.last + 1)

        def placed() -> Any:
            return standing(rig, find()) if body is None else body[1]

        shown = yield from in_steps(awaited(threads.submit(_read, wish)), "Reading the take")
        placing = yield from in_steps(awaited(threads.submit(placed)), "Reading the rig")
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
        move = yield from _watched(watch_camera(wish.scene, wish.armature, placing, frames), "Following the camera")
        wanted = yield from in_steps(awaited(threads.submit(_made_of, wish, shown, move)), "Comparing")
        missing = painted.missing(wanted)
        there = before = len(wanted) - sum(map(len, missing))
        look.came(*(number for number in numbers if before and not any(number in run for run in missing)))
        for run in missing:
            news: deque[Any] = deque()
            job = _job(wish, move, run)
            handle = session().submit(job, wish.folder, f"{wish.name} pictures", news.append)
            ended = None
            while ended is None:
                yield At(_stage(there, len(wanted), handle), there / len(wanted), enough=True)
                while news:
                    update = news.popleft()
                    if isinstance(update, FrameCame):
                        if update.frame == run.start:  # now that it is sure that there will be others
                            painted.forget(run[1:])
                        painted.came(update.frame, wanted[update.frame])
                        there += 1
                        look.came(update.frame)
                    elif isinstance(update, Ended):
                        ended = update
                look.refresh()
            if ended.view.state != "done":
                raise ended.error or AddonError(f"{wish.name}: {there} of {len(wanted)} pictures were made.")
        look.refresh(now=True)
        if wish.strip and look.image is not None:
            add_strip(bpy.data.scenes[wish.scene], look.image)
            push_undo(f"VLOGGER Pictures of {wish.name}")
        kept = f", {before} of which were there already" if before else ""
        return " ".join([f"{len(wanted)} pictures of {wish.name} are in {wish.folder.name}{kept}.", *notes])
    finally:
        if handle is not None and not handle.ended:
            handle.cancel()
        painted.save()
        threads.shutdown(wait=False)


class _Look:
    """The image that grows as pictures come. It is looked up each time, as an undo makes Blender's data anew."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._due = 0.0
        self._new: int | None = None

    @property
    def image(self) -> Any:
        armature = bpy.data.objects.get(self._wish.armature)
        take = take_named(armature, self._wish.name) if armature is not None else None
        return take.image if take is not None else None

    def came(self, *numbers: int) -> None:
        if numbers:
            self._new = numbers[-1]

    def refresh(self, now: bool = False) -> None:
        """Show what came, if it is time to. Raises AddonError if the take is gone."""
        if self._new is None or (time.monotonic() < self._due and not now):
            return
        armature = bpy.data.objects.get(self._wish.armature)
        take = take_named(armature, self._wish.name) if armature is not None else None
        if take is None:
            raise AddonError(f"{self._wish.name} is gone, so no more pictures of it are made.")
        first = take.image is None
        image = sequence_of(take.image, take.name, self._wish.picture(self._new), self._wish.span)
        if first:
            take.image = image
            push_undo(f"VLOGGER Pictures of {take.name}")  # else an undo would leave the take with a lost image
        show_in_editors(image)
        refresh(image)
        self._new, self._due = None, time.monotonic() + _OFTEN


def _watched(watching: Generator[float, None, T], stage: str) -> Generator[At, None, T]:
    with closing(watching):
        while True:
            try:
                done = next(watching)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield At(stage, done, enough=True)


def _read(wish: Wish) -> Take:
    """The take on the scene's frames, with its dials."""
    take = turn_dials(read_performance(wish.file, wish.rate, descriptions()), wish.dials)
    step = (wish.end - wish.start) / max(len(take) - 1, 1)
    places = (np.arange(wish.whole.start, wish.whole.stop) - wish.start) / max(step, 1e-6)
    return sampled(take, places, min(max(wish.rate, 1.0), 240.0))


def _made_of(wish: Wish, shown: Take, move: CameraMove) -> dict[int, str]:
    """What each picture that is wanted is made of, by its number."""
    body = json.dumps(wish.body, sort_keys=True).encode()
    numbers = range(wish.span.first, wish.span.last + 1)
    made = digests(shown, numbers, [seen + body for seen in move.seen()])
    return dict(zip(numbers, made, strict=True))


def _job(wish: Wish, move: CameraMove, run: range) -> dict[str, Any]:
    first = wish.span.first
    job = {
        "kind": "render",
        "take": wish.folder / "shown.npz",
        "camera": move.job(run.start - first, run.stop - 1 - first),
        "first": run.start,
        "last": run.stop - 1,
    }
    return job if wish.body is None else {**job, "body": wish.body}


def _stage(there: int, count: int, handle: JobHandle) -> str:
    if handle.state in ("sending", "queued") or not there:
        return handle.stage or ("Waiting for the service" if handle.state == "sending" else handle.state.capitalize())
    left = f", {handle.left:.0f} s left" if handle.left is not None else ""
    return f"{there} of {count}{left}"


CLASSES = (
    VLOGGER_OT_render_frames,
    VLOGGER_OT_show_frames,
    VLOGGER_OT_frames_to_sequencer,
    VLOGGER_OT_frames_to_compositor,
)
