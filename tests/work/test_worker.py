"""A worker process: it does tasks, is cancelled in every stage, dies, hangs, and comes back. Its end is always told."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from worker_runs import SOON, assert_gone, at_stage, run, temporary_files

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import framing
from vlogger_backend.request import Body, Request
from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.task import Advanced, Animate, Cancelled, Died, Done, MakeCharacter, Render

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
NEEDS_BLENDER = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy module")


def animate(folder: Path, sound: Path, *products: str, fps: float = 30.0) -> Animate:
    return Animate(folder, Request(sound.name, fps=fps), sound, products, pieces=True)


@pytest.fixture(scope="module")
def take(worker: WorkerProcess, line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("take")
    outcome, _ = run(worker, animate(folder, line))
    assert isinstance(outcome, Done), outcome
    return folder / "take.npz"


def test_a_worker_keeps_its_process_from_task_to_task(worker: WorkerProcess, line: Path, tmp_path: Path) -> None:
    first, events = run(worker, animate(tmp_path / "1", line))
    pid = worker.pid
    second, _ = run(worker, animate(tmp_path / "2", line))
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert worker.pid == pid
    assert events[0] == Advanced("Starting", 0.0)
    stages = list(dict.fromkeys(event.stage for event in events if isinstance(event, Advanced)))
    assert stages == ["Starting", "Listening", "Performing", "Saving the take"]


@pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")
def test_a_worker_gives_way_to_others(worker: WorkerProcess, line: Path, tmp_path: Path) -> None:
    run(worker, animate(tmp_path, line))
    assert psutil.Process(worker.pid).nice() == min(os.nice(0) + 5, 19)
    assert int(Path(f"/proc/{worker.pid}/oom_score_adj").read_text()) >= 500


@pytest.mark.parametrize(
    ("stage", "product"),
    [("Writing glTF", ".glb"), ("Drawing the preview", ".mp4"), ("Drawing the picture", ".png")],
)
def test_cancelling_takes_effect_at_once(
    worker: WorkerProcess, line: Path, tmp_path: Path, stage: str, product: str
) -> None:
    outcome, seconds = at_stage(worker, animate(tmp_path, line, product), stage, worker.cancel)
    assert outcome == Cancelled()
    assert seconds < SOON


def test_cancelling_a_shot(worker: WorkerProcess, take: Path, tmp_path: Path) -> None:
    task = Render(tmp_path, take, framing(load_avatar(), (160, 160)))
    outcome, seconds = at_stage(worker, task, "Drawing the shot", worker.cancel)
    assert outcome == Cancelled()
    assert seconds < SOON


def test_cancelling_while_the_first_body_is_built_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANNY_CACHE_DIR", "VLOGGER_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    worker = WorkerProcess("builder")
    outcome, seconds = at_stage(worker, MakeCharacter(tmp_path, Body(age=0.2)), "Building", worker.cancel)
    worker.stop()
    assert outcome == Cancelled()
    assert seconds < SOON


def test_cancelling_a_worker_that_is_not_warm_yet(line: Path, tmp_path: Path) -> None:
    worker = WorkerProcess("cold")
    outcome, seconds = at_stage(worker, animate(tmp_path, line), "Starting", worker.cancel)
    assert outcome == Cancelled()
    assert seconds < SOON
    cancelled: list[float] = []

    def cancel_when_it_is_there() -> None:
        while worker.pid is None:
            continue
        cancelled.append(time.monotonic())
        worker.cancel()

    other = threading.Thread(target=cancel_when_it_is_there)
    other.start()
    outcome = worker.run(animate(tmp_path, line), lambda event: None)
    assert time.monotonic() - cancelled[0] < SOON
    assert outcome == Cancelled()
    other.join()
    worker.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "stage", ["Listening", "Performing", "Saving the take", pytest.param("Writing FBX", marks=NEEDS_BLENDER)]
)
def test_who_obeys_keeps_the_models_and_leaves_nothing_half_done(
    worker: WorkerProcess, line: Path, minute: Path, tmp_path: Path, stage: str
) -> None:
    run(worker, animate(tmp_path / "warm", line))
    pid = worker.pid
    task = animate(tmp_path / "left", line, ".fbx") if stage == "Writing FBX" else animate(tmp_path / "left", minute)
    outcome, seconds = at_stage(worker, task, stage, worker.cancel)
    assert outcome == Cancelled()
    assert seconds < SOON
    assert worker.pid == pid
    assert pid is not None
    assert not psutil.Process(pid).children()
    assert temporary_files(tmp_path) == []
    assert not (tmp_path / "left" / "take.npz").exists() or stage == "Writing FBX"
    again, _ = run(worker, animate(tmp_path / "again", line))
    assert isinstance(again, Done)
    assert worker.pid == pid


def test_cancelling_when_nothing_is_done_does_nothing(worker: WorkerProcess, line: Path, tmp_path: Path) -> None:
    worker.cancel()
    outcome, _ = run(worker, animate(tmp_path, line))
    assert isinstance(outcome, Done)
    worker.cancel()
    outcome, _ = run(worker, animate(tmp_path, line))
    assert isinstance(outcome, Done)


def kill(worker: WorkerProcess, number: int) -> None:
    assert worker.pid is not None
    os.kill(worker.pid, number)


@POSIX
@pytest.mark.parametrize(
    ("number", "words"),
    [(9, "probably because memory ran out"), (signal.SIGSEGV, "crashed (SIGSEGV")],
)
def test_a_worker_that_dies_says_why_and_comes_back(
    worker: WorkerProcess, line: Path, minute: Path, tmp_path: Path, number: int, words: str
) -> None:
    outcome, _ = at_stage(worker, animate(tmp_path, minute), "Listening", lambda: kill(worker, number))
    assert isinstance(outcome, Died)
    assert words in outcome.sentence
    assert "Listening" in outcome.sentence
    assert worker.pid is None
    again, _ = run(worker, animate(tmp_path, line))
    assert isinstance(again, Done)


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_wants_it_to_end_has_to_ask_its_parent(
    worker: WorkerProcess, line: Path, tmp_path: Path, number: int
) -> None:
    run(worker, animate(tmp_path / "warm", line))
    outcome, _ = at_stage(worker, animate(tmp_path / "asked", line), "Listening", lambda: kill(worker, number))
    assert isinstance(outcome, Done)


@POSIX
def test_a_worker_that_hangs_is_ended(line: Path, minute: Path, tmp_path: Path) -> None:
    worker = WorkerProcess("hanging", patience=10.0)
    run(worker, animate(tmp_path, line))
    pid = worker.pid
    assert pid is not None
    outcome, seconds = at_stage(worker, animate(tmp_path, minute), "Listening", lambda: kill(worker, signal.SIGSTOP))
    assert outcome == Died("The worker gave no sign for 10 seconds (Listening) and was ended: try it again.")
    assert seconds < 10 + SOON
    assert not psutil.pid_exists(pid)
    worker.stop()


@POSIX
def test_cancelling_a_worker_that_hangs(worker: WorkerProcess, minute: Path, tmp_path: Path) -> None:
    def hang_and_cancel() -> None:
        kill(worker, signal.SIGSTOP)
        worker.cancel()

    outcome, seconds = at_stage(worker, animate(tmp_path, minute), "Listening", hang_and_cancel)
    assert outcome == Cancelled()
    assert seconds < SOON
    assert worker.pid is None


@POSIX
def test_a_worker_that_died_while_idle_costs_the_next_task_nothing(
    worker: WorkerProcess, line: Path, tmp_path: Path
) -> None:
    run(worker, animate(tmp_path, line))
    pid = worker.pid
    kill(worker, signal.SIGKILL)
    outcome, _ = run(worker, animate(tmp_path, line))
    assert isinstance(outcome, Done)
    assert worker.pid != pid


def test_stopping_a_worker_at_work(worker: WorkerProcess, minute: Path, tmp_path: Path) -> None:
    outcome, _ = at_stage(worker, animate(tmp_path, minute), "Listening", worker.stop)
    assert outcome == Died("The worker was stopped.")
    assert worker.pid is None


@NEEDS_BLENDER
@POSIX
def test_blender_goes_with_its_worker_and_leaves_nothing_outside_the_folder(
    line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(elsewhere))
    worker = WorkerProcess("with Blender")
    blender: list[psutil.Process] = []

    def kill_the_worker_alone() -> None:
        assert worker.pid is not None
        blender.extend(psutil.Process(worker.pid).children(recursive=True))
        kill(worker, signal.SIGKILL)

    stages = iter(range(1000))
    outcome = worker.run(
        animate(tmp_path / "job", line, ".fbx"),
        # The first word of Blender itself, so that it is there
        lambda event: (
            kill_the_worker_alone()
            if isinstance(event, Advanced) and event.stage == "Writing FBX" and event.done and not next(stages)
            else None
        ),
    )
    assert isinstance(outcome, Died)
    assert len(blender) == 1
    assert_gone(blender)
    assert list(elsewhere.iterdir()) == []


def test_what_tell_raises_ends_the_process_and_comes_through(worker: WorkerProcess, line: Path, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at_stage(worker, animate(tmp_path, line), "Listening", interrupt)
    assert worker.pid is None
    outcome, _ = run(worker, animate(tmp_path, line))
    assert isinstance(outcome, Done)


def test_a_process_that_prints_nonsense_confuses_nobody(
    line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs `sitecustomize` first of all: it prints before the worker speaks, and all the while that it works.

    Then it even lies; which no library does by accident before the worker has taken its stdout away.
    """
    (tmp_path / "sitecustomize.py").write_text(
        "import os, threading\n"
        "os.write(1, b'\\xff\\x00 not json\\n{\"run\": 1, \"kind\": \"Done\"}\\n[]\\n' + b'x' * 3000000 + b'\\n')\n"
        "parent = os.fstat(1)\n"
        "def shout():\n"
        "    while True:\n"
        "        if os.fstat(1) != parent:\n"
        '            os.write(1, b\'{"run": 1, "kind": "Done", "result": {}}\\n\')\n'
        "            print('hello', flush=True)\n"
        "        threading.Event().wait(0.001)\n"
        "threading.Thread(target=shout, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = WorkerProcess("noisy")
    outcome, events = run(worker, animate(tmp_path / "job", line))
    worker.stop()
    assert isinstance(outcome, Done)
    assert outcome.result["frames"] > 0
    assert Advanced("Saving the take", 1.0) in events


def test_a_process_that_cannot_start_says_so(line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nprint('no luck', file=sys.stderr, flush=True)\nos._exit(7)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome, _ = run(WorkerProcess("broken"), animate(tmp_path / "job", line))
    assert outcome == Died("The worker ended with exit code 7 (Starting) and said: no luck")
