"""Takes that were asked for, as the blend file remembers them: they are taken up again after Blender was closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import AddonError
from ..core.jobs import Written
from ..core.service_process import LocalService
from ..scene.obstacles import check_free
from ..scene.overrides import free_faces
from ..scene.performing import Part
from ..scene.rigs import check_rig
from ..scene.sound import rate_of
from .chosen import chosen_service, why_no_service
from .session import session
from .takes import id_of, take_folder

SENDING = "asked"
"""What stands for the service's name of a job until the service has told it."""


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    request : as the service takes it, with the path of the sound
    sound   : the label and the file of the sound that is to be put into the sequencer, None if none is
    write   : writes the sound's file, in any thread; None if it is there
    """

    request: dict[str, Any]
    sound: tuple[str, Path] | None
    write: Callable[[], None] | None = None


def ask(context: Any, armature: Any, take: Any, what: Callable[[Path], Asked]) -> None:
    """Have the service make a take that is in the rig's list; `what` says what is asked for, given the take's folder.

    Raises AddonError if it can't be asked.
    """
    part = _part(context.scene, armature, take)
    folder = take_folder(armature, take)
    try:
        asked = what(folder)
    except AddonError:
        folder.rmdir()
        raise
    path = Path(asked.request["audio"])
    job = {"kind": "animate", "request": {**asked.request, "audio": Written(path, asked.write)}}
    session().keying.animate(job, folder, part, asked.sound)
    take.path, take.job, take.said = str(folder / "take.npz"), SENDING, ""
    sound = [asked.sound[0], str(asked.sound[1])] if asked.sound else None
    take.asked = json.dumps({"request": asked.request, "sound": sound, "service": _where()}, ensure_ascii=False)


def asked_for(take: Any) -> Asked | None:
    """What a take was asked for with, None if the file doesn't say."""
    try:
        data = json.loads(take.asked)
        sound = (str(data["sound"][0]), Path(data["sound"][1])) if data["sound"] else None
        return Asked(dict(data["request"]), sound)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def is_waiting(armature: Any, take: Any) -> bool:
    """Whether a take was asked for and is not there, and nothing of it comes."""
    return bool(take.job) and armature.name not in session().keying.making


def follow(armature: Any, take: Any) -> None:
    """Go on with a take that was asked for before Blender was closed.

    Raises AddonError if it can't be; the take says so too.
    """
    try:
        _follow(armature, take)
    except AddonError as error:
        take.said = str(error)
        raise


def follow_next() -> None:
    """Go on with one of the takes that the file which was opened waits for, if there is a service to ask."""
    if why_no_service():
        return
    waiting = [
        (thing, take)
        for thing in bpy.data.objects
        if thing.type == "ARMATURE" and thing.library is None
        for take in thing.vlogger_takes
        if take.job and not take.said
    ]
    session().arrived = bool(waiting)
    for armature, take in waiting:
        if armature.name not in session().keying.making:
            try:
                follow(armature, take)
            except AddonError as error:
                session().notices.tell(error)
            return


def _follow(armature: Any, take: Any) -> None:
    if take.job == SENDING:
        raise AddonError(f"Blender was closed before the service had {take.name}. Make it again.")
    try:
        where = json.loads(take.asked)["service"]
    except (ValueError, KeyError, TypeError):
        where = _where()
    if where != _where():
        raise AddonError(
            f"{take.name} was asked of the service in {where}, and the preferences say {_where()} now. "
            "Choose that one again, or make the take again."
        )
    scene = next((scene for scene in bpy.data.scenes if armature.name in scene.objects), None)
    if scene is None:
        raise AddonError(f"{armature.name} is in no scene, so {take.name} can't be keyed. Put it into one.")
    asked = asked_for(take)
    part = _part(scene, armature, take)
    folder = Path(take.path).parent
    if not folder.is_dir():  # the blend file came from another machine
        folder = take_folder(armature, take)
    session().keying.follow(take.job, folder, part, asked.sound if asked else None)
    take.said = ""


def _part(scene: Any, armature: Any, take: Any) -> Part:
    check_rig(armature)
    check_free(armature)
    free_faces(armature)
    return Part(scene.name, armature.name, id_of(armature, take), take.name, take.start, rate_of(scene))


def _where() -> str:
    """Which service is asked: the library of one on this machine, the address of another."""
    service = chosen_service()
    return str(service.library) if isinstance(service, LocalService) else service.address.url
