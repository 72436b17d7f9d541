"""The queue: what may happen to a job, in which order jobs run, and the lanes in which they do.

Nothing is ordered by the clock on the wall: jobs by their numbers, time spans by the monotonic clock.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable, MutableSequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..work.task import Cancelled, Died, Done, Event, Failed, Outcome
from .errors import Conflict, JobNotFound, LibraryFull
from .jobs import ENDED, Job, PortraitJob, State, Submission
from .lanes import Lane
from .ledger import Ledger
from .library import Library, Upload, remove
from .progress import NOTHING, OVER, job_after, now_after
from .recovery import ATTEMPTS, GONE, recover
from .room import dispensable
from .store import Entry
from .tasks import LANES, LaneName, Run, lane_of, sources_of, task_of

_log = logging.getLogger(__name__)

__all__ = ["Conflict", "JobNotFound", "LibraryFull", "Queue"]


class Queue:
    """Thread-safe. What changes a job writes to disk first; reading a job that waits, runs or ended lately doesn't.

    Making one puts right what a kill left behind.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._ledger = Ledger(library.store)
        self._lanes: dict[LaneName, Lane] = {}
        self._stopping = False
        recover(self._ledger, library)

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
        with self._ledger.changing:
            self._ledger.save()

    # What clients ask for

    def submit(
        self, submission: Submission, priority: int = 0, label: str = "", key: str | None = None
    ) -> tuple[Job, bool]:
        """The job that was made of a submission, and whether it is new: the same `key` gives the same job.

        Raises Conflict if `key` was used for another submission, LibraryFull if the disk doesn't take it, InputError
        if a file that it is made from is not here.
        """
        with self._ledger.changing:
            known = None if key is None else self._ledger.with_key(key)
            if known is not None:
                if known.submission != submission:
                    raise Conflict("This idempotency key was used for another job; use a new one for each.")
                return known, False
            sources = sources_of(submission)
            for source in sources:
                self.resolve(source)
            number = self._ledger.last + 1
            job = Job(uuid.uuid4().hex, number, submission, priority=priority, label=label, created=time.time())
            self._ledger.add(job, sources, key)
        self._wake(job)
        return job, True

    def get(self, id: str) -> Job:
        """One job as it is now. Raises JobNotFound."""
        return self._ledger.get(id)

    def list(self, state: State | None, limit: int, before: int | None) -> list[Job]:
        """At most `limit` jobs with numbers below `before`, newest first."""
        return self._ledger.newest(state, limit, before)

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        return self._ledger.counts()

    def watch(self, listener: Callable[[Job], None]) -> Callable[[], None]:
        """Have `listener` called at each change of a job, from any thread, deletions too (`removed`).

        It must be quick, and change nothing here. Returns the function that ends it.
        """
        return self._ledger.watch(listener)

    def folder(self, id: str) -> Path:
        """Where the job's files are now. They move when it is done: look again for one that is not there.

        Raises JobNotFound.
        """
        job = self.get(id)
        work = self._library.work_folder(id, job.attempt)
        return work if job.state is State.RUNNING and work.exists() else self._library.job_folder(id)

    def resolve(self, source: str) -> Path:
        """Where the file is that a submission names: `upload:ID`, `job:ID` (its take or portrait), or a path.

        Raises InputError if it is not here.
        """
        kind, _, id = source.partition(":")
        if kind == "upload":
            return self._library.upload(id)
        if kind == "job":
            return self._made_by(id)
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
        with self._ledger.changing:
            job = self.get(id)
            if job.state in ENDED:
                raise Conflict(f"The job has ended already ({job.state}); there is nothing to cancel.")
            job = self._leave(job, State.CANCELLED, "It was cancelled.")
        self._let_go(job)
        return job

    def retry(self, id: str) -> Job:
        """Let a job that failed, was cancelled or has lost its files run once more, at the place of its number.

        Raises JobNotFound, Conflict in any other state, LibraryFull, or InputError if a file it is made
        from is gone.
        """
        with self._ledger.changing:
            job = self.get(id)
            if job.state not in ENDED or (job.state is State.DONE and not job.removed):
                raise Conflict(f"The job is {job.state}; only one that failed or was cancelled can be tried again.")
            for source in sources_of(job.submission):
                self.resolve(source)
            job = self._ledger.change(
                id, required=True, size=0, state=State.QUEUED, attempt=0, error=None, removed=False, started=None,
                ended=None, **NOTHING,
            )  # fmt: skip
        self._wake(job)
        return job

    def delete(self, id: str) -> None:
        """Forget a job, and remove its files; one that runs is cancelled.

        Raises JobNotFound, or Conflict if another job needs its take, or someone reads its files (on Windows).
        """
        with self._ledger.changing:
            job = self.get(id)
            self._refuse_if_needed(f"job:{id}")
            try:
                away = self._library.take_away(id)
            except OSError as error:
                raise Conflict("The files of the job are in use; try again in a moment.") from error
            self._ledger.forget(id)
        self._let_go(job)
        if away is not None:
            remove(away)

    # Room

    def used(self) -> int:
        """Bytes that results and uploads take of the quota."""
        return self._ledger.size() + sum(upload.size for upload in self._library.find_uploads())

    def make_room(self, size: int, spare: str = "") -> None:
        """See that `size` more bytes fit into the quota: remove what is oldest, but nothing that a job waits for.

        The job `spare` keeps its results. Raises LibraryFull if that is not enough, or the disk is too full.
        """
        away: list[Path] = []
        with self._ledger.changing:
            excess = self.used() + size - self._library.quota
            if excess > 0:
                uploads = self._library.find_uploads()
                for item in dispensable(self._ledger.entries(), self._ledger.live(), uploads, spare):
                    if self._clear(item, away):
                        excess -= item.size
                    if excess <= 0:
                        break
        for path in away:
            remove(path)
        if size and (excess > 0 or shutil.disk_usage(self._library.folder).free < size):
            raise LibraryFull("The library is full; delete jobs or uploads, or start the service with a larger quota.")

    def remove_upload(self, id: str) -> None:
        """Remove an upload. Raises InputError if there is none, Conflict if a job that waits or runs needs it."""
        with self._ledger.changing:
            path = self._library.upload(id)
            self._refuse_if_needed(f"upload:{id}")
            remove(path)

    # What the lanes ask for

    def begin(self, lane: LaneName) -> Run | None:
        """The next job of a lane, which runs from now on; None if there is none."""
        while True:
            with self._ledger.changing:
                self._ledger.save()
                waiting = [
                    job for job in self._ledger.live() if job.state is State.QUEUED and lane_of(job.submission) == lane
                ]
                if self._stopping or not waiting:
                    return None
                run = self._try_to_begin(min(waiting, key=lambda job: (-job.priority, job.number)))
            if run is not None:
                return run

    def tell(self, run: Run, event: Event) -> bool:
        """Note what the worker tells. False if the job is not wanted any longer."""
        return self._ledger.note(run.id, run.attempt, lambda job: job_after(job, event, run.stage, run.task.folder))

    def end(self, run: Run, outcome: Outcome) -> None:
        """Note how a run ended. Results are kept, and nothing of a run without them."""
        if isinstance(outcome, Done):
            try:
                if self._keep(run, outcome):
                    self.make_room(0, spare=run.id)
                    return
            except (InputError, OSError) as error:
                outcome = Failed(_why_not_kept(error), mendable=True)
        if isinstance(outcome, Failed) and not outcome.mendable:
            _log.error("%s\n%s", outcome.sentence, outcome.trace)
        remove(run.task.folder)
        with self._ledger.changing:
            job = self._running(run)
            if job is None:
                return
            if isinstance(outcome, Failed):
                self._leave(job, State.FAILED, outcome.sentence)
            elif isinstance(outcome, Cancelled):
                self._leave(job, State.CANCELLED, "It was cancelled.")
            elif self._stopping:
                self._ledger.change(job.id, state=State.QUEUED, attempt=job.attempt - 1, **NOTHING)
            elif job.attempt < ATTEMPTS:
                self._ledger.change(job.id, state=State.QUEUED, **NOTHING)
            elif isinstance(outcome, Died):
                self._leave(job, State.FAILED, outcome.sentence)

    # How it is done

    def _try_to_begin(self, job: Job) -> Run | None:
        attempt = job.attempt + 1
        try:
            places = {source: self.resolve(source) for source in sources_of(job.submission)}
            folder = self._library.begin(job.id, attempt)
            started = now_after(job.created)
            self._ledger.change(job.id, required=True, state=State.RUNNING, attempt=attempt, started=started, **NOTHING)
        except (InputError, OSError) as error:
            remove(self._library.work_folder(job.id, attempt))
            self._leave(job, State.FAILED, _why_not_kept(error))
            return None
        return Run(job.id, attempt, task_of(job.submission, folder, places))

    def _keep(self, run: Run, outcome: Done) -> bool:
        """Make the files of a run the results of its job, in the steps that `recovery` tells of.

        False if the job is not wanted any longer. Raises LibraryFull or OSError.
        """
        size = self._library.settle(run.id, run.attempt)
        with self._ledger.changing:
            job = self._running(run)
            if job is None:
                return False
            results: dict[str, Any] = {
                "files": job.files,
                "frames": job.frames,
                "result": _plain(outcome.result),
                **OVER,
            }
            self._ledger.prepare(job.id, size=size, **results)
            try:
                self._library.keep(job.id, run.attempt)
            except OSError:
                remove(self._library.job_folder(job.id))
                raise
            ended = now_after(job.started)
            self._ledger.change(job.id, size=size, state=State.DONE, done=1.0, ended=ended, **results)
            return True

    def _running(self, run: Run) -> Job | None:
        """The job of a run, if it is still wanted."""
        for job in self._ledger.live():
            if job.id == run.id and job.state is State.RUNNING and job.attempt == run.attempt:
                return job
        return None

    def _leave(self, job: Job, state: State, sentence: str) -> Job:
        """End a job without results."""
        error = sentence.encode("utf-8", "replace").decode()
        return self._ledger.change(
            job.id, state=state, error=error, ended=now_after(job.started or job.created), **NOTHING
        )

    def _clear(self, item: Entry | Upload, away: MutableSequence[Path]) -> bool:
        """Remove an upload, or take results away (their job stays listed). False if someone reads them (Windows)."""
        if isinstance(item, Upload):
            remove(item.path)
            return not item.path.exists()
        try:
            path = self._library.take_away(item.id)
        except OSError:
            return False
        self._ledger.change(item.id, size=0, **GONE)
        if path is not None:
            away.append(path)
        return True

    def _made_by(self, id: str) -> Path:
        job = self.get(id)
        portrait = isinstance(job.submission, PortraitJob)
        what, name = ("portrait", "portrait.portrait") if portrait else ("take", "take.npz")
        made = self._library.job_folder(id) / name
        if job.removed:
            raise InputError(f"The {what} of the job {id} was removed to make room; retry that job first.")
        if job.state is not State.DONE:
            raise InputError(f"The job {id} is {job.state} and has no {what} yet; wait until it is done.")
        if not made.is_file():
            raise InputError(f"The job {id} made no {what}; name one that animated a sound or fitted a photo.")
        return made

    def _refuse_if_needed(self, source: str) -> None:
        for job in self._ledger.live():
            if source in sources_of(job.submission):
                raise Conflict(f"The job {job.id} needs it; wait for that job, or cancel it first.")

    def _wake(self, job: Job) -> None:
        lane = self._lanes.get(lane_of(job.submission))
        if lane is not None:
            lane.wake()

    def _let_go(self, job: Job) -> None:
        lane = self._lanes.get(lane_of(job.submission))
        if lane is not None:
            lane.cancel(job.id)


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of a worker as JSON has them: without halves of characters, or numbers that are none."""
    text = json.dumps(result, ensure_ascii=False).encode("utf-8", "replace")
    plain: dict[str, Any] = json.loads(text, parse_constant=lambda _: None)
    return plain


def _why_not_kept(error: InputError | OSError) -> str:
    if isinstance(error, InputError):
        return str(error)
    if error.errno == errno.ENOSPC:
        return "The disk is full; free some space, then retry the job."
    return f"The files of the job can't be kept in the library ({error.strerror or error}); retry the job."
