"""What goes on while Blender is open: the client of the service, what is keyed, errands, and what the panel tells.

One timer drives it. It never waits, and works for some milliseconds at a time at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..core.client import Client
from ..core.errors import AddonError
from ..core.jobs import Answered, CurvesCame, Ended, FileCame, FrameCame, JobHandle, ServiceChanged
from ..core.service_process import LocalService, RemoteService
from ..scene.aside import leave_all
from .answers import Answers
from .errand import Errand, Steps
from .keying import Keying
from .notices import Notices, gone, own_fault

_BUDGET = 0.012
"""Seconds of work in one tick."""
_QUICK, _SLOW = 0.02, 0.25
"""Seconds between ticks while there is something to key, and otherwise."""
_START_UP = 5.0
"""Seconds in which a panel that is drawn doesn't mean that somebody uses it: it may have been open last time."""


class Session:
    """The state that is not in the blend file. `changed` is called when the panels should be drawn anew."""

    def __init__(
        self,
        connect: Callable[[], LocalService | RemoteService],
        may_start_early: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._may_start_early = may_start_early
        self._changed = changed
        self._opened = time.monotonic()
        self._used = self._early = False
        self._client: Client | None = None
        self._files: dict[JobHandle, Callable[[Any], None]] = {}
        self.errands: dict[str, Errand] = {}
        self.answers = Answers()
        self.service = ServiceChanged("", "")
        self.notices = Notices(changed)
        self.keying = Keying(lambda: self.client, self.notices)
        self.arrived = False
        """Whether a file was opened, and its takes were not yet looked through for some that are waited for."""
        self.longest_tick = 0.0

    @property
    def client(self) -> Client:
        """The client, connected on first use."""
        if self._client is None:
            self._client = Client(self._connect())
        return self._client

    @property
    def service_lines(self) -> tuple[str, ...]:
        """What the service that was started here said last."""
        return self._client.last_lines if self._client is not None else ()

    @property
    def active(self) -> bool:
        """Is anything being made or keyed?"""
        return bool(self.keying.active or self._files or self.errands)

    def seen(self) -> None:
        """The panel is drawn, so somebody uses it: the service may start, if none was asked for yet."""
        self._used |= not self._early and time.monotonic() - self._opened > _START_UP

    def submit(self, job: dict[str, Any], folder: Path, label: str, news: Callable[[Any], None]) -> JobHandle:
        """Have something else made; `news` gets its FrameCame, FileCame and Ended."""
        handle = self.client.submit(job, folder, label)
        self._files[handle] = news
        return handle

    def begin(self, kind: str, steps: Steps) -> None:
        """Let something else be done tick by tick: "export", "frames". Of each kind there is one at a time."""
        self.errands[kind] = Errand(steps)
        self.notices.say("")

    def stop(self, kind: str) -> None:
        """End an errand before its time."""
        errand = self.errands.pop(kind, None)
        if errand is not None:
            errand.cancel()
            self._changed()

    def before_undo(self) -> None:
        """Nothing may lead to what Blender is about to forget."""
        self.keying.before_undo()

    def after_undo(self) -> None:
        """Blender's data is that of another moment."""
        leave_all()
        self.keying.after_undo()

    def leave_file(self) -> None:
        """Another file is opened; the service keeps what was asked for."""
        self.keying.leave_file()
        self._files.clear()
        for kind in list(self.errands):
            self.stop(kind)

    def arrive(self) -> None:
        """A file was opened."""
        self.keying.arrive()
        self.arrived = not bpy.app.background

    def reconnect(self, replace_service: bool = False) -> None:
        """Leave the service and look for one anew, for instance after the preferences were changed."""
        if self._client is not None and not replace_service:
            self._client.close()
            self._client = None
        self.answers.forget()
        self.notices.say("")
        self.client.connect(replace_service)

    def disconnect(self) -> None:
        """Leave the service; one that was started here ends. Whatever is asked for next looks for one anew."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self.answers.forget()
        self.service = ServiceChanged("", "")

    def close(self) -> None:
        self.leave_file()
        self.disconnect()

    def tick(self) -> float:
        """Do a little; returns the seconds until the next time."""
        began = time.perf_counter()
        self._start_early()
        if self._client is not None and self.service.state == "ready":
            self.answers.ask(self._client)
        self.keying.follow_names()
        self._listen()
        worked = self.keying.work(began + _BUDGET)
        self._run_errands(began + _BUDGET)
        self.longest_tick = max(self.longest_tick, time.perf_counter() - began)
        return _QUICK if worked or self.active else _SLOW

    def _start_early(self) -> None:
        """Once, so that the first take comes sooner."""
        if self._used and self._client is None and not bpy.app.background and self._may_start_early():
            self.client.connect()
        self._early |= self._client is not None
        self._used = False

    def _listen(self) -> None:
        updates = self._client.poll() if self._client is not None else []
        for update in updates:
            if isinstance(update, ServiceChanged):
                self.service = update
                if update.state != "ready":
                    self.answers.forget()
            elif isinstance(update, Answered) and not self.answers.came(update) and update.error is not None:
                self.notices.tell(update.error)
            elif isinstance(update, CurvesCame | Ended | FrameCame | FileCame):
                self._deal(update)
        if updates:
            self._changed()

    def _deal(self, update: CurvesCame | Ended | FrameCame | FileCame) -> None:
        if update.handle in self._files:
            news = self._files[update.handle]
            if isinstance(update, Ended):
                del self._files[update.handle]
            news(update)
            return
        self.keying.came(update)

    def _run_errands(self, until: float) -> None:
        for kind, errand in list(self.errands.items()):
            before = errand.at
            try:
                while time.perf_counter() < until and errand.step():
                    pass
            except AddonError as error:
                del self.errands[kind]
                self.notices.tell(error)
            except (ReferenceError, KeyError) as error:
                del self.errands[kind]
                self.notices.tell(gone(error))
            else:
                if errand.said is not None:
                    del self.errands[kind]
                    self.notices.say(errand.said)
                if errand.at != before or errand.said is not None:
                    self._changed()

    def give_up(self, error: Exception) -> None:
        """After a fault of our own: take back what is being done, and say so."""
        self.keying.give_up()
        for kind in list(self.errands):
            self.stop(kind)
        self.notices.tell(own_fault(error))


_held: list[Session] = []
"""The one session of this Blender; empty while the add-on is disabled."""


def session() -> Session:
    return _held[0]


def open_session(made: Session) -> None:
    _held[:] = [made]


def close_session() -> None:
    for held in _held:
        held.close()
    _held.clear()
