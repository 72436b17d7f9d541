"""The queue: every job and its state, what may happen to it, and the lanes in which the jobs are worked on.

A state is on disk before anyone is told of it; how far a job is lives in memory only. Jobs that wait or run, and those
that were asked for lately, are in memory as snapshots, so that reading them takes no disk and no lock.

Nothing is ordered by the clock on the wall: jobs by their numbers, time spans by the monotonic clock.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..work.task import (
    Advanced,
    Cancelled,
    CurvesDone,
    Died,
    Done,
    Event,
    Failed,
    FileDone,
    FrameDone,
    Outcome,
    PreviewDone,
)
from .errors import Conflict, JobNotFound, LibraryFull
from .jobs import ENDED, Job, State, Submission
from .lanes import Lane
from .library import Library, Upload, remove
from .store import Entry
from .tasks import LANES, LaneName, Run, lane_of, source_of, task_of

__all__ = ["Conflict", "JobNotFound", "LibraryFull", "Queue"]

_ATTEMPTS = 2
"""Runs that a job gets by itself: one, and one more if it was interrupted."""
_RECENT = 500
"""Ended jobs whose snapshots stay in memory."""
_UNTOLD = 1_000_000
"""More changes than a run has: what a client saw of a run before a kill is older than what it sees after."""
_FRESH = 3600.0
"""Seconds for which an upload waits for its job before it may go to make room."""
_FORGOTTEN = 7 * 86400.0
"""Seconds after which an upload that no job refers to is removed at the start."""

_log = logging.getLogger(__name__)


@dataclass
class _Stage:
    """What a running job is at, and since when by the monotonic clock."""

    attempt: int
    name: str = ""
    since: float = 0.0


class Queue:
    """Thread-safe. What changes a job writes to disk first; reading a job that waits, runs or ended lately doesn't.

    Making one puts right what a kill left behind: see `_recover`.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._store = library.store
        self._changing = threading.RLock()  # one change after the other; held while SQLite writes
        self._memory = threading.RLock()  # the dictionaries below; held for moments
        self._entries = self._store.entries
        self._keys = {entry.key: entry.id for entry in self._entries.values() if entry.key is not None}
        self._live: dict[str, Job] = {}
        self._recent: dict[str, Job] = {}
        self._stages: dict[str, _Stage] = {}
        self._unsaved: dict[int, str] = {}
        self._last = self._store.last
        self._listeners: tuple[Callable[[Job], None], ...] = ()
        self._lanes: dict[LaneName, Lane] = {}
        self._stopping = False
        self._recover()

    def start(self) -> None:
        """Begin to work on the jobs."""
        self._stopping = False
        self._lanes = {name: Lane(self, name, warm=name == "curves") for name in LANES}
        for lane in self._lanes.values():
            lane.start()

    def stop(self) -> None:
        """End the workers. Running jobs wait again, as if they had not begun. The library stays open."""
        self._stopping = True
        for lane in self._lanes.values():
            lane.stop()
        self._lanes = {}
        with self._changing:
            self._save()

    # What clients ask for

    def submit(
        self, submission: Submission, priority: int = 0, label: str = "", key: str | None = None
    ) -> tuple[Job, bool]:
        """The job that was made of a submission, and whether it is new: the same `key` gives the same job.

        Raises Conflict if `key` was used for another submission, LibraryFull if the disk doesn't take it, InputError
        if its sound or take is not here.
        """
        source = source_of(submission)
        with self._changing:
            if key is not None and key in self._keys:
                job = self.get(self._keys[key])
                if job.submission != submission:
                    raise Conflict("This idempotency key was used for another job; use a new one for each.")
                return job, False
            if source:
                self.resolve(source)
            self._last += 1
            job = Job(uuid.uuid4().hex, self._last, submission, priority=priority, label=label, created=time.time())
            entry = Entry(job.number, job.id, job.state, source=source, key=key)
            self._save((entry, job), required=True)
            with self._memory:
                if key is not None:
                    self._keys[key] = job.id
                self._hold(entry, job)
        self._wake(submission)
        return job, True

    def get(self, id: str) -> Job:
        """One job as it is now. Raises JobNotFound."""
        while True:
            with self._memory:
                job = self._live.get(id) or self._recent.get(id)
                if job is not None:
                    return job
                entry = self._entries.get(id)
            if entry is None:
                raise JobNotFound(f"There is no job {id[:80]}; it may have been deleted.")
            old = self._store.read(entry.number)
            with self._memory:
                if old is not None and self._entries.get(id) is entry:
                    self._hold(entry, old, news=False)

    def list(self, state: State | None, limit: int, before: int | None) -> list[Job]:
        """At most `limit` jobs, newest first, with numbers below `before`."""
        with self._memory:
            wanted = [
                entry.id
                for entry in reversed(self._entries.values())
                if (before is None or entry.number < before) and (state is None or entry.state is state)
            ][:limit]
        jobs = []
        for id in wanted:
            with suppress(JobNotFound):  # deleted meanwhile
                jobs.append(self.get(id))
        return jobs

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._memory:
            counted = Counter(entry.state for entry in self._entries.values())
        return {state: counted[state] for state in State}

    def used(self) -> int:
        """Bytes that results and uploads take of the quota."""
        with self._memory:
            results = sum(entry.size for entry in self._entries.values() if not entry.removed)
        return results + sum(upload.size for upload in self._library.find_uploads())

    def folder(self, id: str) -> Path:
        """Where the job's files are now. When it ends they move: a file that isn't there may be at a new place by now.

        Raises JobNotFound.
        """
        job = self.get(id)
        if job.state is State.RUNNING:
            work = self._library.work_folder(id, job.attempt)
            if work.exists():
                return work
        return self._library.job_folder(id)

    def resolve(self, source: str) -> Path:
        """Where the file is that a submission names: `upload:ID`, `job:ID` (the take of that job), or a path.

        Raises InputError if it is not here.
        """
        kind, _, id = source.partition(":")
        if kind == "upload":
            return self._library.upload(id)
        if kind == "job":
            return self._take_of(id)
        path = Path(source)
        if not path.is_absolute():
            raise InputError(f"{source[:200]} is no whole path; give one that begins at the root, or upload the file.")
        try:
            there = path.is_file()
        except OSError:
            there = False
        if not there:
            raise InputError(f"There is no file {source[:200]} on the machine of the service.")
        return path

    def cancel(self, id: str) -> Job:
        """Cancel a job that waits or runs; its worker lets go of it within half a second.

        Raises JobNotFound, or Conflict if it has ended.
        """
        with self._changing:
            job = self.get(id)
            if job.state in ENDED:
                raise Conflict(f"The job has ended already ({job.state}); there is nothing to cancel.")
            job = self._leave(id, State.CANCELLED, "It was cancelled.")
        self._let_go(job)
        return job

    def retry(self, id: str) -> Job:
        """Let a job that failed, was cancelled or has lost its files run once more, at the place of its number.

        Raises JobNotFound, Conflict in any other state, LibraryFull, or InputError if its sound or take is gone.
        """
        with self._changing:
            job = self.get(id)
            if job.state not in ENDED or (job.state is State.DONE and not job.removed):
                raise Conflict(f"The job is {job.state}; only one that failed or was cancelled can be tried again.")
            source = source_of(job.submission)
            if source:
                self.resolve(source)
            job = self._change(
                id, required=True, size=0, state=State.QUEUED, attempt=0, error=None, started=None, ended=None,
                removed=False, result={}, done=0.0,
            )  # fmt: skip
        self._wake(job.submission)
        return job

    def delete(self, id: str) -> None:
        """Forget a job, and remove its files; one that runs is cancelled.

        Raises JobNotFound, or Conflict if another job needs its take, or someone reads its files (on Windows).
        """
        with self._changing:
            job = self.get(id)
            self._refuse_if_needed(f"job:{id}")
            try:
                away = self._library.take_away(id)
            except OSError as error:
                raise Conflict("The files of the job are being read; try again in a moment.") from error
            with self._memory:
                entry = self._entries.pop(id)
                for memory in (self._live, self._recent, self._stages):
                    memory.pop(id, None)
                if entry.key is not None:
                    del self._keys[entry.key]
            self._save(deleted=entry)
            ended = job.state if job.state in ENDED else State.CANCELLED
            self._tell(replace(job, state=ended, removed=True, files=(), revision=job.revision + 1))
        self._let_go(job)
        if away is not None:
            remove(away)

    def remove_upload(self, id: str) -> None:
        """Remove an upload. Raises InputError if there is none, Conflict if a job that waits or runs needs it."""
        with self._changing:
            path = self._library.upload(id)
            self._refuse_if_needed(f"upload:{id}")
            remove(path)

    def make_room(self, size: int, spare: str = "") -> None:
        """See that `size` more bytes fit into the quota: remove what is oldest, and what no job waits for.

        The job `spare` keeps its files. Raises LibraryFull if that is not enough, or the disk is too full.
        """
        away: list[Path] = []
        with self._changing:
            excess = self.used() + size - self._library.quota
            for item in self._dispensable(spare) if excess > 0 else ():
                if excess <= 0:
                    break
                excess -= item.size
                if isinstance(item, Upload):
                    remove(item.path)
                else:
                    away += self._clear(item)
        for path in away:
            remove(path)
        if size and (excess > 0 or shutil.disk_usage(self._library.folder).free < size):
            raise LibraryFull("The library is full; delete jobs or uploads, or start the service with a larger quota.")

    def watch(self, listener: Callable[[Job], None]) -> Callable[[], None]:
        """Have `listener` called at each change of a job, from any thread, deletions too (`removed`).

        It must be quick, and change nothing here. Returns the function that ends it.
        """
        with self._memory:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._memory:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return end

    # What the lanes ask for

    def begin(self, lane: LaneName) -> Run | None:
        """The next job of a lane, which runs from now on; None if there is none."""
        while True:
            with self._changing:
                if self._unsaved:
                    self._save()
                waiting = [
                    job for job in self._live.values() if job.state is State.QUEUED and lane_of(job.submission) == lane
                ]
                if self._stopping or not waiting:
                    return None
                run = self._try_to_begin(min(waiting, key=lambda job: (-job.priority, job.number)))
            if run is not None:
                return run

    def tell(self, run: Run, event: Event) -> bool:
        """Note what the worker tells. False if the job is not wanted any longer."""
        with self._memory:
            stage = self._stages.get(run.id)
            if stage is None or stage.attempt != run.attempt:
                return False
            job = self._live[run.id]
            self._live[run.id] = replace(self._after(job, event, stage), revision=job.revision + 1)
            self._tell(self._live[run.id])
            return True

    def end(self, run: Run, outcome: Outcome) -> None:
        """Note how a run ended. Results are kept, and nothing of a run without them."""
        if isinstance(outcome, Done):
            try:
                size = self._library.settle(run.id, run.attempt)
                if self._keep(run, size, _plain(outcome.result)):
                    self.make_room(0, spare=run.id)
                    return
            except (InputError, OSError) as error:
                outcome = Failed(_not_kept(error), mendable=True)
        remove(self._library.work_folder(run.id, run.attempt))
        with self._changing:
            if not self._runs(run):
                return
            if isinstance(outcome, Cancelled):
                self._leave(run.id, State.CANCELLED, "It was cancelled.")
            elif isinstance(outcome, Died) and (self._stopping or run.attempt < _ATTEMPTS):
                attempt = run.attempt - 1 if self._stopping else run.attempt
                self._change(run.id, state=State.QUEUED, attempt=attempt, **_NOTHING)
            elif isinstance(outcome, Failed | Died):
                self._leave(run.id, State.FAILED, outcome.sentence)

    # How it is done

    def _try_to_begin(self, job: Job) -> Run | None:
        source, attempt = source_of(job.submission), job.attempt + 1
        try:
            path = self.resolve(source) if source else Path()
            folder = self._library.begin(job.id, attempt)
            started = _not_before(job.created)
            self._change(job.id, required=True, state=State.RUNNING, attempt=attempt, started=started, **_NOTHING)
        except (InputError, OSError) as error:
            remove(self._library.work_folder(job.id, attempt))
            self._leave(job.id, State.FAILED, _not_kept(error))
            return None
        with self._memory:
            self._stages[job.id] = _Stage(attempt)
        return Run(job.id, attempt, task_of(job.submission, folder, path))

    def _after(self, job: Job, event: Event, stage: _Stage) -> Job:
        """The job after an event of its worker."""
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
                path = self._library.work_folder(job.id, job.attempt) / name
                others = tuple(file for file in job.files if file[0] != name)
                return replace(job, files=(*others, (name, path.stat().st_size))) if path.exists() else job
        raise AssertionError(event)

    def _keep(self, run: Run, size: int, result: dict[str, Any]) -> bool:
        """Make the files of a run the results of its job; False if it is not wanted any longer.

        What the results are is written first, then they get their place, then the job is done: wherever a kill comes
        between, `_recover` knows what to do.
        """
        with self._changing:
            if not self._runs(run):
                return False
            job = self._live[run.id]
            kept = replace(job, result=result, preview=False, **_ENDED)
            self._save((replace(self._entries[run.id], size=size), kept), required=True)
            try:
                self._library.keep(run.id, run.attempt)
            except OSError:
                remove(self._library.job_folder(run.id))
                raise
            self._change(
                run.id, size=size, state=State.DONE, result=result, done=1.0, ended=_not_before(job.started), **_ENDED
            )
            return True

    def _runs(self, run: Run) -> bool:
        job = self._live.get(run.id)
        return job is not None and job.state is State.RUNNING and job.attempt == run.attempt

    def _leave(self, id: str, state: State, error: str) -> Job:
        """End a job without results."""
        job = self.get(id)
        sentence = error.encode("utf-8", "replace").decode()
        return self._change(id, state=state, error=sentence, ended=_not_before(job.started), **_NOTHING)

    def _change(self, id: str, *, required: bool = False, size: int | None = None, **changes: Any) -> Job:
        """Change a job on disk, then in memory, then tell of it. Only under `_changing`."""
        with self._memory:
            self._stages.pop(id, None)  # from here on nothing else changes it
            job = self.get(id)
        job = replace(job, revision=job.revision + 1, **changes)
        entry = self._entries[id]
        entry = replace(entry, state=job.state, removed=job.removed, size=entry.size if size is None else size)
        self._save((entry, job), required=required)
        with self._memory:
            self._hold(entry, job)
        return job

    def _hold(self, entry: Entry, job: Job, news: bool = True) -> None:
        """Keep a job in memory, and forget the snapshot of an old one. Only under `_memory`."""
        self._entries[job.id] = entry
        self._live.pop(job.id, None)
        self._recent.pop(job.id, None)
        (self._recent if job.state in ENDED else self._live)[job.id] = job
        if len(self._recent) > _RECENT + len(self._unsaved):
            unsaved = set(self._unsaved.values())
            self._recent.pop(next(id for id in self._recent if id not in unsaved))
        if news:
            self._tell(job)

    def _save(self, *changed: tuple[Entry, Job], deleted: Entry | None = None, required: bool = False) -> None:
        """Write what changed, and what could not be written before. Only under `_changing`.

        If the disk doesn't take it, `required` raises; else memory goes on without it, until the next writing. Either
        way the next writing brings the disk to what is in memory then.
        """
        numbers = {entry.number: entry.id for entry, _ in changed}
        if deleted is not None:
            numbers[deleted.number] = deleted.id
        older = [id for number, id in self._unsaved.items() if number not in numbers]
        again = [(self._entries[id], self.get(id)) for id in older if id in self._entries]
        gone = [number for number, id in (self._unsaved | numbers).items() if id not in self._entries]
        if not (changed or deleted or self._unsaved):
            return
        try:
            self._store.write([*again, *changed], deleted=gone)
        except LibraryFull as error:
            self._unsaved |= numbers
            if required:
                raise
            _log.warning("%s", error)
        else:
            self._unsaved.clear()

    def _recover(self) -> None:
        """Put right what a kill left behind, whatever moment it came at."""
        whole = {path.name for path in self._library.jobs.iterdir()}
        changed: list[tuple[Entry, Job]] = []
        for entry in self._entries.values():
            if entry.state is State.DONE and not entry.removed and entry.id not in whole:
                changed.append(self._without_files(entry))
            elif entry.state is State.RUNNING:
                changed.append(self._interrupted(entry, entry.id in whole))
            elif entry.state is State.QUEUED:
                job = self._store.read(entry.number)
                assert job is not None
                self._live[entry.id] = job
        with self._memory:
            for entry, job in changed:
                self._hold(entry, job)
        self._save(*changed)
        kept = {entry.id for entry in self._entries.values() if entry.state is State.DONE and not entry.removed}
        self._library.sweep(kept)
        known = {entry.source for entry in self._entries.values()}
        for upload in self._library.find_uploads():
            if upload.age > _FORGOTTEN and f"upload:{upload.id}" not in known:
                remove(upload.path)

    def _interrupted(self, entry: Entry, whole: bool) -> tuple[Entry, Job]:
        """What becomes of a job that ran when the service was killed. `whole`: its results had got their place."""
        job = self._store.read(entry.number)
        assert job is not None
        job = replace(job, revision=job.revision + _UNTOLD)
        if whole:
            job = replace(job, state=State.DONE, done=1.0, ended=_not_before(job.started))
        elif job.attempt < _ATTEMPTS:
            job = replace(job, state=State.QUEUED, **_NOTHING)
        else:
            error = "The service ended twice while this ran; retry it, or try something shorter."
            job = replace(job, state=State.FAILED, error=error, ended=_not_before(job.started), **_NOTHING)
        return replace(entry, state=job.state), job

    def _clear(self, entry: Entry) -> tuple[Path, ...]:
        """Take the results of a job away to make room; the job stays in the list. Returns what is left to remove."""
        try:
            away = self._library.take_away(entry.id)
        except OSError:
            return ()  # being read
        self._change(entry.id, size=0, removed=True, files=(), frames=0, preview=False)
        return () if away is None else (away,)

    def _without_files(self, entry: Entry) -> tuple[Entry, Job]:
        job = self._store.read(entry.number)
        assert job is not None
        job = replace(job, revision=job.revision + 1, removed=True, files=(), frames=0, preview=False)
        return replace(entry, removed=True, size=0), job

    def _dispensable(self, spare: str) -> tuple[Entry | Upload, ...]:
        """What may go to make room, oldest first: results, and uploads after the last job that was made of them."""
        needed = {source_of(job.submission) for job in self._live.values()}
        last = {entry.source: entry.number for entry in self._entries.values()}
        found: list[tuple[int, int, Entry | Upload]] = []
        for entry in self._entries.values():
            if entry.state is State.DONE and not entry.removed and entry.id != spare:
                found.append((entry.number, 0, entry))
        for upload in self._library.find_uploads():
            number = last.get(f"upload:{upload.id}", 0)
            if number or upload.age > _FRESH:
                found.append((number, 1, upload))
        kinds = {Entry: "job", Upload: "upload"}
        found = [item for item in found if f"{kinds[type(item[2])]}:{item[2].id}" not in needed]
        return tuple(item for _, _, item in sorted(found, key=lambda item: item[:2]))

    def _take_of(self, id: str) -> Path:
        job = self.get(id)
        take = self._library.job_folder(id) / "take.npz"
        if job.removed:
            raise InputError(f"The take of the job {id} was removed to make room; retry that job first.")
        if job.state is not State.DONE:
            raise InputError(f"The job {id} is {job.state} and has no take yet; wait until it is done.")
        if not take.is_file():
            raise InputError(f"The job {id} made no take; name one that animated a sound.")
        return take

    def _refuse_if_needed(self, source: str) -> None:
        for job in self._live.values():
            if source_of(job.submission) == source:
                raise Conflict(f"The job {job.id} needs it; wait for that job, or cancel it first.")

    def _wake(self, submission: Submission) -> None:
        lane = self._lanes.get(lane_of(submission))
        if lane is not None:
            lane.wake()

    def _let_go(self, job: Job) -> None:
        lane = self._lanes.get(lane_of(job.submission))
        if lane is not None:
            lane.cancel(job.id)

    def _tell(self, job: Job) -> None:
        """Tell the listeners, under `_memory`, so that they hear of changes in their order."""
        for listener in self._listeners:
            try:
                listener(job)
            except Exception:
                _log.exception("a listener failed")


_ENDED: dict[str, Any] = {"stage": "", "left": None, "pieces": 0, "curve_frames": 0}
"""What a job that ended is at."""
_NOTHING: dict[str, Any] = {**_ENDED, "done": 0.0, "frames": 0, "preview": False, "files": (), "result": {}}
"""What a job has that has no results."""


def _not_before(earlier: float | None) -> float:
    """The time now, in seconds since 1970; if the clock was set back, `earlier`."""
    return max(time.time(), earlier or 0.0)


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of a worker as JSON has them: without halves of characters, or numbers that are none."""
    text = json.dumps(result, ensure_ascii=False).encode("utf-8", "replace")
    plain: dict[str, Any] = json.loads(text, parse_constant=lambda _: None)
    return plain


def _not_kept(error: InputError | OSError) -> str:
    if isinstance(error, InputError):
        return str(error)
    if error.errno == errno.ENOSPC:
        return "The disk is full; free some space, then retry the job."
    return f"The files of the job can't be kept in the library: {error.strerror or error}; then retry the job."
