"""The main job: a sound becomes a take. Command line and service both call this."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from .motion.speech import SILENCE
from .motion.take import hash_of, write_take
from .progress import Progress, no_progress
from .request import Request


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
    """Makes takes, one after the other. The speech models are loaded with the first and kept."""

    def __init__(self) -> None:
        from .speech.listen import Listener

        self._listener = Listener()

    def animate(self, request: Request, path: Path, progress: Progress = no_progress) -> Animated:
        """Perform `request` and save the take at `path`.

        Memory doesn't grow with the length of the sound: it is heard utterance by utterance, and the motion goes to
        disk window by window.

        Raises InputError for a sound or text that can't be used, or a path that can't be written.
        """
        from .performance.perform import perform

        started = time.perf_counter()
        audio = Path(request.audio)
        speech = self._listener.listen(audio, request.text, request.language, progress)
        motions = perform(speech, request.style, request.seed, request.fps, progress)
        frames = write_take(path, request, speech, motions, hash_of(audio))
        spoken = any(phone.symbol != SILENCE for phone in speech.phones)
        return Animated(path, speech.duration, frames, speech.method, spoken, time.perf_counter() - started)
