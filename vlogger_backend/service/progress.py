"""How far a running job is, from what its worker tells."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..work.task import Advanced, CurvesDone, Event, FileDone, FrameDone, PreviewDone
from .jobs import Job

OVER: dict[str, Any] = {"stage": "", "left": None, "pieces": 0, "curve_frames": 0}
"""What changes of a job when its run is over."""
NOTHING: dict[str, Any] = {**OVER, "done": 0.0, "frames": 0, "preview": False, "files": (), "result": {}}
"""The same, if nothing came of the run."""


@dataclass
class Stage:
    """What a run is at, and since when by the monotonic clock."""

    name: str = ""
    since: float = 0.0


def job_after(job: Job, event: Event, stage: Stage, folder: Path) -> Job:
    """The job after an event of its worker, whose files are in `folder`. `stage` is kept up to date."""
    match event:
        case Advanced(name, done):
            now = time.monotonic()
            if name != stage.name:
                stage.name, stage.since = name, now
            left = (now - stage.since) * (1 - done) / done if done > 0 else None
            return replace(job, stage=name, done=done, left=left)
        case CurvesDone(piece, frames):
            return replace(job, pieces=max(job.pieces, piece + 1), curve_frames=frames)
        case FrameDone():
            return replace(job, frames=job.frames + 1)
        case PreviewDone():
            return replace(job, preview=True)
        case FileDone(name):
            others = tuple(file for file in job.files if file[0] != name)
            return replace(job, files=(*others, (name, (folder / name).stat().st_size)))


def now_after(earlier: float | None) -> float:
    """The time now, in seconds since 1970; if the clock was set back, `earlier`."""
    return max(time.time(), earlier or 0.0)
