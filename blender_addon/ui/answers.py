"""What the service is asked without anybody waiting for it: as soon as it is there, and again from time to time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..core.client import Client
from ..core.jobs import Answered


class Answers:
    """Answers by what was asked for: "capabilities". They are those of one service, and forgotten with it.

    Body models and free memory change while the service runs, so what is wanted again after `fresh` seconds is asked
    again; the old answer stands until then.
    """

    def __init__(self, fresh: float = 30.0) -> None:
        self._fresh = fresh
        self._wanted: set[str] = set()
        self._asked: set[str] = set()
        self._known: dict[str, Mapping[str, Any]] = {}
        self._due: dict[str, float] = {}

    def of(self, what: str) -> Mapping[str, Any]:
        """The answer, {} while there is none; it is asked for then, once there is a service."""
        self._wanted.add(what)
        return self._known.get(what, {})

    def ask(self, client: Client) -> None:
        """Ask what is wanted and not known, or not any more."""
        now = time.monotonic()
        for what in self._wanted - self._asked:
            if now >= self._due.get(what, now):
                client.ask(what)
                self._asked.add(what)
        self._wanted.clear()

    def came(self, answer: Answered) -> bool:
        """Whether this was asked here. If it could not be answered, what was known before stands."""
        if answer.path not in self._asked:
            return False
        self._asked.remove(answer.path)
        self._due[answer.path] = time.monotonic() + self._fresh
        if answer.error is None:
            self._known[answer.path] = answer.answer
        return True

    def forget(self) -> None:
        """There may be another service now."""
        self._asked.clear()
        self._known.clear()
        self._due.clear()
