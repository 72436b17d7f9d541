"""Putting right what a kill left behind, whatever moment it came at.

A job's results come to be in three steps: what they are is written to the list, their folder gets its place, the job
is done. Results are removed in two: their folder leaves its place, then the list says so.
"""

from __future__ import annotations

from typing import Any

from .jobs import Job, State
from .ledger import Ledger
from .library import Library, remove
from .progress import NOTHING, now_after

ATTEMPTS = 2
"""Runs that a job gets by itself: one, and one more if it was interrupted."""
_UNTOLD = 1_000_000
"""More changes than a run has: revisions go on above what a client can have seen of a run before a kill."""
_FORGOTTEN = 7 * 86400.0
"""Seconds after which an upload that no job was made of is removed."""
_INTERRUPTED = "The service ended twice while this ran; retry it, or try something shorter."


def recover(ledger: Ledger, library: Library) -> None:
    """Bring list and folders to agree, and remove what belongs to nothing. For before anything runs."""
    whole = {path.name for path in library.jobs.iterdir()}
    with ledger.changing:
        for entry in ledger.entries():
            if entry.state is State.RUNNING:
                job = ledger.get(entry.id)
                size = entry.size if entry.id in whole else 0
                ledger.change(job.id, size=size, revision=job.revision + _UNTOLD, **_after_kill(job, entry.id in whole))
            elif entry.state is State.DONE and not entry.removed and entry.id not in whole:
                ledger.change(entry.id, size=0, **GONE)
    entries = ledger.entries()
    library.sweep({entry.id for entry in entries if entry.state is State.DONE and not entry.removed})
    known = {source for entry in entries for source in entry.sources}
    for upload in library.find_uploads():
        if upload.age > _FORGOTTEN and f"upload:{upload.id}" not in known:
            remove(upload.path)


GONE: dict[str, Any] = {"removed": True, "files": (), "frames": 0, "preview": False}
"""What changes of a job whose results are removed."""


def _after_kill(job: Job, whole: bool) -> dict[str, Any]:
    """What becomes of a job that ran. `whole`: its results had got their place."""
    if whole:
        return {"state": State.DONE, "done": 1.0, "ended": now_after(job.started)}
    if job.attempt < ATTEMPTS:
        return {"state": State.QUEUED, **NOTHING}
    return {"state": State.FAILED, "error": _INTERRUPTED, "ended": now_after(job.started), **NOTHING}
