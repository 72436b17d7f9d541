"""A worker that is warm, and sounds to work on."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from vlogger_backend.work.process import WorkerProcess


@pytest.fixture(scope="session")
def worker() -> Iterator[WorkerProcess]:
    """One worker for all tests; one that a test has ended comes back with the next task."""
    process = WorkerProcess("tests")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def minute(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The line, said again and again for more than a minute."""
    path = tmp_path_factory.mktemp("voice") / "minute.wav"
    with wave.open(str(line), "rb") as once, wave.open(str(path), "wb") as often:
        often.setparams(once.getparams())
        said = once.readframes(once.getnframes())
        for _ in range(1 + 60 * once.getframerate() // once.getnframes()):
            often.writeframes(said)
    return path
