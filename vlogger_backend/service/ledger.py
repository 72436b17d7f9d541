"""All jobs as they are now: in memory for those who read, on disk before anyone is told.

Of each job there is an `Entry` in memory. The whole job is there only if it waits, runs or was asked for lately, so
that many thousand old ones cost little; reading such a job takes neither the disk nor a lock that is held long.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .errors import JobNotFound, LibraryFull
from .jobs import ENDED, Job, State
from .store import Entry, Store

_RECENT = 500
"""Ended jobs that stay in memory as a whole."""

_log = logging.getLogger(__name__)


class Ledger:
    """Thread-safe. `changing` is held by who decides on a change, until it is written: one change after the other."""

    def __init__(self, store: Store) -> None:
        self.changing = threading.RLock()
        self.last = store.last
        self._store = store
        self._memory = threading.RLock()  # what follows; held for moments
        self._entries = store.entries
        self._keys = {entry.key: entry.id for entry in self._entries.values() if entry.key is not None}
        self._counts = Counter(entry.state for entry in self._entries.values())
        self._size = sum(entry.size for entry in self._entries.values())
        self._live: dict[str, Job] = {}
        self._recent: dict[str, Job] = {}
        self._closing: set[str] = set()
        self._unsaved: dict[int, str] = {}
        self._listeners: tuple[Callable[[Job], None], ...] = ()
        for entry in self._entries.values():
            if entry.state not in ENDED:
                self._live[entry.id] = self._read(entry)

    def get(self, id: str) -> Job:
        """One job. Raises JobNotFound."""
        while True:
            with self._memory:
                job = self._live.get(id) or self._recent.get(id)
                if job is not None:
                    return job
                entry = self._entries.get(id)
            if entry is None:
                raise JobNotFound(f"There is no job {id[:80]}; it may have been deleted.")
            with suppress(KeyError):
                job = self._read(entry)
                with self._memory:
                    if self._entries.get(id) is entry:
                        self._hold(job)

    def newest(self, state: State | None, limit: int, before: int | None) -> list[Job]:
        """At most `limit` jobs with numbers below `before`, newest first."""
        with self._memory:
            wanted = (
                entry.id
                for entry in reversed(self._entries.values())
                if (before is None or entry.number < before) and (state is None or entry.state is state)
            )
            ids = [id for id, _ in zip(wanted, range(limit), strict=False)]
        jobs = []
        for id in ids:
            with suppress(JobNotFound):  # deleted meanwhile
                jobs.append(self.get(id))
        return jobs

    def live(self) -> list[Job]:
        """The jobs that wait or run."""
        with self._memory:
            return list(self._live.values())

    def entries(self) -> list[Entry]:
        """What is known of all jobs, in the order of their numbers."""
        with self._memory:
            return list(self._entries.values())

    def with_key(self, key: str) -> Job | None:
        """The job that was submitted with this idempotency key."""
        with self._memory:
            id = self._keys.get(key)
        return None if id is None else self.get(id)

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._memory:
            return {state: self._counts[state] for state in State}

    def size(self) -> int:
        """Bytes of all results."""
        with self._memory:
            return self._size

    def watch(self, listener: Callable[[Job], None]) -> Callable[[], None]:
        """Have `listener` called at each change; returns the function that ends it."""
        with self._memory:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._memory:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return end

    def note(self, id: str, attempt: int, news: Callable[[Job], Job]) -> bool:
        """Change in memory alone how far a job is. False if that attempt doesn't run any longer."""
        with self._memory:
            job = self._live.get(id)
            if job is None or job.state is not State.RUNNING or job.attempt != attempt or id in self._closing:
                return False
            self._show(replace(news(job), revision=job.revision + 1))
            return True

    # What follows is for who holds `changing`. `required` raises LibraryFull, and changes nothing, if the disk doesn't
    # take it; without, memory goes on alone. Either way the next writing brings the disk to what is in memory then.

    def add(self, job: Job, sources: Sequence[str], key: str | None) -> None:
        """Enter a new job, with the number `last` + 1. Raises LibraryFull."""
        self.last = job.number
        entry = Entry(job.number, job.id, job.state, source="\n".join(sources), key=key)
        self._save((entry, job), required=True)
        with self._memory:
            self._enter(entry)
            if key is not None:
                self._keys[key] = job.id
            self._show(job)

    def change(self, id: str, *, required: bool = False, size: int | None = None, **changes: Any) -> Job:
        """Change a job, and the bytes of its results."""
        with self._memory:
            self._closing.add(id)
        try:
            entry, job = self._changed(id, size, changes)
            self._save((entry, job), required=required)
            with self._memory:
                self._enter(entry)
                self._show(job)
            return job
        finally:
            with self._memory:
                self._closing.discard(id)

    def prepare(self, id: str, *, size: int, **changes: Any) -> None:
        """Write what a job is to be, before it is: for `recover`, should a kill come now. Raises LibraryFull."""
        self._save(self._changed(id, size, changes), required=True)

    def forget(self, id: str) -> None:
        """Take a job out of the list."""
        with self._memory:
            job = self.get(id)
            entry = self._entries.pop(id)
            self._count(entry, -1)
            self._live.pop(id, None)
            self._recent.pop(id, None)
            if entry.key is not None:
                del self._keys[entry.key]
        self._save(deleted=entry)
        ended = job.state if job.state in ENDED else State.CANCELLED
        with self._memory:
            self._tell(replace(job, state=ended, removed=True, files=(), revision=job.revision + 1))

    def save(self) -> None:
        """Write what could not be written before."""
        if self._unsaved:
            self._save()

    def _changed(self, id: str, size: int | None, changes: dict[str, Any]) -> tuple[Entry, Job]:
        job, entry = self.get(id), self._entries[id]
        job = replace(job, **{"revision": job.revision + 1, **changes})
        size = entry.size if size is None else size
        return replace(entry, state=job.state, removed=job.removed, size=size), job

    def _save(self, *changed: tuple[Entry, Job], deleted: Entry | None = None, required: bool = False) -> None:
        numbers = {entry.number: entry.id for entry, _ in changed}
        if deleted is not None:
            numbers[deleted.number] = deleted.id
        older = [id for number, id in self._unsaved.items() if number not in numbers and id in self._entries]
        gone = [number for number, id in (self._unsaved | numbers).items() if id not in self._entries]
        try:
            self._store.write([*((self._entries[id], self.get(id)) for id in older), *changed], deleted=gone)
        except LibraryFull as error:
            self._unsaved |= numbers
            if required:
                raise
            _log.warning("%s", error)
        else:
            self._unsaved.clear()

    def _read(self, entry: Entry) -> Job:
        """Raises KeyError if it has just been deleted."""
        return self._store.read(entry.number)

    def _enter(self, entry: Entry) -> None:
        if entry.id in self._entries:
            self._count(self._entries[entry.id], -1)
        self._entries[entry.id] = entry
        self._count(entry, 1)

    def _count(self, entry: Entry, sign: int) -> None:
        self._counts[entry.state] += sign
        self._size += sign * entry.size

    def _show(self, job: Job) -> None:
        self._hold(job)
        self._tell(job)

    def _hold(self, job: Job) -> None:
        """Keep a job in memory, and let go of one that nobody has asked for since."""
        self._live.pop(job.id, None)
        self._recent.pop(job.id, None)
        (self._recent if job.state in ENDED else self._live)[job.id] = job
        if len(self._recent) > _RECENT + len(self._unsaved):
            unsaved = set(self._unsaved.values())
            del self._recent[next(id for id in self._recent if id not in unsaved)]

    def _tell(self, job: Job) -> None:
        """Tell the listeners while memory is ours, so that they hear of changes in their order."""
        for listener in self._listeners:
            try:
                listener(job)
            except Exception:
                _log.exception("a listener failed")
