"""A library to test with, the part of a worker played by hand, and what must hold of every library at any time."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from vlogger_backend.request import Request
from vlogger_backend.service.jobs import AnimateJob, Job, Product, State, Submission
from vlogger_backend.service.library import Library, open_library
from vlogger_backend.service.queue import Queue
from vlogger_backend.service.tasks import Run
from vlogger_backend.work.task import Advanced, CurvesDone, Done, FileDone

SOUND = "5" * 64


def animate(seed: int = 0, *products: Product) -> AnimateJob:
    """A job on the upload that `new_library` has."""
    return AnimateJob(Request(f"upload:{SOUND}", seed=seed), products)


def new_library(folder: Path, quota: int = 10**9) -> Library:
    library = open_library(folder, quota)
    (library.uploads / f"{SOUND}.wav").write_bytes(b"RIFF")
    return library


def content(submission: Submission) -> bytes:
    """What the worker by hand makes of a submission: its take."""
    return repr(submission).encode() * 10


def work_by_hand(queue: Queue, run: Run, submission: Submission) -> Done:
    """Do what a worker does in a run that is well, up to the outcome."""
    folder = run.task.folder
    queue.tell(run, Advanced("Starting", 0.0))
    (folder / "pieces").mkdir()
    (folder / "pieces" / "0.npz").write_bytes(b"piece")
    queue.tell(run, CurvesDone(0, 60))
    (folder / "take.npz").write_bytes(content(submission))
    queue.tell(run, FileDone("take.npz"))
    return Done({"seconds": 2.0})


def check_whole(library: Library, queue: Queue, under_way: Collection[Run] = ()) -> None:
    """What must hold of a library whenever nothing is about to change; `under_way` are the runs that go on."""
    jobs = queue.list(None, 10**6, None)
    assert len({job.number for job in jobs}) == len({job.id for job in jobs}) == len(jobs)
    assert [job.number for job in jobs] == sorted((job.number for job in jobs), reverse=True)
    kept = {job.id for job in jobs if job.state is State.DONE and not job.removed}
    running = {f"{job.id}-{job.attempt}" for job in jobs if job.state is State.RUNNING}
    running |= {run.task.folder.name for run in under_way}  # a run that was cancelled goes on for a moment
    assert set(os.listdir(library.jobs)) == kept
    assert set(os.listdir(library.work)) == running
    assert not [name for name in os.listdir(library.uploads) if name.startswith(".")]
    assert set(os.listdir(library.folder)) <= {"jobs", "work", "uploads", "jobs.sqlite", "jobs.sqlite-wal"}
    for job in jobs:
        _check_job(queue, job, job.id in kept)
        if job.state is not State.RUNNING:
            assert library.store.read(job.number) == job
    assert queue.counts() == {state: sum(job.state is state for job in jobs) for state in State}
    assert queue.used() == sum(size for job in jobs for _, size in job.files if job.id in kept) + sum(
        upload.size for upload in library.find_uploads()
    )


def _check_job(queue: Queue, job: Job, kept: bool) -> None:
    assert 0 <= job.attempt <= 2
    assert (job.error is not None) == (job.state in (State.FAILED, State.CANCELLED))
    assert (job.ended is not None) == (job.state in (State.DONE, State.FAILED, State.CANCELLED))
    if kept:
        assert [("take.npz", len(content(job.submission)))] == list(job.files)
        assert (queue.folder(job.id) / "take.npz").read_bytes() == content(job.submission)
        assert os.listdir(queue.folder(job.id)) == ["take.npz"]
        assert job.result == {"seconds": 2.0}
    elif job.state is not State.RUNNING:
        assert not job.files
        assert not job.pieces
