"""What may go when the library is full."""

from __future__ import annotations

from collections.abc import Iterable

from .jobs import Job, State
from .library import Upload
from .store import Entry
from .tasks import sources_of

_FRESH = 3600.0
"""Seconds for which an upload waits for the job that it was sent for."""


def dispensable(
    entries: Iterable[Entry], live: Iterable[Job], uploads: Iterable[Upload], spare: str
) -> list[Entry | Upload]:
    """Results and uploads that can be made or sent again and that no job in `live` is made of, oldest first.

    Uploads are as old as the last job that was made of them. The results of the job `spare` stay.
    """
    needed = {source for job in live for source in sources_of(job.submission)}
    last: dict[str, int] = {}
    found: list[tuple[int, int, Entry | Upload]] = []
    for entry in entries:
        last.update(dict.fromkeys(entry.sources, entry.number))
        if entry.state is State.DONE and not entry.removed and entry.id != spare and f"job:{entry.id}" not in needed:
            found.append((entry.number, 0, entry))
    for upload in uploads:
        number = last.get(f"upload:{upload.id}", 0)
        if f"upload:{upload.id}" not in needed and (number or upload.age > _FRESH):
            found.append((number, 1, upload))
    return [item for _, _, item in sorted(found, key=lambda item: item[:2])]
