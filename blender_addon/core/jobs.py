"""Jobs as the add-on sees them: the handle that the panel shows, and the news of it.

What the panel will draw of a handle: `label`; `stage` with a bar of `done` and `left` as "4 s"; while `cancelling`, a
grey button "Cancelling"; at the end `error` with its sentence, and the button that its class names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .errors import AddonError
from .take import Take

State = Literal["sending", "queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")

_SAFE_NAME = re.compile(r"(?!\.)[\w. -]+(/(?!\.)[\w. -]+)*")


class JobFailedError(AddonError):
    """The service could not do the job; its sentence says why. Its button: Try Again."""


class JobGoneError(AddonError):
    """The service does not know the job any more, or removed its results. Its button: Make Again."""


@dataclass(frozen=True)
class Written:
    """A file for the service that is still to be written: `write` does it, in a thread; None if it is there."""

    path: Path
    write: Callable[[], None] | None = None


@dataclass(frozen=True)
class View:
    """How far a job is: what the panel shows while it is under way. `left` are the seconds until the stage is done.

    `note` is what the service remarks on what was made, "" if nothing.
    """

    id: str | None
    state: State
    stage: str
    done: float
    left: float | None
    note: str = ""


class JobHandle:
    """A job that was submitted or is followed. It changes only in `Client.poll`, so its reader never sees it half new.

    label   : its name in lists
    folder  : where its results are put
    view    : how far it is; `state` is "done" only once everything has been delivered
    files   : the results that have come, by name
    frames  : the pictures that have come, by the take's frame
    curve_frames : how many frames of curves have come
    error   : for failed and cancelled, the reason
    cancelling : cancel was asked for, and has not yet taken effect
    """

    def __init__(self, label: str, folder: Path, id: str | None, cancel: Callable[[JobHandle], None]) -> None:
        self.label = label
        self.folder = folder
        self.view = View(id, "sending" if id is None else "queued", "", 0.0, None)
        self.files: dict[str, Path] = {}
        self.frames: dict[int, Path] = {}
        self.curve_frames = 0
        self.error: AddonError | None = None
        self.cancelling = False
        self._cancel = cancel
        self._latest = self.view
        self._due = False

    @property
    def id(self) -> str | None:
        """The service's name of the job, None until it has it. Keep it with the scene: `Client.follow` takes it up."""
        return self.view.id

    @property
    def state(self) -> State:
        return self.view.state

    @property
    def stage(self) -> str:
        return self.view.stage

    @property
    def done(self) -> float:
        return self.view.done

    @property
    def left(self) -> float | None:
        return self.view.left

    @property
    def note(self) -> str:
        return self.view.note

    @property
    def ended(self) -> bool:
        return self.view.state in ENDED

    def cancel(self) -> None:
        """Ask to end the job; `Ended` tells when it has. Returns at once."""
        if not self.ended and not self.cancelling:
            self.cancelling = True
            self._cancel(self)

    def show(self, view: View) -> bool:
        """From another thread: the job is so far now. Returns whether `Moved` must be told: once for all until then."""
        self._latest = view  # before the flag is looked at, as `catch_up` takes the flag before the view: none is lost
        due, self._due = self._due, True
        return not due

    def catch_up(self) -> None:
        """Take over the view that was shown last."""
        self._due = False
        self.view = self._latest


@dataclass(frozen=True)
class Moved:
    """The job's view changed."""

    handle: JobHandle


@dataclass(frozen=True)
class CurvesCame:
    """The curves from frame `start` on, next in order: one after the other they are the whole take."""

    handle: JobHandle
    start: int
    curves: Take


@dataclass(frozen=True)
class FrameCame:
    """The picture of the take's frame `frame`, complete at `path`."""

    handle: JobHandle
    frame: int
    path: Path


@dataclass(frozen=True)
class FileCame:
    """A result (`take.npz`, `take.fbx`, `character.npz`, …), complete at `path`."""

    handle: JobHandle
    name: str
    path: Path


@dataclass(frozen=True)
class Ended:
    """The job is over and everything was delivered; `error` is None if it was done."""

    handle: JobHandle
    view: View
    error: AddonError | None


@dataclass(frozen=True)
class Answered:
    """The answer to `Client.ask` or `Client.connect`; {} with an error."""

    path: str
    answer: Mapping[str, Any]
    error: AddonError | None


@dataclass(frozen=True)
class ServiceChanged:
    """The service is "starting", "ready" or "away"; `sentence` says more."""

    state: str
    sentence: str


Update = Moved | CurvesCame | FrameCame | FileCame | Ended | Answered | ServiceChanged


@dataclass(frozen=True)
class Snapshot:
    """A job as the service tells it (docs/service.md). `first` is its first frame, None where it is not told."""

    view: View
    revision: int
    first: int | None
    pieces: int
    frames: int
    files: tuple[str, ...]
    error: str
    removed: bool


def first_frame(submission: Mapping[str, Any]) -> int:
    """The take's frame that is a job's first picture; a shot has it in its painting."""
    return int(submission.get("painting", submission).get("first", 0))


def read_snapshot(data: Mapping[str, Any]) -> Snapshot:
    """Read a job of the service. Raises ValueError, with the reason, if it is none."""
    try:
        state = str(data["state"])
        if state not in ("queued", "running", *ENDED):
            raise ValueError(f"a job that is {state}")
        names = tuple(str(file["name"]) for file in data["files"])
        for name in names:
            if not _SAFE_NAME.fullmatch(name):
                raise ValueError("a file whose name is no name")
        left = data["left"]
        return Snapshot(
            view=View(
                id=str(data["id"]),
                state=state,  # type: ignore[arg-type]
                stage=str(data["stage"]),
                done=min(max(float(data["done"]), 0.0), 1.0),
                left=None if left is None else float(left),
                note=str((data.get("result") or {}).get("note") or ""),
            ),
            revision=int(data["revision"]),
            first=None if data["submission"] is None else first_frame(data["submission"]),
            pieces=int(data["pieces"]),
            frames=int(data["frames"]),
            files=names,
            error=str(data["error"] or ""),
            removed=bool(data["removed"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"a job without a proper {error}") from error
