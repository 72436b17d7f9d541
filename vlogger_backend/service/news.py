"""What changes, brought from the queue's threads to the clients that wait for it.

A reader is told which jobs have changed, not each change: however slowly it reads, there is nothing to pile up but the
names of jobs, and it always gets the newest state.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .jobs import Job


class Reader:
    """One client that waits. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._woken = asyncio.Event()

    def tell(self, id: str) -> None:
        self._changed[id] = None
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def changed(self, within: float | None = None) -> list[str]:
        """The jobs that have changed since the last call, waited for; none when the time is up or the service ends."""
        try:
            async with asyncio.timeout(within):
                await self._woken.wait()
        except TimeoutError:
            return []
        self._woken.clear()
        changed, self._changed = list(self._changed), {}
        return changed


class News:
    """All readers, and a number for each change, by which a client that comes back says what it has seen.

    `open` begins to listen to the queue and must be called in the event loop's thread, as all else here.
    """

    def __init__(self) -> None:
        self.ended = False
        self._run = secrets.token_hex(4)
        self._count = 0
        self._counts: dict[str, int] = {}
        self._readers: dict[str | None, set[Reader]] = {}
        self._unwatch: Callable[[], None] = lambda: None

    def open(self, watch: Callable[[Callable[[Job], None]], Callable[[], None]]) -> None:
        """Listen from now on, to a queue's `watch`."""
        loop = asyncio.get_running_loop()

        def spread(id: str) -> None:
            self._count += 1
            self._counts.pop(id, None)
            self._counts[id] = self._count
            for reader in (*self._readers.get(id, ()), *self._readers.get(None, ())):
                reader.tell(id)

        def hear(job: Job) -> None:  # in any thread
            loop.call_soon_threadsafe(spread, job.id)

        self._unwatch = watch(hear)

    def close(self) -> None:
        """The service ends: nobody waits any longer."""
        self.ended = True
        self._unwatch()
        for readers in self._readers.values():
            for reader in readers:
                reader.wake()

    @contextmanager
    def reader(self, id: str | None) -> Iterator[Reader]:
        """A reader of the changes of this job, or of all."""
        reader = Reader()
        self._readers.setdefault(id, set()).add(reader)
        try:
            yield reader
        finally:
            self._readers[id].discard(reader)
            if not self._readers[id]:
                del self._readers[id]

    def mark(self, id: str) -> str:
        """What to call the newest change of this job."""
        return f"{self._run}-{self._counts.get(id, 0)}"

    def since(self, mark: str | None) -> list[str] | None:
        """The jobs that have changed since this mark, in that order; None if it is none of ours (of an earlier run)."""
        run, _, count = (mark or "").partition("-")
        if run != self._run or not count.isdecimal() or len(count) > 15:
            return None
        newer: list[str] = []
        for id in reversed(self._counts):
            if self._counts[id] <= int(count):
                break
            newer.append(id)
        return newer[::-1]
