"""Clients of the service in tests: the program they start, and polling them as Blender's timer does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from blender_addon.core.client import Client
from blender_addon.core.jobs import Answered, Ended, JobHandle, Update

REPOSITORY = Path(__file__).parents[2]

Opener = Callable[..., Client]

_TIMER = 0.01


def write_program(path: Path, before: str = "") -> Path:
    """A `vlogger` command of this repository, whether or not it is installed; `before` is code that it runs first."""
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        f"os.environ['PYTHONPATH'] = {str(REPOSITORY)!r}\n"
        f"{before}\n"
        "from vlogger_backend.cli import main\n"
        "main()\n"
    )
    path.chmod(0o755)
    return path


def news_until(client: Client, enough: Callable[[Update], object], within: float = 60) -> list[Update]:
    """All news up to the first that is `enough`, and what came with it."""
    deadline = time.monotonic() + within
    news: list[Update] = []
    timer = threading.Event()
    while True:
        come = client.poll()
        news += come
        if any(enough(update) for update in come):
            return news
        assert time.monotonic() < deadline, f"nothing of that kind came, only {news}"
        timer.wait(_TIMER)


def news_of(client: Client, *handles: JobHandle, within: float = 60) -> list[Update]:
    """All news until these jobs have ended."""
    return news_until(
        client, lambda update: isinstance(update, Ended) and all(handle.ended for handle in handles), within
    )


def answer(client: Client, within: float = 60) -> Answered:
    """The next answer to a question."""
    return next(u for u in news_until(client, lambda u: isinstance(u, Answered), within) if isinstance(u, Answered))
