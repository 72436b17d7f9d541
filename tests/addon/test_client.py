"""The contract: the client against the real service, and against what is none."""

from __future__ import annotations

import dis
import gc
import json
import os
import re
import select
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import numpy as np
import psutil
import pytest
from answering import answering, http, ok
from clients import Opener, answer, news_of, news_until
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.connection import Address, Patience
from blender_addon.core.errors import AddonError
from blender_addon.core.jobs import (
    Answered,
    CurvesCame,
    Ended,
    FileCame,
    FrameCame,
    JobGoneError,
    JobHandle,
    Moved,
    ServiceChanged,
    Update,
    Written,
    first_frame,
    read_snapshot,
)
from blender_addon.core.service_process import LocalService, RemoteService, StartError
from blender_addon.core.take import read_take
from blender_addon.core.version import API, VERSION

LINE = "Maybe my papa bought a big puppy, and a map of Bombay."


def animate(sound: Path | Written, **more: object) -> dict[str, object]:
    return {"kind": "animate", "request": {"audio": sound, "text": LINE, **more}}


JOB = {
    "id": "x", "state": "running", "submission": {}, "revision": 1, "attempt": 1, "stage": "Performing", "done": 0.5,
    "left": 1.5, "pieces": 0, "frames": 0, "files": [], "error": None, "removed": False,
}  # fmt: skip
"""A job as a service answers it, as far as it matters here."""


@contextmanager
def relay(service: LocalService, cut: Callable[[int, bytes], bool]) -> Iterator[Address]:
    """An address at which a service answers, until `cut` says to hang up.

    cut: gets how many bytes the connection has brought from the service, and what it asked since then
    """
    written = json.loads((service.library / "service.json").read_text())
    token = (service.library / "token").read_text().strip()
    there = ("127.0.0.1", written["port"])

    def talk(one: socket.socket) -> None:
        sent, received = 0, b""
        with one, socket.create_connection(there) as other, suppress(OSError):
            while True:
                for ready in select.select([one, other], [], [])[0]:
                    block = ready.recv(4096)
                    if not block:
                        return
                    if ready is one:
                        received += block
                        other.sendall(re.sub(rb"Host: [^\r]*", b"Host: 127.0.0.1:%d" % there[1], block))
                    elif cut(sent := sent + len(block), received):
                        return
                    else:
                        one.sendall(block)
                        received = b""

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=[server.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield Address(f"http://127.0.0.1:{server.getsockname()[1]}", token)
        server.shutdown(socket.SHUT_RDWR)


def check_curves(news: list[Update], handle: JobHandle) -> int:
    """The curves came in order, each once, and together are the take that was fetched. Returns how many pieces."""
    curves = [u for u in news if isinstance(u, CurvesCame) and u.handle is handle]
    take = read_take(handle.files["take.npz"])
    at = 0
    for piece in curves:
        assert piece.start == at
        assert (piece.curves.fps, piece.curves.face_names) == (take.fps, take.face_names)
        for name in ("poses", "trans", "face"):
            np.testing.assert_array_equal(getattr(piece.curves, name), getattr(take, name)[at : at + len(piece.curves)])
        at += len(piece.curves)
    assert at == len(take) == handle.curve_frames
    return len(curves)


@pytest.fixture(scope="session")
def speech(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The line over and over: a sound that takes a while."""
    import wave

    path = tmp_path_factory.mktemp("speech") / "long.wav"
    with wave.open(str(line)) as once, wave.open(str(path), "wb") as many:
        many.setparams(once.getparams())
        frames = once.readframes(once.getnframes())
        for _ in range(6):
            many.writeframes(frames)
    return path


def test_a_line_becomes_a_take(kept, open_client: Opener, line, tmp_path):
    client = open_client(kept)
    handle = client.submit(animate(line, seed=3), tmp_path / "takes" / "1", label="Hello")
    assert (handle.state, handle.id, handle.label) == ("sending", None, "Hello")
    news = news_of(client, handle)
    assert (handle.state, handle.error, handle.done) == ("done", None, 1.0), handle.error
    assert handle.id
    check_curves(news, handle)
    assert [type(u) for u in news][-2:] == [FileCame, Ended]
    assert client.service == "ready"
    assert [p.name for p in (tmp_path / "takes" / "1").iterdir()] == ["take.npz"]  # nothing temporary stays


def test_a_job_is_taken_up_again_by_its_id(kept, open_client: Opener, line, tmp_path):
    first = open_client(kept)
    submitted = first.submit(animate(line), tmp_path / "1")
    news_until(first, lambda update: isinstance(update, Moved) and submitted.id)
    first.close(wait=10)  # Blender is closed, and opened again
    second = open_client(kept)
    handle = second.follow(submitted.id, tmp_path / "2", label="again")
    check_curves(news_of(second, handle), handle)
    last = second.follow(submitted.id, tmp_path / "3")  # and once more when all is there
    assert check_curves(news_of(second, last), last) == 1
    unknown = second.follow("0" * 32, tmp_path / "4")
    news_of(second, unknown)
    assert unknown.state == "failed"
    assert isinstance(unknown.error, JobGoneError)


def test_curves_come_while_the_rest_is_made_and_two_jobs_at_once(kept, open_client: Opener, line, speech, tmp_path):
    client = open_client(kept)
    long = client.submit({"kind": "animate", "request": {"audio": speech}}, tmp_path / "1")
    short = client.submit(animate(line), tmp_path / "2")
    news = news_until(client, lambda u: isinstance(u, CurvesCame) and u.handle is long)
    assert (long.state, "take.npz" in long.files) == ("running", False)
    news += news_of(client, long, short)
    assert check_curves(news, long) > 1
    check_curves(news, short)
    done = [u.handle.done for u in news if isinstance(u, Moved)]
    assert all(0 <= part <= 1 for part in done)


def test_frames_come_as_they_are_drawn(kept, open_client: Opener, line, tmp_path):
    client = open_client(kept)
    take = client.submit(animate(line), tmp_path / "take")
    news_of(client, take)
    camera = {
        "width": 48, "height": 64, "fields": [0.5],
        "poses": [[1, 0, 0, 0, 0, 1, 0, 1.2, 0, 0, 1, 3]],
    }  # fmt: skip
    job = {"kind": "render", "take": take.files["take.npz"], "camera": camera, "first": 20, "last": 24}
    handle = client.submit(job, tmp_path / "shot")
    news = news_of(client, handle, within=300)  # the body is built, where no test did so before
    assert handle.state == "done", handle.error
    frames = [u for u in news if isinstance(u, FrameCame)]
    assert [u.frame for u in frames] == list(handle.frames) == [20, 21, 22, 23, 24]
    for update in frames:
        assert update.path.read_bytes()[:4] == b"\x89PNG"
        assert update.path.parent == tmp_path / "shot" / "frames"
    again = client.follow(handle.id, tmp_path / "again")
    news_of(client, again)
    assert list(again.frames) == list(handle.frames)
    assert all(again.frames[frame].read_bytes() == path.read_bytes() for frame, path in handle.frames.items())


def test_a_line_that_breaks_all_the_time(kept, open_client: Opener, line, tmp_path):
    """Between the client and the service stands a relay that cuts each connection after some bytes."""
    with relay(kept, lambda sent, received: sent > 40_000) as address:
        client = open_client(RemoteService(address), Patience(again=0.01, longest=0.05))
        handle = client.submit(animate(line), tmp_path)
        news = news_of(client, handle)
    assert handle.state == "done", handle.error
    check_curves(news, handle)


def test_a_job_whose_answer_was_lost_is_not_made_twice(kept, open_client: Opener, line, tmp_path):
    posts = []

    def lose_the_first(sent: int, received: bytes) -> bool:
        if b"POST /v1/jobs " in received:
            posts.append(received)
            return len(posts) == 1
        return False

    with relay(kept, lose_the_first) as address:
        client = open_client(RemoteService(address), Patience(again=0.01))
        handle = client.submit(animate(line, seed=77), tmp_path, label="only once")
        check_curves(news_of(client, handle), handle)
        client.ask("jobs")
        labels = [job["label"] for job in answer(client).answer["jobs"]]
    assert len(posts) == 2
    assert labels.count("only once") == 1


def test_cancel_takes_effect_at_once(kept, open_client: Opener, speech, tmp_path):
    client = open_client(kept)
    handle = client.submit({"kind": "animate", "request": {"audio": speech, "seed": 9}}, tmp_path)
    news_until(client, lambda u: isinstance(u, CurvesCame))
    begun = time.monotonic()
    handle.cancel()
    handle.cancel()
    assert handle.cancelling
    news_of(client, handle)
    assert time.monotonic() - begun < 5  # half a second, but on a busy machine
    assert (handle.state, handle.cancelling) == ("cancelled", False)
    client.ask(f"jobs/{handle.id}")
    assert answer(client).answer["state"] == "cancelled"
    handle.cancel()
    assert not handle.cancelling


def test_a_job_that_is_taken_up_can_be_cancelled_at_once(kept, open_client: Opener, speech, tmp_path):
    client = open_client(kept)
    handle = client.submit({"kind": "animate", "request": {"audio": speech, "seed": 10}}, tmp_path / "1")
    news_until(client, lambda u: isinstance(u, Moved) and handle.id)
    again = client.follow(handle.id, tmp_path / "2")
    again.cancel()
    news_of(client, handle, again)
    assert (again.state, handle.state) == ("cancelled", "cancelled")


def test_cancel_before_it_is_sent(open_client: Opener, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody answers there
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = open_client(RemoteService(Address(url, "x")), Patience(answer=0.1, again=0.1))
        handle = client.submit(animate(tmp_path / "x.wav"), tmp_path)
        news_until(client, lambda u: isinstance(u, Moved) and "Waiting" in handle.stage)
        handle.cancel()
        news_of(client, handle)
    assert (handle.state, handle.id) == ("cancelled", None)


def test_what_the_service_refuses_is_told_in_its_words(kept, open_client: Opener, line, tmp_path):
    client = open_client(kept)
    (tmp_path / "x.wav").write_text("no sound at all")
    handles = {
        "frame rate|fps": client.submit(animate(line, fps=0.5), tmp_path),
        r"^x\.wav: .*no sound": client.submit(animate(tmp_path / "x.wav"), tmp_path),
        "There is no file": client.submit(animate(tmp_path / "y.wav"), tmp_path),
        "style": client.submit(animate(line, style=3), tmp_path),
    }
    news_of(client, *handles.values())
    for reason, handle in handles.items():
        assert handle.state == "failed"
        with pytest.raises(AddonError, match=reason):
            raise handle.error


def test_a_damaged_sound_fails_the_job_with_a_reason(kept, open_client: Opener, tmp_path):
    client = open_client(kept)
    (tmp_path / "x.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    handle = client.submit(animate(tmp_path / "x.wav"), tmp_path / "out")
    news_of(client, handle)
    assert handle.state == "failed"
    assert str(handle.error).startswith("x.wav ")
    assert str(handle.error).endswith(".")


def test_a_file_is_written_in_a_thread_before_it_is_sent(kept, open_client: Opener, line, tmp_path):
    client = open_client(kept)
    threads = []

    def write() -> None:
        threads.append(threading.current_thread())
        shutil.copy(line, tmp_path / "cut.wav")

    def fail() -> None:
        raise AddonError("The part can't be read.")

    written = client.submit(animate(Written(tmp_path / "cut.wav", write)), tmp_path / "1")
    failed = client.submit(animate(Written(tmp_path / "none.wav", fail)), tmp_path / "2")
    news_of(client, written, failed)
    assert (written.state, failed.state) == ("done", "failed")
    assert threads
    assert threads[0] is not threading.main_thread()
    assert str(failed.error) == "The part can't be read."


def test_a_folder_that_can_not_be_written_to(kept, open_client: Opener, line, tmp_path):
    client = open_client(kept)
    (tmp_path / "file").touch()
    handle = client.submit(animate(line), tmp_path / "file")
    news_of(client, handle)
    with pytest.raises(AddonError, match="Choose another folder"):
        raise handle.error


def test_the_service_is_started_and_ends_with_its_client(open_client: Opener, program, line, tmp_path):
    client = open_client(LocalService(tmp_path / "library", program))
    client.connect()
    health = answer(client).answer
    assert psutil.pid_exists(health["pid"])
    assert client.service == "ready"
    client.ask("avatars")
    assert answer(client).answer["avatars"]
    other = open_client(LocalService(tmp_path / "library", program))
    other.connect()
    assert answer(other).answer["pid"] == health["pid"]  # found, not started
    handle = other.submit(animate(line), tmp_path / "out")
    news_until(other, lambda u: isinstance(u, Moved) and handle.id)
    process = psutil.Process(health["pid"])
    client.close(wait=30)
    process.wait(30)
    check_curves(news_of(other, handle), handle)  # the other Blender starts its own, and the job goes on
    other.connect()
    assert answer(other).answer["pid"] != health["pid"]


def test_a_job_survives_the_death_of_the_service(open_client: Opener, program, speech, tmp_path):
    client = open_client(LocalService(tmp_path / "library", program))
    handle = client.submit({"kind": "animate", "request": {"audio": speech}, "products": []}, tmp_path / "out")
    news = news_until(client, lambda u: isinstance(u, CurvesCame))
    client.ask("health")
    news += news_until(client, lambda u: isinstance(u, Answered))
    (health,) = [u.answer for u in news if isinstance(u, Answered)]
    os.kill(health["pid"], signal.SIGKILL)
    news += news_of(client, handle)
    assert handle.state == "done", handle.error
    check_curves(news, handle)
    states = [u.state for u in news if isinstance(u, ServiceChanged)]
    assert states == ["starting", "ready", "starting", "ready"]


def test_a_hung_service_is_ended_and_its_job_goes_on(open_client: Opener, program, line, tmp_path):
    patience = Patience(answer=2.0, watch=0.5, again=0.05)
    client = open_client(LocalService(tmp_path / "library", program), patience)
    client.connect()
    hung = answer(client).answer["pid"]
    os.kill(hung, signal.SIGSTOP)
    handle = client.submit(animate(line), tmp_path / "out")
    news = news_of(client, handle)
    assert handle.state == "done", handle.error
    check_curves(news, handle)
    assert not psutil.pid_exists(hung)


def test_a_program_that_is_no_service_is_not_started_for_ever(open_client: Opener, tmp_path):
    program = tmp_path / "vlogger"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('The moon is in the wrong phase.')\n")
    program.chmod(0o755)
    client = open_client(LocalService(tmp_path / "library", program))
    handle = client.submit(animate(tmp_path / "x.wav"), tmp_path)
    news_of(client, handle)
    assert isinstance(handle.error, StartError)
    assert "The moon is in the wrong phase." in str(handle.error)
    assert "The moon is in the wrong phase." in client.last_lines
    client.ask("health")
    with pytest.raises(StartError, match=r"ended 3 times.*The moon.*press Connect"):
        raise answer(client).error
    client.ask("health")
    assert "3 times" in str(answer(client).error)
    client.connect()  # the button begins anew
    news = news_until(client, lambda u: isinstance(u, Answered))
    assert [u.state for u in news if isinstance(u, ServiceChanged)] == ["starting"] * 2


def test_what_can_not_be_run_or_is_not_known(open_client: Opener, tmp_path):
    for program, reason in ((tmp_path / "none", "can't be run"), (None, "not known how to start one")):
        client = open_client(LocalService(tmp_path / "library", program))
        client.connect()
        with pytest.raises(StartError, match=reason):
            raise answer(client).error


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({}, "a job without a proper 'state'"),
        ({"state": "dreaming"}, "a job that is dreaming"),
        ({**JOB, "files": [{"name": "../../.bashrc"}]}, "a file whose name is no name"),
        ({**JOB, "pieces": 1}, "curves that can't be read"),
        ({**JOB, "state": "done", "files": [{"name": "take.npz"}]}, "curves that can't be read"),
    ],
)
def test_nonsense_about_a_job_is_told_as_such(open_client: Opener, tmp_path, job, reason):
    def nonsense(head: bytes, one: socket.socket) -> bytes:
        if b"/health" in head:
            return ok({"name": "vlogger", "version": VERSION, "api": API})
        return ok(job) if head.startswith((b"POST /v1/jobs ", b"GET /v1/jobs/x?")) else http(200, b"PK nonsense")

    with answering(nonsense) as url:
        client = open_client(RemoteService(Address(url, "token")))
        handle = client.submit({"kind": "character"}, tmp_path / "out")
        news_of(client, handle)
    assert handle.state == "failed"
    assert reason in str(handle.error)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*JOB, "name", "first"]), inner),
))  # fmt: skip
def test_whatever_a_job_is_it_is_read_or_refused(value):
    for job in (value, {**JOB, **value} if isinstance(value, dict) else {**JOB, "files": value}):
        try:
            snapshot = read_snapshot(job)
        except ValueError:
            continue
        assert 0 <= snapshot.view.done <= 1
        assert not any(".." in name or name.startswith(("/", "\\")) for name in snapshot.files)


def test_many_updates_are_not_brought_in_one_tick(kept, open_client: Opener):
    client = open_client(kept)
    for _ in range(150):
        client._tell(ServiceChanged("ready", ""))
    assert [len(client.poll()) for _ in range(3)] == [100, 50, 0]


HARMLESS = {
    "PosixPath.__reduce_ex__", "SimpleQueue.put", "allocate_lock", "deque.popleft", "dict.get", "dict.items", "fspath",
    "getattr", "id", "int.from_bytes", "intern", "isinstance", "issubclass", "len", "list.append", "list.count",
    "list.reverse", "monotonic", "object.__new__", "setprofile", "str.lstrip", "urandom",
}  # fmt: skip
"""What the methods for Blender's thread may call of C: nothing here takes a lock, or talks to the system for long."""


def test_nothing_that_blender_calls_can_wait(kept, open_client: Opener, line, tmp_path):
    """Never a lock, a socket, a file or a process: looked at with jobs under way, through Python's profiler hook."""
    client = open_client(kept)
    of_c, of_python = set(), set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            of_c.add(argument.__qualname__)
        elif event == "call":
            of_python.add(frame.f_code)

    deadline = time.monotonic() + 60
    gc.disable()  # what others hang on a collection (weak sets, hypothesis' clock) is not the client's doing
    sys.setprofile(watch)
    try:
        handle = client.submit(animate(line), tmp_path / "1", label="x")
        other = client.submit(animate(line, seed=2), tmp_path / "2")
        client.follow("0" * 32, tmp_path / "3")
        client.ask("health")
        client.connect()
        while not handle.ended and time.monotonic() < deadline:
            client.poll()
            if handle.state == "running":
                other.cancel()
        client.close()
    finally:
        sys.setprofile(None)
        gc.enable()
    assert handle.state == "done", handle.error
    assert of_c <= HARMLESS
    waiting = {
        code.co_qualname for code in of_python if any(op.opname == "BEFORE_WITH" for op in dis.get_instructions(code))
    }
    assert not waiting, "a `with` may take a lock, which the profiler does not see"
    assert {"Client.poll", "Client.submit", "Client.close"} <= {code.co_qualname for code in of_python}


def test_a_shot_says_its_first_frame_in_its_painting():
    assert first_frame({"kind": "render", "first": 3}) == 3
    assert first_frame({"kind": "shot", "painting": {"first": 4}}) == 4
    assert first_frame({"kind": "animate"}) == 0
