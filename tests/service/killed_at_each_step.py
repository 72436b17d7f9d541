"""A service is killed before each of the steps by which it changes the disk, one after the other, and looked at after.

A program of its own, because it forks: `python killed_at_each_step.py FOLDER` prints how many steps there were, and
ends with an error if anything that the service had promised was not so.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from by_hand import animate, check_whole, content, new_library, work_by_hand

from vlogger_backend.service.jobs import State
from vlogger_backend.service.library import open_library
from vlogger_backend.service.queue import Queue
from vlogger_backend.work.task import Died, Failed, Outcome

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "shutil.rmtree", "open"}
"""Audit events of Python that come before a change (or might: not every `open` is one)."""
QUOTA = 3 * len(content(animate(0))) + 100
Say = Callable[..., None]


def life_of_a_service(folder: Path, say: Say) -> None:
    """Everything that can happen to jobs. `say` is told what has been promised to a client."""
    library = new_library(folder, QUOTA)
    queue = Queue(library)

    def submit(seed: int) -> str:
        say("submitting", seed)
        job, _ = queue.submit(animate(seed), key=f"key {seed}")
        say("queued", seed, job.id)
        return job.id

    def run(outcome: Outcome | None = None) -> None:
        run = queue.begin("curves")
        assert run is not None
        done = work_by_hand(queue, run, queue.get(run.id).submission)
        queue.end(run, outcome or done)
        job = queue.get(run.id)
        say(str(job.state), job.submission.request.seed, job.id)  # type: ignore[union-attr]

    first, second = submit(0), submit(1)
    run()
    run(Failed("No.", mendable=True))
    say("retrying", 1)
    queue.retry(second)
    run(Died("Gone."))
    third = submit(2)
    run()
    say("cancelling", 2)
    queue.cancel(third)
    say("cancelled", 2, third)
    say("deleting", 0)
    queue.delete(first)
    say("deleted", 0, first)
    for seed in (3, 4, 5):  # more than the quota has room for
        submit(seed)
        run()
    queue.stop()
    library.close()


def look_after(folder: Path, said: list[list[str]]) -> None:
    """What was promised holds, and the work goes on to the end."""
    library = open_library(folder, QUOTA)
    queue = Queue(library)
    check_whole(library, queue)
    jobs = {job.submission.request.seed: job for job in queue.list(None, 99, None)}  # type: ignore[union-attr]
    assert len(jobs) == len(queue.list(None, 99, None))
    promised = {int(words[1]): words for words in said}
    for seed, words in promised.items():
        match words[0]:
            case "submitting":
                assert queue.submit(animate(seed), key=f"key {seed}")[1] == (seed not in jobs)
            case "queued" | "retrying":
                assert jobs[seed].state in (State.QUEUED, State.FAILED, State.DONE)
                assert jobs[seed].error is None or jobs[seed].error == "No." or "ended twice" in jobs[seed].error
            case "done":
                assert jobs[seed].state is State.DONE
            case "failed" | "cancelled" as state:
                assert jobs[seed].state == state
            case "cancelling":
                assert jobs[seed].state in (State.QUEUED, State.CANCELLED)
            case "deleting":
                assert seed not in jobs or jobs[seed].state is State.DONE
            case "deleted":
                assert seed not in jobs
        if len(words) > 2 and words[0] != "deleted":
            assert jobs[seed].id == words[2]
            assert queue.submit(animate(seed), key=f"key {seed}") == (jobs[seed], False)
    waiting = queue.list(State.QUEUED, 99, None)
    for _ in waiting:
        run = queue.begin("curves")
        assert run is not None
        queue.end(run, work_by_hand(queue, run, queue.get(run.id).submission))
        check_whole(library, queue)
    assert all(queue.get(job.id).state is State.DONE for job in waiting)
    library.close()


def kill_before(step: int) -> None:
    """Have this process killed before the step of that number."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = plain_connect(*arguments, **options)
        connection.set_trace_callback(count)  # before each statement
        return connection

    plain_connect, sqlite3.connect = sqlite3.connect, connect
    sys.addaudithook(lambda event, _: count() if event in CHANGES else None)


def in_a_child(do: Callable[[], None]) -> int:
    """The status with which a child ends that does this; 0 if all went well."""
    child = os.fork()
    if child == 0:
        try:
            do()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(root: Path) -> None:
    step = 0
    while True:
        step += 1
        folder, log = root / "library", root / "said"
        log.write_text("")

        def live(step: int = step, folder: Path = folder, log: Path = log) -> None:
            file = os.open(log, os.O_WRONLY | os.O_APPEND)
            kill_before(step)
            life_of_a_service(
                folder, lambda *words: os.write(file, (" ".join(map(str, words)) + "\n").encode()) and None
            )

        def wake_up(step: int = step, folder: Path = folder) -> None:
            kill_before(1 + 7 * step % 30)
            Queue(open_library(folder, QUOTA))

        status = in_a_child(live)
        in_a_child(wake_up)  # killed again while it puts things right
        said = [line.split() for line in log.read_text().splitlines()]
        if in_a_child(lambda folder=folder, said=said: look_after(folder, said)):  # type: ignore[misc]
            sys.exit(f"killed before step {step}, after {said[-1:]}")
        shutil.rmtree(folder)
        if not os.WIFSIGNALED(status):
            sys.exit(0 if status == 0 else f"the life ended with {status}")
        print(step, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
