"""Takes that the service is making for rigs, and takes that are keyed anew: from curves to Actions, step by step.

Nothing here waits, and whatever happens to Blender's data meanwhile, nothing half keyed stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..core.client import Client
from ..core.errors import AddonError
from ..core.jobs import CurvesCame, Ended, FileCame, FrameCame, JobHandle
from ..core.simplify import Bound
from ..core.take import Take, read_meta
from ..scene.performing import Part, Performing
from ..scene.sound import place_sound, rate_of
from ..scene.unfinished import take_back, unfinished_takes
from .mapping import Mappings
from .notices import Notices
from .takes import (
    actions_of,
    dials_of,
    drop_take,
    find_take,
    id_of,
    keyed_dials,
    remember_actions,
    set_dials,
    shown_take,
    take_file,
)
from .undo import push_undo

_PATIENCE = 0.3
"""Seconds for which the dials must rest before the take is keyed anew."""


@dataclass
class Making:
    """A take that the service is making for a rig. `sound` is placed at the end: its label and file, if asked for.

    Of one that was `asked_before`, before Blender was closed, the take tells how it ended; else it is forgotten then.
    """

    handle: JobHandle
    performing: Performing
    sound: tuple[str, Path] | None = None
    asked_before: bool = False
    ended: Ended | None = None


class Keying:
    """What is being keyed in this file. `making` are the takes that the service makes, by their rigs' names."""

    def __init__(self, client: Callable[[], Client], notices: Notices) -> None:
        """`client` connects on first use."""
        self._client = client
        self._notices = notices
        self._rekeying: dict[str, Performing] = {}
        self._turned: dict[str, float] = {}
        self._over: set[str] = set()
        self.making: dict[str, Making] = {}
        self.mappings = Mappings()

    @property
    def active(self) -> bool:
        """Is anything being made or keyed?"""
        return bool(self.making or self._rekeying or self._turned)

    def animate(self, job: dict[str, Any], folder: Path, part: Part, sound: tuple[str, Path] | None) -> JobHandle:
        """Have a take made, and key it on its rig as it comes."""
        handle = self._client().submit(job, folder, part.name)
        self.making[part.armature] = Making(handle, self._performing(part, anew=True), sound)
        self._notices.say("")
        return handle

    def follow(self, job: str, folder: Path, part: Part, sound: tuple[str, Path] | None) -> JobHandle:
        """Go on with a take that was asked for before Blender was closed, by the service's name of the job."""
        handle = self._client().follow(job, folder, part.name)
        self.making[part.armature] = Making(handle, self._performing(part, anew=True), sound, asked_before=True)
        return handle

    def cancel(self, armature: str) -> None:
        """End the take that is being made for a rig; what was keyed of it is taken back."""
        making = self.making.get(armature)
        if making is not None:
            making.handle.cancel()

    def dials_turned(self, armature: Any) -> None:
        """The dials of a rig's take were touched: key it anew once they rest."""
        self._turned[armature.name] = time.monotonic() + _PATIENCE

    def rekey(self, armature: Any, take: Any, bound: Bound | None = None) -> None:
        """Key a take anew from its file, with its dials as they are; pinned keys are kept.

        With a `bound` there are few keys that are off by no more.
        """
        path = take_file(take)
        if path is None:
            self._notices.tell(
                AddonError(f"The file of {take.name} is gone, so its dials do nothing. Make the take again.")
            )
            return
        scene = bpy.context.scene
        part = Part(
            scene.name, armature.name, id_of(armature, take), take.name, take.start, rate_of(scene), dials_of(take),
            armature.vlogger_pin_reach, bound,
        )  # fmt: skip
        self.key(part, path)

    def key(self, part: Part, curves: Take | Path, anew: bool = False) -> None:
        """Key curves that are there already, for a take that is in its rig's list; `anew` looks at the rig again."""
        old = self._rekeying.pop(part.armature, None)
        if old is not None:
            old.take_back()
            old.close()
        performing = self._performing(part, anew)
        performing.came(0, curves)
        self._rekeying[part.armature] = performing

    def work(self, until: float) -> bool:
        """Key what came, and what dials were turned of; returns whether there was something to do."""
        self._rekey_turned()
        self._note_jobs()
        worked = False
        for armature in list(self.making):
            worked |= self._step(armature, self.making[armature].performing, until)
            self._finish(armature)
        for armature, performing in list(self._rekeying.items()):
            worked |= self._step(armature, performing, until)
            if not performing.busy and armature in self._rekeying:
                self._rekeyed(armature, performing)
        return worked

    def came(self, update: CurvesCame | Ended | FrameCame | FileCame) -> None:
        """News of a take that is being made."""
        for making in self.making.values():
            if making.handle is update.handle:
                if isinstance(update, CurvesCame):
                    making.performing.came(update.start, update.curves)
                elif isinstance(update, Ended):
                    making.ended = update

    def before_undo(self) -> None:
        """Nothing may lead to what Blender is about to forget: what is being keyed is taken back."""
        for performing in self._performings():
            performing.start_over()

    def after_undo(self) -> None:
        """Blender's data is that of another moment: what is still wanted there is keyed anew."""
        for name, making in list(self.making.items()):
            part = making.performing.part
            if find_take(part.take, part.armature) is None:
                making.handle.cancel()
                self._drop(name)
                self._notices.say(f"{part.name} was undone.")
        for name, performing in list(self._rekeying.items()):
            found = find_take(performing.part.take, performing.part.armature)
            if found is None or dials_of(found[1]) != performing.part.dials:
                self._drop(name)
        self._clear_up()

    def leave_file(self) -> None:
        """Another file is opened: its takes are nobody's any more; the service keeps what was asked for."""
        for performing in self._performings():
            performing.close()
        for making in self.making.values():
            self._client().leave(making.handle)
        self.making.clear()
        self._rekeying.clear()
        self._over.clear()
        self._turned.clear()
        self.mappings.forget()

    def arrive(self) -> None:
        """A file was opened: what was being keyed when it was saved is taken back; its takes are looked through."""
        unfinished = unfinished_takes()
        self._clear_up()
        for armature in [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]:
            for take in armature.vlogger_takes:
                if take.id in unfinished and not take.job and not actions_of(take):  # it came from a file
                    self.rekey(armature, take)

    def give_up(self) -> None:
        """After a fault of our own: take back what is being keyed."""
        for name, making in list(self.making.items()):
            making.handle.cancel()
            self._drop(name)
            self._forget(making.performing.part)
        for name in list(self._rekeying):
            self._drop(name)
        for take in unfinished_takes():
            take_back(take)
        self._turned.clear()

    def follow_names(self) -> None:
        """Rigs and scenes may have been renamed."""
        self.making = {self._renamed(making.performing): making for making in self.making.values()}
        self._rekeying = {self._renamed(performing): performing for performing in self._rekeying.values()}

    def _clear_up(self) -> None:
        """Take back what nobody is keying any more, though it was begun at the moment that an undo has brought back."""
        running = {performing.part.take for performing in self._performings()}
        for take in unfinished_takes():
            take_back(take)
        for performing in self._performings():
            performing.start_over()
        for armature in [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]:
            for take in list(armature.vlogger_takes):
                unmade = take.job or not actions_of(take)
                if unmade and take.id in self._over and take.id not in running:
                    drop_take(armature, take)
            for take in armature.vlogger_takes:
                dials = keyed_dials(take)
                if dials is not None and dials != dials_of(take) and take.id not in running:
                    set_dials(take, dials)
            self._turned.pop(armature.name, None)
        self._notices.changed()

    def _note_jobs(self) -> None:
        """Note in the takes the service's names of their jobs, by which they are found when the file is opened again.

        Again and again, since an undo takes back what was noted.
        """
        for making in self.making.values():
            found = find_take(making.performing.part.take, making.performing.part.armature)
            if found is not None and making.handle.id is not None and found[1].job != making.handle.id:
                found[1].job = making.handle.id

    def _renamed(self, performing: Performing) -> str:
        part = performing.part
        found = find_take(part.take, part.armature)
        if found is not None:
            thing, scene = found[0], bpy.data.scenes.get(part.scene)
            scenes = [scene] if scene is not None else list(thing.users_scene)
            if scenes and (thing.name, scenes[0].name) != (part.armature, part.scene):
                performing.part = replace(part, armature=thing.name, scene=scenes[0].name)
        return performing.part.armature

    def _performings(self) -> list[Performing]:
        return [*(making.performing for making in self.making.values()), *self._rekeying.values()]

    def _performing(self, part: Part, anew: bool) -> Performing:
        return Performing(part, lambda part: self.mappings.finding(part.scene, part.armature, anew))

    def _step(self, armature: str, performing: Performing, until: float) -> bool:
        worked = False
        try:
            while time.perf_counter() < until and performing.step():
                worked = True
        except AddonError as error:
            self._fail(armature, performing.part, error)
        return worked

    def _fail(self, armature: str, part: Part, error: AddonError) -> None:
        """A take can't be keyed: it is as if it had not been asked for."""
        making = self.making.get(armature)
        self._drop(armature)
        if making is not None:
            making.handle.cancel()
            self._forget(part)
        self._notices.tell(error)

    def _forget(self, part: Part) -> None:
        found = find_take(part.take, part.armature)
        if found is not None:
            drop_take(*found)

    def _finish(self, armature: str) -> None:
        making = self.making.get(armature)
        if making is None or making.ended is None or making.performing.busy:
            return
        ended, part = making.ended, making.performing.part
        found, scene = find_take(part.take, part.armature), bpy.data.scenes.get(part.scene)
        if ended.error is not None or ended.view.state != "done" or found is None or scene is None:
            making.performing.take_back()
            self._drop(armature)
            if found is not None and making.asked_before and ended.error is not None:
                found[1].said = str(ended.error)
            else:
                self._forget(part)
            self._notices.say(f"{part.name} was cancelled." if ended.view.state == "cancelled" else "")
            if ended.error is not None and ended.view.state != "cancelled":
                self._notices.tell(ended.error)
            return
        thing, take = found
        making.performing.finish()
        remember_actions(thing, take, making.performing.homes, part.dials)
        take.path = str(making.handle.files.get("take.npz", ""))
        take.job = ""
        self._tell_origin(take)
        said = [f"{take.name} is keyed.", *self._place(scene, making), *making.performing.notes]
        self._notices.say(" ".join(said))
        self._drop(armature)
        self._landed(take.name)

    def _place(self, scene: Any, making: Making) -> list[str]:
        """Put the sound of a take into the sequencer, if it is not heard yet, and tell so."""
        if making.sound is None:
            return []
        (name, path), part = making.sound, making.performing.part
        frames = round(making.performing.frames / max(making.performing.fps, 1.0) * part.rate)
        try:
            added = place_sound(scene, name, path, part.start, frames)
        except AddonError as error:
            return [str(error)]
        return ["Its sound is in the sequencer."] if added else []

    def _tell_origin(self, take: Any) -> None:
        """Note in a take's Actions what it was made from."""
        path = take_file(take)
        if path is not None:
            meta = read_meta(path)
            for action in actions_of(take):
                action["vlogger"] = meta

    def _rekey_turned(self) -> None:
        now = time.monotonic()
        for name in [name for name, due in self._turned.items() if due <= now]:
            del self._turned[name]
            armature = bpy.data.objects.get(name)
            take = shown_take(armature) if armature is not None else None
            if armature is not None and take is not None and not take.job and name not in self.making:
                self.rekey(armature, take)

    def _rekeyed(self, name: str, performing: Performing) -> None:
        self._drop(name)
        part = performing.part
        found = find_take(part.take, part.armature)
        if found is None:
            performing.take_back()
            return
        armature, take = found
        performing.finish()
        remember_actions(armature, take, performing.homes, part.dials)
        for action in actions_of(take):
            action.name = take.name
        if part.reach is None and performing.notes:  # it came from a file
            told = self._notices.latest
            before = [told.sentence] if told is not None and told.error is None else []
            self._notices.say(" ".join([*before, *performing.notes]))
        self._landed(take.name)

    def _landed(self, name: str) -> None:
        push_undo(f"VLOGGER {name}")
        self._notices.changed()

    def _drop(self, armature: str) -> None:
        making = self.making.pop(armature, None)
        if making is not None:
            making.performing.close()
            self._over.add(making.performing.part.take)
        rekeying = self._rekeying.pop(armature, None)
        if rekeying is not None:
            rekeying.close()
            self._over.add(rekeying.part.take)
