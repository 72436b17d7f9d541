"""Whatever is done to a service, and whenever: nothing is lost, torn, doubled or left behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from by_hand import SOUND, animate, check_whole, content, new_library, work_by_hand
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from vlogger_backend.errors import InputError
from vlogger_backend.service.errors import Conflict, JobNotFound
from vlogger_backend.service.jobs import ENDED, State, Submission
from vlogger_backend.service.library import open_library
from vlogger_backend.service.queue import Queue
from vlogger_backend.service.tasks import LaneName, Run, lane_of
from vlogger_backend.work.task import Cancelled, Died, Failed, Outcome

REPOSITORY = Path(__file__).parents[2]


def memory_disk(tmp_path: Path) -> Path:
    """A folder in memory where there is one: a kill, unlike a power cut, needs no real disk."""
    return Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else tmp_path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_killed_before_each_step(tmp_path: Path) -> None:
    folder = memory_disk(tmp_path)
    program = Path(__file__).with_name("killed_at_each_step.py")
    try:
        ended = subprocess.run(
            [sys.executable, program, folder],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[-1]) > 150  # that many there are


def test_a_short_storm() -> None:
    """Services and workers killed at random while real jobs run; the long one is `benchmarks/faults.py` by itself."""
    command = [sys.executable, REPOSITORY / "benchmarks" / "faults.py", "--kills", "8", "--jobs", "8"]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "nothing left behind" in ended.stdout


@dataclass
class Known:
    """What a client knows of a job."""

    submission: Submission
    key: str | None
    number: int
    priority: int
    state: State = State.QUEUED
    attempt: int = 0


class Service(RuleBasedStateMachine):
    """Any sequence of what clients, workers and kills do, against what was promised."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = memory_disk(Path(tempfile.gettempdir())) / "library"
        self.quota = 4 * len(content(animate(0))) + 50
        self.library = new_library(self.folder, self.quota)
        self.queue = Queue(self.library)
        self.known: dict[str, Known] = {}
        self.runs: dict[LaneName, Run] = {}
        self.last = 0

    def teardown(self) -> None:
        self.library.close()
        shutil.rmtree(self.folder.parent)

    @rule(
        target=jobs,
        seed=st.integers(0, 3),
        picture=st.booleans(),
        priority=st.integers(-1, 1),
        key=st.sampled_from([None, "a", "b"]),
    )
    def submit(self, seed: int, picture: bool, priority: int, key: str | None) -> str:
        submission = animate(seed, "glb") if picture else animate(seed)
        with_key = [id for id, known in self.known.items() if key is not None and known.key == key]
        try:
            job, new = self.queue.submit(submission, priority, key=key)
        except Conflict:
            assert self.known[with_key[0]].submission != submission
            return with_key[0]
        assert new == (not with_key)
        if new:
            assert job.number > self.last
            self.last = job.number
            self.known[job.id] = Known(submission, key, job.number, priority)
        else:
            assert [job.id] == with_key
        return job.id

    @rule(id=jobs)
    def cancel(self, id: str) -> None:
        known = self.known.get(id)
        try:
            self.queue.cancel(id)
        except JobNotFound:
            assert known is None
        except Conflict:
            assert known is not None
            assert known.state in ENDED
        else:
            assert known is not None
            assert known.state in (State.QUEUED, State.RUNNING)
            known.state = State.CANCELLED

    @rule(id=jobs)
    def retry(self, id: str) -> None:
        known = self.known.get(id)
        removed = known is not None and self.queue.get(id).removed
        try:
            self.queue.retry(id)
        except JobNotFound:
            assert known is None
        except Conflict:
            assert known is not None
            assert known.state not in (State.FAILED, State.CANCELLED)
            assert not removed
        else:
            assert known is not None
            assert known.state in (State.FAILED, State.CANCELLED) or removed
            known.state, known.attempt = State.QUEUED, 0

    @rule(id=consumes(jobs))
    def delete(self, id: str) -> None:
        try:
            self.queue.delete(id)
        except JobNotFound:
            assert id not in self.known
        else:
            del self.known[id]

    @rule(lane=st.sampled_from(["curves", "pictures"]))
    def begin(self, lane: LaneName) -> None:
        if lane in self.runs:
            return
        run = self.queue.begin(lane)
        waiting = [
            (-known.priority, known.number, id)
            for id, known in self.known.items()
            if known.state is State.QUEUED and lane_of(known.submission) == lane
        ]
        assert (run.id if run else None) == (min(waiting)[2] if waiting else None)
        if run is not None:
            known = self.known[run.id]
            known.state, known.attempt = State.RUNNING, known.attempt + 1
            self.runs[lane] = run

    @precondition(lambda self: self.runs)
    @rule(
        lane=st.sampled_from(["curves", "pictures"]),
        outcome=st.sampled_from([None, None, Failed("No.", True), Died("Gone."), Cancelled()]),
    )
    def end(self, lane: LaneName, outcome: Outcome | None) -> None:
        if lane not in self.runs:
            return
        run = self.runs.pop(lane)
        known = self.known.get(run.id)
        done = work_by_hand(self.queue, run, known.submission if known else animate(0))
        self.queue.end(run, outcome or done)
        if known is None or known.state is not State.RUNNING:
            return
        if outcome is None:
            known.state = State.DONE
        elif isinstance(outcome, Died) and known.attempt < 2:
            known.state = State.QUEUED
        else:
            known.state = State.CANCELLED if isinstance(outcome, Cancelled) else State.FAILED

    @rule()
    def stop(self) -> None:
        self.queue.stop()
        for run in self.runs.values():
            self.queue.end(run, Died("Stopped."))
            known = self.known.get(run.id)
            if known is not None and known.state is State.RUNNING:
                known.state, known.attempt = State.QUEUED, known.attempt - 1
        self.runs = {}
        self.open_again()

    @rule(half_written=st.booleans())
    def kill(self, half_written: bool) -> None:
        for run in self.runs.values():
            if half_written:
                (run.task.folder / ".take.npz").write_bytes(b"half")
        for known in self.known.values():
            if known.state is State.RUNNING:
                known.state = State.QUEUED if known.attempt < 2 else State.FAILED
        self.runs = {}
        self.open_again()

    def open_again(self) -> None:
        self.library.close()
        self.library = open_library(self.folder, self.quota)
        self.queue = Queue(self.library)

    @rule()
    def make_room(self) -> None:
        try:
            self.queue.make_room(1000)
        except InputError:
            assert self.queue.used() == (self.library.uploads / f"{SOUND}.wav").stat().st_size
        else:
            assert self.queue.used() + 1000 <= self.quota

    @invariant()
    def promises_hold(self) -> None:
        check_whole(self.library, self.queue, self.runs.values())
        jobs = {job.id: job for job in self.queue.list(None, 10**6, None)}
        assert jobs.keys() == self.known.keys()
        for id, known in self.known.items():
            job = jobs[id]
            assert (job.state, job.attempt, job.number) == (known.state, known.attempt, known.number)
            assert job.submission == known.submission
        if not (self.library.uploads / f"{SOUND}.wav").exists():  # made room for others; the client sends it again
            assert not any(known.state in (State.QUEUED, State.RUNNING) for known in self.known.values())
            (self.library.uploads / f"{SOUND}.wav").write_bytes(b"RIFF")


TestAnySequence = Service.TestCase
TestAnySequence.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
