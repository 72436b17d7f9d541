"""From what was submitted to what a worker does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..request import Body
from ..work.task import Animate, MakeCharacter, Render, Task
from .jobs import AnimateJob, RenderJob, Submission
from .progress import Stage

LaneName = Literal["curves", "pictures"]
LANES: tuple[LaneName, ...] = ("curves", "pictures")


def lane_of(submission: Submission) -> LaneName:
    """Curves have a worker of their own, so that they never wait for pictures."""
    if isinstance(submission, AnimateJob):
        return "pictures" if submission.products else "curves"
    if isinstance(submission, RenderJob):
        return "pictures"
    return "curves" if submission.body == Body() else "pictures"  # another body takes minutes to build


def source_of(submission: Submission) -> str:
    """The sound or take that it is made from, as the client names it; "" if there is none."""
    if isinstance(submission, AnimateJob):
        return submission.request.audio
    return submission.take if isinstance(submission, RenderJob) else ""


def task_of(submission: Submission, folder: Path, source: Path) -> Task:
    """The worker's task: `folder` is where its files go, `source` where its sound or take is."""
    if isinstance(submission, AnimateJob):
        products = tuple(f".{product}" for product in submission.products)
        return Animate(folder, submission.request, source, products, pieces=True)
    if isinstance(submission, RenderJob):
        return Render(folder, source, submission.camera, submission.body, submission.first, submission.last)
    return MakeCharacter(folder, submission.body)


@dataclass(frozen=True)
class Run:
    """One attempt at a job, for a worker; and what it is at."""

    id: str
    attempt: int
    task: Task
    stage: Stage = field(default_factory=Stage)
