"""The lanes, with real workers: what runs beside what, what a worker's death costs, and when models are let go."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from vlogger_backend.motion.take import read_take
from vlogger_backend.request import Request
from vlogger_backend.service import lanes
from vlogger_backend.service.jobs import ENDED, AnimateJob, Job, State
from vlogger_backend.service.library import Library, open_library
from vlogger_backend.service.queue import Queue

LONG = 60.0
"""Seconds that anything may take before it has failed."""


class Watcher:
    """Waits for what is told of jobs."""

    def __init__(self, queue: Queue) -> None:
        self._news = threading.Condition()
        self.told: dict[str, list[Job]] = {}
        queue.watch(self._hear)

    def _hear(self, job: Job) -> None:
        with self._news:
            self.told.setdefault(job.id, []).append(job)
            self._news.notify_all()

    def until(self, id: str, wanted: Callable[[Job], bool]) -> Job:
        """The first that was told of the job and is as wanted."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(wanted, self.told.get(id, ()))), LONG)
            return next(job for job in self.told[id] if wanted(job))

    def ended(self, id: str) -> Job:
        return self.until(id, lambda job: job.state in ENDED)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    pause, deadline = threading.Event(), time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline
        pause.wait(0.01)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = open_library(tmp_path / "library")
    yield library
    library.close()


@pytest.fixture
def queue(library: Library) -> Iterator[Queue]:
    queue = Queue(library)
    yield queue
    queue.stop()
    assert not workers()


def workers() -> list[psutil.Process]:
    """The worker processes that we have started, and that have not ended."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "vlogger_backend.work.child" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture(scope="module")
def long_line(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound of some minutes, so that there is time to do something to who works on it."""
    import av
    import numpy as np

    with av.open(str(line)) as file:
        rate = file.streams.audio[0].rate
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    import soundfile

    path = tmp_path_factory.mktemp("voice") / "long.wav"
    soundfile.write(path, np.tile(sound, 60), rate)
    return path


def test_two_jobs_in_two_lanes_beside_each_other(queue: Queue, library: Library, line: Path, long_line: Path) -> None:
    watcher = Watcher(queue)
    queue.start()
    picture, _ = queue.submit(AnimateJob(Request(str(long_line)), ("glb",)))
    watcher.until(picture.id, lambda job: job.stage == "Listening")
    curves, _ = queue.submit(AnimateJob(Request(str(line))))
    done = watcher.ended(curves.id)
    assert queue.get(picture.id).state is State.RUNNING
    assert done.state is State.DONE
    assert read_take(queue.folder(done.id) / "take.npz").request.audio == str(line)
    assert done.files == (("take.npz", (queue.folder(done.id) / "take.npz").stat().st_size),)
    assert any(job.pieces and job.curve_frames for job in watcher.told[done.id])
    assert done.result["spoken"] is True
    assert os.listdir(queue.folder(done.id)) == ["take.npz"]
    queue.delete(picture.id)


def test_cancelling_takes_effect_at_once_and_the_next_job_runs(
    queue: Queue, library: Library, line: Path, long_line: Path
) -> None:
    watcher = Watcher(queue)
    queue.start()
    job, _ = queue.submit(AnimateJob(Request(str(long_line))))
    after, _ = queue.submit(AnimateJob(Request(str(line))))
    watcher.until(job.id, lambda job: job.stage == "Listening" and job.done > 0)
    began = time.monotonic()
    assert queue.cancel(job.id).state is State.CANCELLED
    watcher.until(after.id, lambda job: job.state is State.RUNNING)
    assert time.monotonic() - began < 10  # how soon it is: benchmarks/cancelling.py
    assert watcher.ended(after.id).state is State.DONE
    assert not os.listdir(library.work)


def test_a_killed_worker_takes_no_job_with_it(queue: Queue, library: Library, long_line: Path, line: Path) -> None:
    watcher = Watcher(queue)
    queue.start()
    job, _ = queue.submit(AnimateJob(Request(str(long_line))))
    after, _ = queue.submit(AnimateJob(Request(str(line))))
    for attempt in (1, 2):
        running = watcher.until(job.id, lambda job: job.attempt == attempt and job.stage == "Listening")  # noqa: B023
        assert running.state is State.RUNNING
        for worker in workers():
            os.kill(worker.pid, signal.SIGKILL)
    failed = watcher.ended(job.id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "probably because memory ran out" in failed.error
    assert watcher.ended(after.id).state is State.DONE
    assert not os.listdir(library.work)
    again = queue.retry(job.id)
    assert (again.state, again.attempt) == (State.QUEUED, 0)
    queue.cancel(job.id)


def test_a_stop_puts_what_runs_back(queue: Queue, library: Library, long_line: Path) -> None:
    watcher = Watcher(queue)
    queue.start()
    job, _ = queue.submit(AnimateJob(Request(str(long_line))))
    watcher.until(job.id, lambda job: job.stage == "Listening")
    began = time.monotonic()
    queue.stop()
    assert time.monotonic() - began < 5
    assert not workers()
    assert (queue.get(job.id).state, queue.get(job.id).attempt) == (State.QUEUED, 0)
    assert not os.listdir(library.work)
    assert library.store.read(job.number) == queue.get(job.id)
    queue.start()
    watcher.until(job.id, lambda job: job.state is State.RUNNING and job.stage == "Listening")
    queue.cancel(job.id)


def test_a_worker_that_cannot_start_is_told(
    queue: Queue, line: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    watcher = Watcher(queue)
    queue.start()
    failed = watcher.ended(queue.submit(AnimateJob(Request(str(line))))[0].id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "worker can't be started" in failed.error
    monkeypatch.undo()
    assert watcher.ended(queue.submit(AnimateJob(Request(str(line), seed=1)))[0].id).state is State.DONE


def test_what_is_no_sound_fails_with_the_reason(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "words.wav"
    path.write_text("These are no sounds.")
    watcher = Watcher(queue)
    queue.start()
    failed = watcher.ended(queue.submit(AnimateJob(Request(str(path))))[0].id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "words.wav" in failed.error


def test_models_are_let_go_when_idle(queue: Queue, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "IDLE", 0.2)
    watcher = Watcher(queue)
    queue.start()
    for seed in range(2):
        assert watcher.ended(queue.submit(AnimateJob(Request(str(line), seed=seed)))[0].id).state is State.DONE
        until(lambda: not workers())


def test_models_are_let_go_when_memory_is_short(queue: Queue, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "SHORT", 1.1)  # of all memory: it always is
    watcher = Watcher(queue)
    queue.start()
    for seed in range(2):
        assert watcher.ended(queue.submit(AnimateJob(Request(str(line), seed=seed)))[0].id).state is State.DONE
        until(lambda: not workers())


def test_a_disk_that_gets_full_under_a_worker(small_disk: Path, line: Path) -> None:
    library = open_library(small_disk / "library")
    queue = Queue(library)
    watcher = Watcher(queue)
    queue.start()
    sound = small_disk / "line.wav"
    shutil.copy(line, sound)
    with open(small_disk / "ballast", "wb") as file:  # room for the list, not for the take
        file.write(bytes(shutil.disk_usage(small_disk).free - 40_000))
    failed = watcher.ended(queue.submit(AnimateJob(Request(str(sound))))[0].id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "disk is full" in failed.error
    assert not os.listdir(library.work)
    (small_disk / "ballast").unlink()
    queue.retry(failed.id)
    watcher.until(failed.id, lambda job: job.state is State.DONE)
    queue.stop()
    library.close()
