"""What the tests of listening share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vlogger_backend.speech.audio import open_sound
from vlogger_backend.speech.listen import Listener
from vlogger_backend.speech.voice import say

TEXT = "Hello there, my name is Victor. Maybe people buy apples, but I prefer bread."


@pytest.fixture(scope="session")
def listener() -> Listener:
    """One for all: the models are loaded once, and nothing of a file may stay for the next."""
    return Listener()


@pytest.fixture(scope="session")
def text() -> str:
    return TEXT


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav file in which `text` is said."""
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    say(TEXT, path)
    return path


@pytest.fixture(scope="session")
def samples(spoken: Path) -> NDArray[np.float32]:
    """The same, 16 kHz mono, full range."""
    return np.concatenate(list(open_sound(spoken).blocks()))
