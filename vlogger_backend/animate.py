"""The main job: a sound becomes a take. Command line and service both call this."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .motion.model_face import ModelFace
from .motion.motion import Motion
from .motion.speech import SILENCE
from .motion.take import hash_of, write_take
from .progress import Progress, no_progress
from .request import Body, Request

if TYPE_CHECKING:
    from .avatars.licensed.solving import Solution


@dataclass(frozen=True)
class Animated:
    """What came of a request: where the take is, how long it is, and what it cost, in seconds.

    `spoken` says whether any speech was heard; if not, the character idles.
    """

    take: Path
    duration: float
    frames: int
    method: str
    spoken: bool
    elapsed: float


class Animator:
    """Makes takes, one after the other. The speech models are loaded with the first, or by `load`, and kept."""

    def __init__(self) -> None:
        from .speech.listen import Listener

        self._listener = Listener()

    def load(self) -> None:
        """Load now what the first take would load."""
        from .performance import perform  # noqa: F401

        self._listener.load()

    def animate(
        self,
        request: Request,
        path: Path,
        progress: Progress = no_progress,
        sound: Path | None = None,
        watch: Callable[[int, Motion, ModelFace | None], None] | None = None,
    ) -> Animated:
        """Perform `request` and save the take at `path`.

        `sound` is where the sound is now, if that is not `request.audio`, which stays the name that the take
        remembers. `watch` is called with each window of motion as soon as it is there: the number of its first frame,
        its curves, and the model whose expression they have.

        Memory doesn't grow with the length of the sound: it is heard utterance by utterance, and the motion goes to
        disk window by window.

        Raises InputError for a sound or text that can't be used, or a path that can't be written.
        """
        from .performance.perform import perform

        started = time.perf_counter()
        audio = sound or Path(request.audio)
        try:
            speech = self._listener.listen(audio, request.text, request.language, progress)
        except InputError as error:
            raise InputError(str(error).replace(str(audio), request.audio)) from error
        face = _face_for(request.body, progress)
        motions = perform(speech, request.style, request.seed, request.fps, progress)
        known = None
        if face is not None:
            name, solution = face
            motions = _expressed(motions, solution)
            known = ModelFace(name, solution.expressions, solution.jaws)
        if watch is not None:
            motions = _watched(motions, watch, known)
        made_with = _made_with(request.body, face)
        frames = write_take(path, request, speech, motions, hash_of(audio), progress, face=known, made_with=made_with)
        spoken = any(phone.symbol != SILENCE for phone in speech.phones)
        return Animated(path, speech.duration, frames, speech.method, spoken, time.perf_counter() - started)


def models_behind(body: Body | str, progress: Progress = no_progress) -> str:
    """A hash of the user's model that takes of this body are made with, "" if it is none: another hash, another take.

    Raises InputError if the body is a model that is not there or can't be prepared.
    """
    return _made_with(body, _face_for(body, progress))


def _made_with(body: Body | str, face: tuple[str, Solution] | None) -> str:
    """`models_behind` of a body whose face is known."""
    name = body if isinstance(body, str) else face[0] if face else None
    if name is None:
        return ""
    from .avatars.licensed.faces import fingerprint

    return fingerprint(name)


def _face_for(body: Body | str, progress: Progress) -> tuple[str, Solution] | None:
    """The model whose expression the take is to have; where none is registered, nothing of models is imported."""
    from .avatars.licensed import shelf

    if not isinstance(body, str) and not shelf.registered():
        return None
    from .avatars.licensed.faces import face_for

    return face_for(body, progress)


def _expressed(motions: Iterator[Motion], solution: Solution) -> Iterator[Motion]:
    """The same windows, with a model's expression, jaw and eyes."""
    from .avatars.licensed.faces import expressed

    for motion in motions:
        yield expressed(motion, solution)


def _watched(
    motions: Iterator[Motion], watch: Callable[[int, Motion, ModelFace | None], None], face: ModelFace | None
) -> Iterator[Motion]:
    """The same windows, each shown on its way."""
    start = 0
    for motion in motions:
        watch(start, motion, face)
        yield motion
        start += len(motion)
