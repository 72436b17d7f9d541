"""The library's folder: who may open it, what is kept and what a kill leaves in it."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from by_hand import SOUND, animate, check_whole, new_library, work_by_hand
from disks import mount, unmount

from vlogger_backend.errors import InputError
from vlogger_backend.service.jobs import State
from vlogger_backend.service.library import open_library
from vlogger_backend.service.queue import Queue


def test_a_new_library_is_its_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "library"
    library = open_library(folder)
    for path in (folder, library.jobs, library.work, library.uploads):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "jobs.sqlite").stat().st_mode) == 0o600
    library.close()
    open_library(folder).close()


def test_what_is_ours_may_be_there_before_the_list(tmp_path: Path) -> None:
    for name in ("token", "service.json", ".DS_Store"):
        (tmp_path / name).write_text("x")
    (tmp_path / "uploads").mkdir()
    open_library(tmp_path).close()


def test_someones_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(InputError, match=r"is not empty and holds no list of jobs.*choose an empty one"):
        open_library(tmp_path)
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_results_that_lost_their_list_are_left_alone(tmp_path: Path) -> None:
    library = open_library(tmp_path)
    library.close()
    take = library.job_folder("a" * 32) / "take.npz"
    take.parent.mkdir()
    take.write_bytes(b"take")
    (tmp_path / "jobs.sqlite").unlink()
    with pytest.raises(InputError, match="holds no list of jobs"):
        open_library(tmp_path)
    assert take.read_bytes() == b"take"


def test_a_file_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"there is a file where a folder should be. Choose another"):
            open_library(path)


def test_a_library_on_a_read_only_disk_is_refused(small_disk: Path) -> None:
    folder = small_disk / "library"
    new_library(folder).close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(InputError, match="on a disk that can only be read"):
        open_library(folder)
    with pytest.raises(InputError, match="on a disk that can only be read"):
        open_library(small_disk / "another")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    open_library(folder).close()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions don't bind this user")
def test_a_library_without_permission_is_refused(tmp_path: Path) -> None:
    new_library(tmp_path).close()
    (tmp_path / "work").chmod(0o500)
    with pytest.raises(InputError, match="no permission to write there"):
        open_library(tmp_path)
    (tmp_path / "work").chmod(0o700)


def test_work_and_jobs_on_two_disks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    mount(tmp_path / "work", "size=1m")
    try:
        with pytest.raises(InputError, match="are on two disks; put them on one"):
            open_library(tmp_path)
    finally:
        unmount(tmp_path / "work")


def test_of_many_that_open_at_once_one_gets_it(tmp_path: Path) -> None:
    got, refusals = [], []
    ready = threading.Barrier(4)

    def open_it() -> None:
        ready.wait()
        try:
            got.append(open_library(tmp_path / "library"))
        except InputError as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert all("in use by another service" in sentence for sentence in refusals)
    got[0].close()


def test_what_a_kill_leaves_is_removed(tmp_path: Path) -> None:
    library = new_library(tmp_path)
    queue = Queue(library)
    job, _ = queue.submit(animate())
    run = queue.begin("curves")
    assert run is not None
    queue.end(run, work_by_hand(queue, run, job.submission))
    library.close()
    for name in ("jobs/" + "b" * 32, "work/" + "b" * 32 + "-1", f"work/{job.id}-removed-1234"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "take.npz").write_bytes(b"half")
    for name in (".abcdefgtoken", ".abcdefghservice.json", ".abcdefghjobs.sqlite", "uploads/.abcdefgh", "work/stray"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "jobs" / "notes of mine").mkdir()
    library = open_library(tmp_path)
    queue = Queue(library)
    (tmp_path / "jobs" / "notes of mine").rmdir()  # it was left alone
    check_whole(library, queue)
    assert queue.get(job.id).state is State.DONE
    library.close()


def test_uploads_that_no_job_was_made_of_are_forgotten_in_time(tmp_path: Path) -> None:
    library = new_library(tmp_path)
    queue = Queue(library)
    queue.submit(animate())
    library.close()
    names = {f"{digit * 64}.wav": age for digit, age in (("1", 30), ("2", 1), ("3", -400))}
    now = (tmp_path / "jobs.sqlite").stat().st_mtime
    for name, days in (names | {f"{SOUND}.wav": 30}).items():
        path = library.uploads / name
        path.touch()
        os.utime(path, (now - days * 86400,) * 2)
    library = open_library(tmp_path)
    Queue(library)
    assert sorted(path.name[0] for path in library.uploads.iterdir()) == ["2", "3", "5"]
    assert all(upload.age >= 0 for upload in library.find_uploads())  # one is from the future
    library.close()


@pytest.mark.parametrize("id", ["", "5", "../../etc/passwd", "5" * 63 + "*", "5" * 64 + ".wav", "6" * 64, "\0"])
def test_only_uploads_are_found(tmp_path: Path, id: str) -> None:
    library = new_library(tmp_path)
    assert library.upload(SOUND) == library.uploads / f"{SOUND}.wav"
    with pytest.raises(InputError, match=r"There is no upload .*; send the file again"):
        library.upload(id)
    library.close()
