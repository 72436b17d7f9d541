"""Jobs as JSON, both ways: what a client posts, and what it is answered. FastAPI makes the description of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Interval, MaxLen
from pydantic import ConfigDict, Field

from ..errors import InputError
from .jobs import AnimateJob, CharacterJob, Job, PortraitJob, RenderJob, ShotJob, State, Submission

_LONGEST_SUBMISSION = 16_384
"""Bytes of a submission that still goes with every answer about its job."""

_KEPT = 1000
"""Jobs whose JSON is kept."""

KINDS = ("animate", "render", "character", "portrait", "shot")
Priority = Annotated[int, Interval(ge=-100, le=100)]
Label = Annotated[str, MaxLen(200)]


@dataclass(frozen=True, kw_only=True)
class _Posted:
    """What every job can be posted with. Fields that nobody knows are refused, here and in all that is inside."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid", "allow_inf_nan": False}

    priority: Priority = 0
    label: Label = ""


@dataclass(frozen=True)
class PostedAnimate(AnimateJob, _Posted):
    kind: Literal["animate"] = field(kw_only=True)


@dataclass(frozen=True)
class PostedRender(RenderJob, _Posted):
    kind: Literal["render"] = field(kw_only=True)


@dataclass(frozen=True)
class PostedCharacter(CharacterJob, _Posted):
    kind: Literal["character"] = field(kw_only=True)


@dataclass(frozen=True)
class PostedPortrait(PortraitJob, _Posted):
    kind: Literal["portrait"] = field(kw_only=True)


@dataclass(frozen=True)
class PostedShot(ShotJob, _Posted):
    kind: Literal["shot"] = field(kw_only=True)


_AnyPosted = PostedAnimate | PostedRender | PostedCharacter | PostedPortrait | PostedShot
Posted = Annotated[_AnyPosted, Field(discriminator="kind")]


def submission_of(posted: _AnyPosted) -> Submission:
    """What the queue takes.

    Raises InputError for text that is none: half a surrogate pair, or a path with a null in it.
    """
    kinds = (AnimateJob, RenderJob, CharacterJob, PortraitJob, ShotJob)
    kind = next(kind for kind in kinds if isinstance(posted, kind))
    submission = kind(**{f.name: getattr(posted, f.name) for f in fields(kind)})
    text = json.dumps(asdict(submission), ensure_ascii=False) + posted.label
    if "\\u0000" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InputError("A text in the job holds a character that is none (a null, or half of one); take it out.")
    return submission


@dataclass(frozen=True)
class FileAnswer:
    name: str
    size: int


@dataclass(frozen=True)
class JobAnswer:
    """A job as it is answered; what the fields mean is told in docs/service.md."""

    id: str
    number: int
    kind: Literal["animate", "render", "character", "portrait", "shot"]
    state: State
    priority: int
    label: str
    submission: Submission | None
    revision: int
    attempt: int
    stage: str
    done: float
    left: float | None
    pieces: int
    curve_frames: int
    frames: int
    preview: bool
    files: list[FileAnswer]
    result: dict[str, Any]
    error: str | None
    removed: bool
    created: datetime
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True)
class JobsAnswer:
    jobs: list[JobAnswer]


@dataclass(frozen=True)
class ErrorDetail:
    code: str
    message: str


@dataclass(frozen=True)
class ErrorAnswer:
    error: ErrorDetail


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route can answer with, for its description."""
    return {status: {"model": ErrorAnswer} for status in statuses}


class JobWriter:
    """Jobs as JSON. A job is written once for each change, however many clients ask for it. Thread-safe."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[int, bytes, bytes]] = {}
        self._lock = threading.Lock()

    def job(self, job: Job) -> bytes:
        with self._lock:
            known = self._written.get(job.id)
            if known is not None and known[0] == job.revision:
                return known[1]
        submission = known[2] if known is not None else _short(submission_json(job.submission))
        written = _job_json(job, submission)
        with self._lock:
            self._written[job.id] = job.revision, written, submission
            if len(self._written) > _KEPT:
                del self._written[next(iter(self._written))]
        return written

    def jobs(self, jobs: Iterable[Job]) -> bytes:
        return b'{"jobs": [' + b", ".join(self.job(job) for job in jobs) + b"]}"


def submission_json(submission: Submission) -> bytes:
    return json.dumps(asdict(submission), ensure_ascii=False).encode()


def _short(submission: bytes) -> bytes:
    return submission if len(submission) <= _LONGEST_SUBMISSION else b"null"


def _job_json(job: Job, submission: bytes) -> bytes:
    values = {
        "id": job.id,
        "number": job.number,
        "kind": job.submission.kind,
        "state": job.state,
        "priority": job.priority,
        "label": job.label,
        "submission": 0,
        "revision": job.revision,
        "attempt": job.attempt,
        "stage": job.stage,
        "done": job.done,
        "left": job.left,
        "pieces": job.pieces,
        "curve_frames": job.curve_frames,
        "frames": job.frames,
        "preview": job.preview,
        "files": [{"name": name, "size": size} for name, size in job.files],
        "result": job.result,
        "error": job.error,
        "removed": job.removed,
        "created": _time(job.created),
        "started": _time(job.started),
        "ended": _time(job.ended),
    }
    parts = [
        json.dumps(name).encode() + b": " + (submission if name == "submission" else _value(value))
        for name, value in values.items()
    ]
    return b"{" + b", ".join(parts) + b"}"


def _value(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
