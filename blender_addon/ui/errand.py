"""Errands: work that takes many ticks of the session's timer, and shows how far it is."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass


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


def run_through(steps: Steps) -> str:
    """Do all of it at once; for scripts."""
    errand = Errand(steps)
    while errand.said is None:
        errand.step()
    return errand.said
