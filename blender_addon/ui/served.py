"""What the service makes for an errand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from ..core.errors import AddonError
from ..core.jobs import Ended, FileCame, FrameCame, JobHandle
from .errand import At
from .session import session


def served(
    job: dict[str, Any],
    folder: Path,
    label: str,
    at: Callable[[JobHandle], At],
    came: Callable[[FileCame | FrameCame], None] = lambda update: None,
) -> Generator[At, None, JobHandle]:
    """Have the service do a job, as a part of an errand; closed early, the job is cancelled.

    `at` says how far the errand is, in each tick; `came` is called with what was made. Raises AddonError as the service
    says it.
    """
    news: deque[Any] = deque()
    handle = session().submit(job, folder, label, news.append)
    ended: Ended | None = None
    try:
        while ended is None:
            yield at(handle)
            while news:
                update = news.popleft()
                if isinstance(update, Ended):
                    ended = update
                else:
                    came(update)
    finally:
        if not handle.ended:
            handle.cancel()
    if ended.view.state != "done":
        raise ended.error or AddonError(f"{label}: the service was told to cancel it.")
    return handle
