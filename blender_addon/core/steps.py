"""Work that is done step by step, so that a window stays usable: a generator, each step of which takes little time.

A step yields whether there is nothing to do for a while, since a thread is at work.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 0.004
"""Seconds for which who does all at once waits for a thread at a time."""


def awaited(future: Future[T]) -> Generator[bool, None, T]:
    """Steps until a thread has done its part; returns that."""
    while not future.done():
        yield True
    return future.result()


def finished(steps: Generator[bool, None, T]) -> T:
    """Do all of it at once; returns what it returns."""
    while True:
        try:
            if next(steps):
                wait((), timeout=_PATIENCE)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
