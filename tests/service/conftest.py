"""A disk that is small."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import mount, unmount


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    yield folder
    unmount(folder)
