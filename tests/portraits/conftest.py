"""One portrait for all tests that need one."""

from pathlib import Path

import numpy as np
import pytest
from people import astronaut
from PIL import Image

from vlogger_backend.portraits.making import make_portrait
from vlogger_backend.portraits.portrait import Consent, Portrait


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo's file: a real person's head and shoulders."""
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(np.ascontiguousarray(astronaut()[:260, 90:350])).save(path)
    return path


@pytest.fixture(scope="session")
def portrait(photo: Path) -> Portrait:
    return make_portrait(photo, Consent("A test picture in the public domain.", "2024-01-01T00:00:00+00:00"))
