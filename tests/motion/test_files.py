"""Nothing half-written under a final name."""

from pathlib import Path

import pytest

from vlogger_backend.errors import InputError
from vlogger_backend.files import writing


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), writing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_the_suffix_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.mp4"
    with writing(path) as temporary:
        assert temporary.suffix == ".mp4"
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_in_the_way_of_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="can't be written"), writing(tmp_path / "a" / "x.txt"):
        pass


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(InputError, match="disk is full"), writing(tmp_path / "x.txt"), open(full, "w") as file:
        file.write("x")
        file.flush()
