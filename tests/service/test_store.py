"""The list of jobs on disk: it keeps what it was given, and is refused in a sentence or opened, never half."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from by_hand import animate
from disks import fill

from vlogger_backend.camera import Camera
from vlogger_backend.errors import InputError
from vlogger_backend.request import Body, Request
from vlogger_backend.service.errors import LibraryFull
from vlogger_backend.service.jobs import AnimateJob, CharacterJob, Job, RenderJob, State, Submission
from vlogger_backend.service.store import APPLICATION, VERSION, Entry, Store

STILL = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.5, 0.0, 0.0, 1.0, 3.0)
SUBMISSIONS: tuple[Submission, ...] = (
    animate(3, "fbx", "glb"),
    AnimateJob(Request("/somewhere/grüße \U0001f600.wav", text="„Hm?“\n", language="pt-br", body=Body(age=0.1))),
    RenderJob("job:12", Camera(640, 360, (STILL, STILL), (0.5,)), Body(skin=0.9), first=3, last=4),
    CharacterJob(Body(height=1 / 3)),
)


def numbered(number: int, submission: Submission | None = None) -> tuple[Entry, Job]:
    job = Job(f"{number:032x}", number, submission or animate(number), created=1e9 + number)
    return Entry(number, job.id, job.state, source="upload:5", key=f"key {number}"), job


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def filled(path: Path, count: int = 20) -> dict[str, Job]:
    """Write `count` jobs to a new list, and close it."""
    store = Store(path)
    rows = [numbered(number) for number in range(1, count + 1)]
    store.write(rows)
    store.close()
    return {job.id: job for _, job in rows}


def jobs_in(store: Store) -> dict[str, Job]:
    return {entry.id: store.read(entry.number) for entry in store.entries.values()}


def test_jobs_come_back_as_they_were(path: Path) -> None:
    store = Store(path)
    rows = [numbered(number, submission) for number, submission in enumerate(SUBMISSIONS, start=1)]
    done = replace(
        rows[0][1], state=State.DONE, files=(("take.npz", 3),), result={"spoken": True, "n": [1, None]}, ended=1.25
    )
    rows[0] = (replace(rows[0][0], state=State.DONE, size=3, removed=True), done)
    store.write(rows)
    store.close()
    again = Store(path)
    assert again.entries == {entry.id: entry for entry, _ in rows}
    assert jobs_in(again) == {job.id: job for _, job in rows}
    again.close()


def test_a_job_is_replaced_and_forgotten_and_its_number_is_never_given_again(path: Path) -> None:
    store = Store(path)
    rows = [numbered(number) for number in (1, 2, 3)]
    store.write(rows)
    entry, job = rows[0]
    store.write([(replace(entry, state=State.FAILED), replace(job, state=State.FAILED, error="No."))], deleted=[3])
    with pytest.raises(KeyError):
        store.read(3)
    store.close()
    again = Store(path)
    assert [(entry.number, entry.state) for entry in again.entries.values()] == [(1, State.FAILED), (2, State.QUEUED)]
    assert again.read(1).error == "No."
    assert again.last == 3
    again.close()


def test_all_of_a_writing_or_nothing(path: Path) -> None:
    store = Store(path)
    store.write([numbered(1)])
    twin = (replace(numbered(3)[0], key="key 2"), numbered(3)[1])
    with pytest.raises(LibraryFull, match="could not be written"):
        store.write([numbered(2), twin], deleted=[1])
    bad = (numbered(4)[0], replace(numbered(4)[1], label="\ud800"))
    with pytest.raises(InputError, match="Unicode"):
        store.write([numbered(2), bad])
    assert store.read(1) == numbered(1)[1]
    store.write([numbered(2)])
    store.close()
    again = Store(path)
    assert [entry.number for entry in again.entries.values()] == [1, 2]
    again.close()


def refused(path: Path) -> str:
    """The sentence with which the list is refused; the file is as it was."""
    before = path.read_bytes()
    with pytest.raises(InputError) as raised:
        Store(path)
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == [path.name]
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


def test_a_newer_list_is_left_alone(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
        connection.execute("CREATE TABLE later (x)")
    connection.close()
    assert "newer vlogger; update" in refused(path)


def other_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id=252006673")
        connection.execute("CREATE TABLE jobs (number)")
    connection.close()


def no_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (number)")
    connection.close()


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("make", [other_program, no_program, empty])
def test_what_is_not_ours_is_left_alone(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    assert "no list of jobs of vlogger" in refused(path)


def test_damage_is_told(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)
    assert "is damaged; move the folder" in refused(path)
    path.unlink()
    filled(path, 100)
    os.truncate(path, path.stat().st_size // 2)
    assert "is damaged; move the folder" in refused(path)


def test_a_changed_letter_is_seen(path: Path) -> None:
    filled(path)
    data = path.read_bytes()
    at = data.index(b'"state":"queued"')
    path.write_bytes(data[:at] + b'"state":"failed"' + data[at + 16 :])
    assert "is damaged" in refused(path)


def test_a_list_that_is_no_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match="can't be opened"):
        Store(path)


HOLD = """
import sys
from pathlib import Path
from vlogger_backend.service.store import Store
sys.path.append(sys.argv[2])
from test_store import numbered
store = Store(Path(sys.argv[1]))
print("open", flush=True)
for number in range(1, 10**6):
    store.write([numbered(number)])
    print(number, flush=True)
"""


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes job after job, and says each number as soon as it is written."""
    arguments = [sys.executable, "-c", HOLD, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_two_services_on_one_list(path: Path, writer: subprocess.Popen[str]) -> None:
    for _ in range(2):  # that we looked doesn't break the other's lock
        with pytest.raises(InputError, match="in use by another service"):
            Store(path)
    mine = path.with_name("mine.sqlite")
    first = Store(mine)
    with pytest.raises(InputError, match="in use by another service"):
        Store(mine)
    first.write([numbered(1)])
    first.close()


def test_after_a_kill_all_is_there_that_was_written(path: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    said += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    writer.wait()
    store = Store(path)
    assert said[-1] <= store.last <= said[-1] + 1
    assert [entry.number for entry in store.entries.values()] == list(range(1, store.last + 1))
    store.close()


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    store = Store(small_disk / "jobs.sqlite")
    store.write([numbered(1)])
    ballast = small_disk / "ballast"
    fill(ballast)
    number = 1
    with pytest.raises(LibraryFull, match="disk is full"):
        for number in range(2, 1000):
            store.write([numbered(number)])
    assert [store.read(n) for n in range(1, number)] == [numbered(n)[1] for n in range(1, number)]
    with pytest.raises(LibraryFull, match="disk is full"):
        store.write([], deleted=[1])
    ballast.unlink()
    store.write([numbered(number)], deleted=[1])
    store.close()
    again = Store(small_disk / "jobs.sqlite")
    assert list(jobs_in(again)) == [numbered(n)[1].id for n in range(2, number + 1)]
    again.close()


def test_fuzzed_lists_are_refused_or_right(tmp_path: Path) -> None:
    """Random bytes at random places, in the file, in its log, or in both: what is opened tells nothing wrong.

    Of the log's transactions those after the damage may be gone, as after a power cut; so a job may be as it was
    before, but it is never one that was not.
    """
    random_ = random.Random(20)
    whole = tmp_path / "whole"
    whole.mkdir()
    written = make_with_log(whole / "jobs.sqlite")
    opened = 0
    for round_ in range(150):
        folder = tmp_path / f"{round_}"
        shutil.copytree(whole, folder)
        for name in random_.choice([("jobs.sqlite",), ("jobs.sqlite-wal",), ("jobs.sqlite", "jobs.sqlite-wal")]):
            damage(folder / name, random_)
        try:
            store = Store(folder / "jobs.sqlite")
        except InputError:
            shutil.rmtree(folder)
            continue
        opened += 1
        for id, job in jobs_in(store).items():
            assert job in written[id]
        store.write([numbered(10**6)])
        store.close()
        Store(folder / "jobs.sqlite").close()
        shutil.rmtree(folder)
    assert opened  # else nothing was tried


def make_with_log(path: Path) -> dict[str, list[Job]]:
    """A list of which a part is in the file and a part in the log, as a kill leaves it; all that was ever in it."""
    program = f"""
import os, sys
sys.path.append({str(Path(__file__).parent)!r})
from dataclasses import replace
from pathlib import Path
from test_store import numbered, filled
from vlogger_backend.service.jobs import State
from vlogger_backend.service.store import Store
path = Path({str(path)!r})
filled(path, 12)
store = Store(path)
for number in range(8, 16):
    entry, job = numbered(number)
    store.write([(replace(entry, state=State.FAILED), replace(job, state=State.FAILED, error="No."))])
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert path.with_name("jobs.sqlite-wal").stat().st_size
    written = {numbered(n)[1].id: [numbered(n)[1]] for n in range(1, 16)}
    for number in range(8, 16):
        job = numbered(number)[1]
        written[job.id].append(replace(job, state=State.FAILED, error="No."))
    return written


def damage(path: Path, random_: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(random_.choice([1, 1, 2, 5, 20])):
        at, length = random_.randrange(len(data)), random_.choice([1, 1, 4, 64, 4096])
        data[at : at + length] = random_.randbytes(len(data[at : at + length]))
    if random_.random() < 0.1:
        del data[random_.randrange(len(data)) :]
    path.write_bytes(data)


def test_the_mark_is_in_the_file(path: Path) -> None:
    """`file` and others know by it whose it is; at byte 68, as SQLite's file format says."""
    filled(path)
    assert path.read_bytes()[68:72] == APPLICATION.to_bytes(4, "big")
