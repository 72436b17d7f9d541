"""Errands: work that takes many ticks of the session's timer, and shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 0.002
"""Seconds for which a script waits before it looks again at what a thread does."""


@dataclass(frozen=True)
class At:
    """How far an errand is: what it does just now, 0 to 1 of it, and whether this was enough for one tick."""

    stage: str
    done: float
    enough: bool = False


Steps = Generator[At, None, str]
"""The work itself. It yields how far it is, and returns a sentence for the user.

Closed early, it takes back what is half done. Between two steps anything may happen to Blender's objects: an undo
makes all of them anew.
"""


class Errand:
    """Steps on their way. `said` is the sentence at the end, None before."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.at = At("", 0.0)
        self.said: str | None = None

    def step(self) -> bool:
        """Do a little; False if that is enough for now. Raises AddonError, and is over then."""
        try:
            self.at = next(self._steps)
        except StopIteration as end:
            self.said = end.value
            return False
        return not self.at.enough

    def cancel(self) -> None:
        self._steps.close()


def in_steps(steps: Generator[bool, None, T], stage: str, done: float = 0.0) -> Generator[At, None, T]:
    """Steps as `core.steps` has them, as a part of an errand."""
    while True:
        try:
            waits = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield At(stage, done, enough=waits)


def run_through(steps: Steps) -> str:
    """Do all of it at once; for scripts."""
    errand = Errand(steps)
    while errand.said is None:
        if not errand.step():
            time.sleep(_PATIENCE)
    return errand.said
