"""From what was submitted to what a worker does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ..request import Body
from ..work.task import Animate, MakeCharacter, MakePortrait, PaintShot, Render, Task
from .jobs import AnimateJob, CharacterJob, PortraitJob, RenderJob, ShotJob, Submission
from .progress import Stage

LaneName = Literal["curves", "pictures"]
LANES: tuple[LaneName, ...] = ("curves", "pictures")


def lane_of(submission: Submission) -> LaneName:
    """Curves have a worker of their own, so that they never wait for pictures."""
    if isinstance(submission, AnimateJob):
        return "pictures" if submission.products else "curves"
    if isinstance(submission, CharacterJob) and submission.body == Body():  # another body takes minutes to build
        return "curves"
    return "pictures"


def sources_of(submission: Submission) -> tuple[str, ...]:
    """The files that it is made from, as the client names them."""
    match submission:
        case AnimateJob():
            return (submission.request.audio,)
        case RenderJob():
            return (submission.take,)
        case PortraitJob():
            return (submission.photo,)
        case ShotJob():
            painting = submission.painting
            described = painting.renderer if painting.renderer.lower().endswith(".toml") else ""
            named = (submission.take, submission.portrait, submission.sound, painting.background_file, described)
            return tuple(name for name in named if name)
        case CharacterJob():
            return ()


def task_of(submission: Submission, folder: Path, places: Mapping[str, Path]) -> Task:
    """The worker's task: `folder` is where its files go, `places` where each of its sources is."""
    match submission:
        case AnimateJob():
            products = tuple(f".{product}" for product in submission.products)
            return Animate(folder, submission.request, places[submission.request.audio], products, pieces=True)
        case RenderJob():
            place = places[submission.take]
            return Render(folder, place, submission.camera, submission.body, submission.first, submission.last)
        case PortraitJob():
            return MakePortrait(folder, places[submission.photo], submission.face, submission.name)
        case ShotJob():
            painting, video = submission.painting, submission.video
            renderer, background = (str(places.get(name, name)) for name in (painting.renderer, painting.background))
            painting = replace(painting, renderer=renderer, background=background)
            sound = None if submission.sound is None else places[submission.sound]
            return PaintShot(folder, places[submission.take], places[submission.portrait], painting, video, sound)
        case CharacterJob():
            return MakeCharacter(folder, submission.body)


@dataclass(frozen=True)
class Run:
    """One attempt at a job, for a worker; and what it is at."""

    id: str
    attempt: int
    task: Task
    stage: Stage = field(default_factory=Stage)
