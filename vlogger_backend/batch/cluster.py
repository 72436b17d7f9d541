"""A batch on a Ray cluster, one machine or many, without a disk that they share.

A line's sound travels into its task as bytes, and its files come back as bytes; this machine writes them. The task is
the worker's own code (`work/run.py`), so that the results are those of a local batch. Every machine needs this version
of vlogger. Ray runs a task again whose machine or process is lost.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from .. import __version__
from ..animate import models_behind
from ..errors import InputError
from ..files import writing
from ..progress import no_progress
from ..request import Request
from ..work.run import Kept, outcome_of
from ..work.task import Died, Event, Failed, FileDone, Outcome
from .lines import Line
from .local import Watch, memory_of_worker
from .making import TAKE, Result, Todo, failed, result_of, speak, task_of

_WAITING = 2
"""Lines in flight for each one that can run: the next one's sound is there when a core gets free."""
_TRIES_AGAIN = 2
_WAKE_UP = 1.0
_PATIENCE = 60.0
"""Seconds in which a cluster must answer."""
_ENVIRONMENT = {
    "RAY_BACKEND_LOG_LEVEL": "error",
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a coming change
}
"""What Ray is told unless the user tells it otherwise."""


@dataclass(frozen=True)
class Sent:
    """What travels to where a line is made. `take` is there if only products are to be made of it.

    A licensed model's file doesn't travel: `made_with` says which one the other machine must have too, as in Take.
    """

    version: str
    name: str
    request: Request
    sound_suffix: str
    sound: bytes
    take: bytes | None
    products: tuple[str, ...]
    made_with: str = ""


@dataclass(frozen=True)
class Returned:
    """What comes back: how the task ended, and its files by their suffixes."""

    outcome: Outcome
    files: dict[str, bytes]


def make_on_cluster(
    todos: Sequence[Todo], watch: Watch, *, address: str | None, workers: int | None, gpus: float
) -> Iterator[Result]:
    """Make lines on the Ray cluster at `address`; their results in the order in which they end.

    Without an address it is the one that RAY_ADDRESS names, or one that is started on this machine for the while;
    "auto" is one that runs on this machine already. At most `workers` lines are made at a time, and each keeps `gpus`
    of a GPU.

    If the iteration is left, by Ctrl-C for example, the tasks are ended and nothing is half-written.

    Raises InputError if Ray is not installed, or there is no cluster, or none of its machines has such a GPU.
    """
    _need_ray()
    memory = memory_of_worker([suffix for todo in todos for suffix in todo.products])
    with _connected(address) as ray:
        _check_room(ray.nodes(), memory, gpus)
        make = ray.remote(make_there).options(num_cpus=1, num_gpus=gpus, memory=memory, max_retries=_TRIES_AGAIN)
        crew = _Flight(ray, make, todos, watch)
        try:
            while crew.busy:
                crew.launch(workers)
                yield from crew.landed()
        finally:
            crew.cancel()


class _Flight:
    """The lines that are on their way."""

    def __init__(self, ray: Any, make: Any, todos: Sequence[Todo], watch: Watch) -> None:
        self._ray = ray
        self._make = make
        self._todos = deque(todos)
        self._watch = watch
        self._out: dict[Any, tuple[Todo, float]] = {}
        self._failed: list[Result] = []

    @property
    def busy(self) -> bool:
        return bool(self._todos or self._out)

    def launch(self, workers: int | None) -> None:
        """Send as many lines as may be on their way: machines may have come or gone."""
        most = workers or _WAITING * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        while self._todos and len(self._out) < most:
            todo = self._todos.popleft()
            self._watch(todo, "On its way", 0.0)
            started = time.perf_counter()
            try:
                speak(todo)
                self._out[self._make.remote(_sent(todo))] = (todo, started)
            except InputError as error:
                self._failed.append(failed(todo.line, str(error), trace=traceback.format_exc()))

    def landed(self) -> Iterator[Result]:
        """The results that are there, after a moment at most."""
        yield from self._failed
        self._failed.clear()
        if not self._out:
            return
        ready, _ = self._ray.wait(list(self._out), num_returns=1, timeout=_WAKE_UP)
        for reference in ready:
            todo, started = self._out.pop(reference)
            yield self._result(todo, started, reference)

    def cancel(self) -> None:
        for reference in self._out:
            self._ray.cancel(reference, force=True)

    def _result(self, todo: Todo, started: float, reference: Any) -> Result:
        try:
            returned: Returned = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            said = f"vlogger itself failed on the cluster: {error.cause}".splitlines()[0]
            return failed(todo.line, said, mendable=False, trace=str(error))
        except self._ray.exceptions.RayError as error:
            said = f"Its machine or process on the cluster was lost {_TRIES_AGAIN + 1} times"
            return result_of(todo, Died(f"{said} ({type(error).__name__})."), [], started)
        try:
            for suffix, data in returned.files.items():
                with writing(todo.path(suffix)) as temporary:
                    temporary.write_bytes(data)
        except InputError as error:
            return failed(todo.line, str(error), trace=traceback.format_exc())
        return result_of(todo, returned.outcome, list(returned.files), started)


def make_there(sent: Sent) -> Returned:
    """Make a line on the machine where this is called; Ray calls it in a process of its own."""
    if sent.version != __version__:
        said = f"A machine of the cluster has vlogger {__version__}, this one {sent.version}; install the same on all."
        return Returned(Failed(said, True), {})
    if lacking := _other_models(sent):
        return Returned(Failed(lacking, True), {})
    with tempfile.TemporaryDirectory(prefix="vlogger-") as name:
        folder = Path(name)
        sound = folder / f"sound{sent.sound_suffix}"
        sound.write_bytes(sent.sound)
        take = folder / "given" / f"{sent.name}{TAKE}"
        if sent.take is not None:
            take.parent.mkdir()
            take.write_bytes(sent.take)
        todo = Todo(_line_of(sent), folder / "made", sent.take is None, sent.products)
        done: list[str] = []

        def tell(event: Event) -> None:
            if isinstance(event, FileDone):
                done.append(event.name)

        outcome = outcome_of(task_of(todo, todo.folder, take, sound), _kept(), tell, no_progress)
        files = {s: todo.path(s).read_bytes() for s in todo.wanted if todo.path(s).name in done}
        return Returned(outcome, files)


def _other_models(sent: Sent) -> str:
    """Why this machine would make another take than the one that has sent the line, if it would."""
    body = sent.request.body
    try:
        if models_behind(body) == sent.made_with:
            return ""
        reason = "has other body models than this one"
    except InputError as error:
        reason = f"lacks the body model {body} ({error})"
    return (
        f"The machine {socket.gethostname()} of the cluster {reason}; models don't travel: register the same files "
        "there under the same names, with: vlogger models add FILE --name NAME"
    )


@cache
def _kept() -> Kept:
    """What this process keeps loaded for the next line that Ray gives it."""
    return Kept()


def _line_of(sent: Sent) -> Line:
    return Line(0, 0, sent.name, sent.request)


def _sent(todo: Todo) -> Sent:
    sound = Path(todo.line.request.audio)
    try:
        take = None if todo.take else todo.path(TAKE).read_bytes()
        data = sound.read_bytes()
    except OSError as error:
        raise InputError(f"{error.filename} can't be read: {error.strerror}. Start the batch again.") from error
    name = todo.path(TAKE).name.removesuffix(TAKE)
    return Sent(__version__, name, todo.line.request, sound.suffix, data, take, todo.products, todo.made_with)


def _need_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise InputError('A cluster needs Ray, which is not installed; get it with: pip install "vlogger[cluster]"')


def _check_room(nodes: Sequence[Any], memory: int, gpus: float) -> None:
    """Ray would wait for ever for a machine that is large enough."""
    rooms = [node["Resources"] for node in nodes if node["Alive"]]
    if gpus and all(room.get("GPU", 0.0) < gpus for room in rooms):
        raise InputError(f"No machine of the cluster has a GPU of which {gpus:g} could be kept; leave --gpus out.")
    if all(room.get("memory", 0.0) < memory for room in rooms):
        raise InputError(
            f"No machine of the cluster has the {memory / 1e9:.1f} GB that a line needs; add a larger one."
        )


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster, and silent."""
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _knock(address)
    for name, value in {**_ENVIRONMENT, **_token(address)}.items():
        os.environ.setdefault(name, value)
    import ray

    ended = threading.Event()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # else Ray tells of lost machines there
        try:
            _connect(ray, address, ended)
            yield ray
        finally:
            ray.shutdown()
            ended.set()


def _token(address: str) -> dict[str, str]:
    """What Ray is told about the secret by which its processes know each other.

    It listens on every network of the machine, and before 2.59 whoever could reach it could run programs there.
    """
    if address == "local":
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    known = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ) or (Path.home() / ".ray/auth_token").is_file()
    return {"RAY_AUTH_MODE": "token"} if known else {}


def _knock(address: str) -> None:
    """Refuse an address at which nobody answers."""
    if place := re.fullmatch(r"(?:ray://)?([^:/]+):(\d{1,5})", address):
        try:
            socket.create_connection((place[1], int(place[2])), timeout=5).close()
        except (OSError, OverflowError) as error:
            raise _not_there(address, str(error)) from error


def _connect(ray: Any, address: str, ended: threading.Event) -> None:
    """Connect, in a thread that lives until all has `ended`.

    In the main thread Ray would take the signals, and wait for ever if another program answers. The processes that it
    starts end with the thread that started them.
    """
    connected, failures = threading.Event(), list[str]()

    def connect() -> None:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=None)
        except Exception as error:
            failures.append(str(error).strip().partition("\n")[0] or type(error).__name__)
        connected.set()
        ended.wait()

    with _stderr_in_file() as said:
        threading.Thread(target=connect, name="Ray", daemon=True).start()
        deadline = time.monotonic() + _PATIENCE
        while not connected.wait(_WAKE_UP) and time.monotonic() < deadline:
            pass
        said.seek(0)
        refused = b"InvalidAuthToken" in said.read()
    if failures or not connected.is_set():
        reason = failures[0] if failures else f"no answer in {_PATIENCE:.0f} s"
        raise _not_there(address, "it wants another RAY_AUTH_TOKEN" if refused else reason)


@contextmanager
def _stderr_in_file() -> Iterator[IO[bytes]]:
    """A file to which everything goes that is written to stderr meanwhile, also by Ray's own native code."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)


def _not_there(address: str, reason: str) -> InputError:
    if address == "local":
        return InputError(f"Ray can't be started here ({reason}); leave --cluster out.")
    return InputError(f"No Ray cluster answers at {address} ({reason}); correct --address, or leave it out.")
