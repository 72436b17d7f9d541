"""What the service is asked once, as soon as it is there, without anybody waiting for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.client import Client
from ..core.jobs import Answered


class Answers:
    """Answers by what was asked for: "capabilities". They are those of one service, and forgotten with it."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._asked: set[str] = set()
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, what: str) -> Mapping[str, Any]:
        """The answer, {} while there is none; it is asked for then, once there is a service."""
        self._wanted.add(what)
        return self._known.get(what, {})

    def ask(self, client: Client) -> None:
        """Ask what nobody has asked yet."""
        for what in self._wanted - self._asked:
            client.ask(what)
        self._asked |= self._wanted

    def came(self, answer: Answered) -> bool:
        """Whether this was asked here. If it could not be answered, there is none."""
        if answer.path not in self._asked:
            return False
        self._known[answer.path] = answer.answer
        return True

    def forget(self) -> None:
        """There may be another service now."""
        self._asked.clear()
        self._known.clear()
