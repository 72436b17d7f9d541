"""Sounds that several tests need, spoken once by the built-in voice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from spoken import LINE

from vlogger_backend.speech.voice import say

settings.register_profile("shared machine", deadline=None)  # tests are not timed: benchmarks/ is for that
settings.load_profile("shared machine")


@pytest.fixture(autouse=True, scope="session")
def _identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Credentials are signed by an identity of the tests, not by the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLOGGER_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound in which `LINE` is said."""
    path = tmp_path_factory.mktemp("voice") / "line.wav"
    say(LINE, path)
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings, beside the repository where they are at hand."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real recordings (../shared/data) are not here")
    return path
