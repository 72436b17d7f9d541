"""How long steps tell how far they are. The command line draws a bar of it; tests and scripts ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Called as `progress(stage, done)`: the step's name in plain words, and the part done, 0 to 1."""

    def __call__(self, stage: str, done: float) -> None: ...


def no_progress(stage: str, done: float) -> None:
    """For callers who don't want to know."""
