"""The client of the service that Blender's timer polls. Nothing here waits: all that could is done by threads.

How the UI will use it, in the add-on's `register`, its timer and its operators:

    client = Client(LocalService(default_library(), python))
    client.connect()                      # starts the service while the user is still looking for the button
    handle = client.submit({"kind": "animate", "request": {"audio": Path("line.wav"), "seed": 3}}, folder)
    for update in client.poll():          # in the timer, some 10 times a second
        match update:
            case CurvesCame(): ...        # keys on the rig
            case Ended(): ...             # the take is there, or the reason why not
    client.close()                        # in `unregister`

Errors are AddonErrors; their class says which button mends them (`OtherVersionError`, `StartError`, …).
"""

from __future__ import annotations

import copy
import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .connection import Patience, StoppedError
from .errors import AddonError
from .following import Follower
from .jobs import (
    Answered,
    CurvesCame,
    Ended,
    FileCame,
    FrameCame,
    JobHandle,
    Moved,
    ServiceChanged,
    Update,
)
from .keeper import Keeper, Line
from .service_process import LocalService, RemoteService
from .version import API

_AT_ONCE = 100
"""Updates in one poll: what came while Blender was rendering for an hour is not dealt with in one tick."""


class Client:
    """Submits jobs to a service and brings their news. Its methods return at once; they are for Blender's own thread.

    The first thing that is asked of it finds the service, or starts it. One that dies is found or started again, and
    the jobs go on. A service that was started here ends with the client, or with this process if that is killed.

    service : the latest "starting", "ready" or "away", "" before anything is known
    """

    def __init__(self, service: LocalService | RemoteService, patience: Patience = Patience()) -> None:  # noqa: B008
        self.service = ""
        self._news: deque[Update] = deque()
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._keeper = Keeper(service, patience, lambda state, sentence: self._tell(ServiceChanged(state, sentence)))
        self._patience = patience
        self._tasks: dict[Follower | Line, threading.Thread] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="vlogger-client", daemon=True)
        self._thread.start()

    def submit(self, job: Mapping[str, Any], folder: Path, label: str = "", priority: int = 0) -> JobHandle:
        """Submit a job as docs/service.md describes it. Results are put into `folder`, which is made if need be.

        Each Path in `job` is sent to the service and replaced by its name there; a Written is written before.
        """
        whole = {**copy.deepcopy(dict(job)), "label": label, "priority": priority}
        return self._follow(JobHandle(label, folder, None, self._cancel), whole)

    def follow(self, id: str, folder: Path, label: str = "") -> JobHandle:
        """Take up a job that was submitted before, for instance before Blender was closed. All its news come again."""
        return self._follow(JobHandle(label, folder, id, self._cancel), None)

    def leave(self, handle: JobHandle) -> None:
        """Let a job alone: there is no more news of it, and the service goes on with it."""
        self._to_follower(handle, Follower.close)

    def connect(self, replace: bool = False) -> None:
        """Find or start the service, also when it was given up before; `Answered` tells its health, or why not.

        With `replace`, a service of whatever version that runs on the library is ended first; its jobs are kept.
        """
        self._question("health", lambda: self._keeper.renew(replace))

    def ask(self, what: str) -> None:
        """Ask for "health", "capabilities", "avatars", "rigs", …; `Answered` brings it, or the error."""
        self._question(what)

    def poll(self) -> list[Update]:
        """The news since the last call, in order, at most 100 of them; the handles are changed accordingly.

        It takes what other threads have laid down, and does no input or output itself.
        """
        updates: list[Update] = []
        while self._news and len(updates) < _AT_ONCE:
            update = self._news.popleft()
            self._apply(update)
            updates.append(update)
        return updates

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What the service that was started here said last, for a report."""
        return self._keeper.last_lines

    def close(self, wait: float = 0.0) -> None:
        """Leave the service; one that was started here ends, its jobs are kept.

        `wait` is how many seconds to wait for it at most: 0 in Blender, where everything ends by itself.
        """
        self._order(self._end)
        if wait:
            self._thread.join(wait)

    def _apply(self, update: Update) -> None:
        match update:
            case Moved(handle):
                handle.catch_up()
            case CurvesCame(handle, start, curves):
                handle.curve_frames = start + len(curves)
            case FrameCame(handle, frame, path):
                handle.frames[frame] = path
            case FileCame(handle, name, path):
                handle.files[name] = path
            case Ended(handle, view, error):
                handle.view, handle.error, handle.cancelling = view, error, False
            case ServiceChanged(state):
                self.service = state

    def _order(self, order: Callable[[], None]) -> None:
        """Leave an order for the client's own thread."""
        self._orders.put(order)

    def _follow(self, handle: JobHandle, job: Mapping[str, Any] | None) -> JobHandle:
        follower = Follower(handle, job, uuid.uuid4().hex, self._keeper, self._tell)
        self._order(lambda: self._start(follower, follower.run))
        return handle

    def _cancel(self, handle: JobHandle) -> None:
        self._to_follower(handle, Follower.cancel)

    def _to_follower(self, handle: JobHandle, act: Callable[[Follower], None]) -> None:
        def order() -> None:
            for task in self._tasks:
                if isinstance(task, Follower) and task.handle is handle:
                    act(task)

        self._order(order)

    # What follows runs in other threads.

    def _tell(self, update: Update) -> None:
        self._news.append(update)

    def _work(self) -> None:
        """The client's own thread: it carries out orders. None waits for the service: what does gets a thread."""
        while not self._closing:
            self._orders.get()()

    def _start(self, task: Follower | Line, run: Callable[[], None]) -> None:
        def whole() -> None:
            try:
                run()
            finally:
                self._order(lambda: self._forget(task))

        thread = threading.Thread(target=whole, name="vlogger-task", daemon=True)
        self._tasks[task] = thread
        thread.start()

    def _forget(self, task: Follower | Line) -> None:
        del self._tasks[task]

    def _question(self, what: str, before: Callable[[], None] = lambda: None) -> None:
        line = Line(self._keeper, waiting=lambda reason: None, given_up=lambda tries: tries > 1)

        def run() -> None:
            try:
                before()
                answer = line.call(lambda connection: connection.ask("GET", f"/v{API}/{what}"))
                self._tell(Answered(what, answer, None))
            except AddonError as error:
                self._tell(Answered(what, {}, error))
            except StoppedError:
                pass
            finally:
                line.close()

        self._order(lambda: self._start(line, run))

    def _end(self) -> None:
        self._closing = True
        for task in self._tasks:
            task.close() if isinstance(task, Follower) else task.interrupt()
        self._keeper.close()
        for thread in self._tasks.values():
            thread.join(self._patience.connect)
