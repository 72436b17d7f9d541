"""The queue: which jobs may do what, in which order they run, what they leave, and what is kept when room is short.

The worker's part is played by hand here; `test_lanes.py` has real ones.
"""

import os
import shutil
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from by_hand import SOUND, animate, check_whole, content, new_library, work_by_hand
from disks import fill

from vlogger_backend.camera import Camera
from vlogger_backend.errors import InputError
from vlogger_backend.painting import Painting
from vlogger_backend.request import Body, Request
from vlogger_backend.service.errors import Conflict, JobNotFound, LibraryFull
from vlogger_backend.service.jobs import (
    AnimateJob,
    CharacterJob,
    Job,
    PortraitJob,
    RenderJob,
    ShotJob,
    State,
    Submission,
)
from vlogger_backend.service.library import Library, open_library
from vlogger_backend.service.queue import Queue
from vlogger_backend.service.tasks import LaneName
from vlogger_backend.work.task import (
    Advanced,
    Animate,
    Cancelled,
    CurvesDone,
    Died,
    Done,
    Failed,
    FileDone,
    FrameDone,
    MakeCharacter,
    MakePortrait,
    Outcome,
    PaintShot,
    PreviewDone,
    Render,
)

STILL = Camera(64, 64, ((1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.5, 0.0, 0.0, 1.0, 3.0),), (0.5,))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = new_library(tmp_path / "library")
    yield library
    library.close()


@pytest.fixture
def queue(library: Library) -> Queue:
    return Queue(library)


def reopened(library: Library) -> tuple[Library, Queue]:
    """What the next service has, after this one was killed."""
    library.close()
    library = open_library(library.folder, library.quota)
    return library, Queue(library)


def do_next(queue: Queue, outcome: Outcome | None = None, lane: LaneName = "curves") -> Job:
    """Run the next job of a lane; without an outcome it gets done."""
    run = queue.begin(lane)
    assert run is not None
    done = work_by_hand(queue, run, queue.get(run.id).submission)
    queue.end(run, outcome or done)
    return queue.get(run.id)


def test_a_job_runs_and_its_results_are_kept(queue: Queue, library: Library) -> None:
    job, new = queue.submit(animate(7), priority=3, label="a line")
    assert new
    assert (job.state, job.priority, job.label, job.number, job.attempt) == (State.QUEUED, 3, "a line", 1, 0)
    run = queue.begin("curves")
    assert run is not None
    assert run.task == Animate(
        library.work / f"{job.id}-1", job.submission.request, library.uploads / f"{SOUND}.wav", pieces=True
    )
    running = queue.get(job.id)
    assert (running.state, running.attempt) == (State.RUNNING, 1)
    outcome = work_by_hand(queue, run, job.submission)
    assert queue.folder(job.id) == run.task.folder
    check_whole_but_files = queue.get(job.id)
    assert check_whole_but_files.files == (("take.npz", len(content(job.submission))),)
    assert (check_whole_but_files.pieces, check_whole_but_files.curve_frames) == (1, 60)
    queue.end(run, outcome)
    done = queue.get(job.id)
    assert (done.state, done.done, done.stage, done.pieces, done.curve_frames) == (State.DONE, 1.0, "", 0, 0)
    assert done.revision > check_whole_but_files.revision > running.revision > job.revision
    assert queue.folder(job.id) == library.jobs / job.id
    check_whole(library, queue)
    assert reopened(library)[1].get(job.id) == done


def test_each_kind_of_job_gets_its_task_and_its_lane(queue: Queue, library: Library) -> None:
    first, _ = queue.submit(animate())
    do_next(queue)
    over_a_file = Painting("warp", "orbit", background=f"upload:{SOUND}")
    submissions: list[tuple[Submission, LaneName]] = [
        (animate(1, "fbx", "png"), "pictures"),
        (RenderJob(f"job:{first.id}", STILL, first=2, last=5), "pictures"),
        (RenderJob(f"upload:{SOUND}", STILL, Body(age=0.2)), "pictures"),
        (CharacterJob(), "curves"),
        (CharacterJob(Body(age=0.2)), "pictures"),
        (PortraitJob(f"upload:{SOUND}", True, 2, "Ann"), "pictures"),
        (ShotJob(f"job:{first.id}", f"upload:{SOUND}"), "pictures"),
        (ShotJob(f"job:{first.id}", f"upload:{SOUND}", over_a_file, True, f"upload:{SOUND}"), "pictures"),
    ]
    for submission, _ in submissions:
        queue.submit(submission)
    tasks = []
    for _, lane in submissions:
        run = queue.begin(lane)
        assert run is not None
        tasks.append(replace(run.task, folder=Path()))
    sound = library.uploads / f"{SOUND}.wav"
    assert tasks == [
        Animate(Path(), animate(1).request, sound, (".fbx", ".png"), pieces=True),
        Render(Path(), library.jobs / first.id / "take.npz", STILL, None, 2, 5),
        Render(Path(), sound, STILL, Body(age=0.2)),
        MakeCharacter(Path(), Body()),
        MakeCharacter(Path(), Body(age=0.2)),
        MakePortrait(Path(), sound, 2, "Ann"),
        PaintShot(Path(), library.jobs / first.id / "take.npz", sound, Painting()),
        PaintShot(
            Path(),
            library.jobs / first.id / "take.npz",
            sound,
            replace(over_a_file, background=str(sound)),
            True,
            sound,
        ),
    ]
    assert queue.begin("curves") is None


def test_the_more_urgent_first_then_the_older(queue: Queue) -> None:
    ids = [queue.submit(animate(seed), priority)[0].id for seed, priority in enumerate((0, 5, -1, 5, 0))]
    done = []
    for _ in ids:
        done.append(do_next(queue).id)
    assert done == [ids[1], ids[3], ids[0], ids[4], ids[2]]


def test_how_far_a_job_is(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(RenderJob(f"upload:{SOUND}", STILL))
    run = queue.begin("pictures")
    assert run is not None
    queue.tell(run, Advanced("Drawing", 0.0))
    assert queue.get(job.id).left is None
    queue.tell(run, Advanced("Drawing", 0.25))
    quarter = queue.get(job.id)
    assert (quarter.stage, quarter.done) == ("Drawing", 0.25)
    assert quarter.left is not None
    assert 0 <= quarter.left < 3  # three times what has gone by, which is next to nothing
    (run.task.folder / "a.bin").write_bytes(b"12345")
    for event in (FrameDone(0), FrameDone(1), PreviewDone(), FileDone("a.bin"), FileDone("a.bin"), CurvesDone(2, 90)):
        queue.tell(run, event)
    now = queue.get(job.id)
    assert (now.frames, now.preview, now.files, now.pieces, now.curve_frames) == (2, True, (("a.bin", 5),), 3, 90)
    queue.tell(run, Advanced("Saving", 0.0))
    assert (queue.get(job.id).stage, queue.get(job.id).left) == ("Saving", None)
    (run.task.folder / "pieces").mkdir()
    queue.end(run, Done({"n": float("nan"), "odd": "\udcff"}))
    done = queue.get(job.id)
    assert (done.frames, done.files, done.result) == (2, (("a.bin", 5),), {"n": None, "odd": "?"})
    assert reopened(library)[1].get(job.id) == done


def test_the_same_key_is_the_same_job(queue: Queue, library: Library) -> None:
    job, new = queue.submit(animate(1), key="k")
    assert new
    assert queue.submit(animate(1), key="k") == (job, False)
    with pytest.raises(Conflict, match="used for another job"):
        queue.submit(animate(2), key="k")
    assert queue.submit(animate(1), key="other")[1]
    assert queue.submit(animate(1))[1]
    library, queue = reopened(library)
    do_next(queue)
    again, new = queue.submit(animate(1), key="k")
    assert (again.id, again.state, new) == (job.id, State.DONE, False)
    queue.delete(job.id)
    assert queue.submit(animate(2), key="k")[1]


def test_a_failure_keeps_its_reason_and_nothing_else(queue: Queue, library: Library) -> None:
    queue.submit(animate())
    failed = do_next(queue, Failed("It is no sound.\udcff", mendable=True))
    assert (failed.state, failed.error, failed.files, failed.done) == (State.FAILED, "It is no sound.?", (), 0.0)
    check_whole(library, queue)
    assert reopened(library)[1].get(failed.id) == failed


def test_a_job_is_tried_again_when_its_worker_dies_but_once(queue: Queue, library: Library) -> None:
    queue.submit(animate(0))
    queue.submit(animate(1))
    interrupted = do_next(queue, Died("Gone."))
    assert (interrupted.state, interrupted.attempt, interrupted.error) == (State.QUEUED, 1, None)
    check_whole(library, queue)
    failed = do_next(queue, Died("Gone."))
    assert failed.id == interrupted.id  # at its old place
    assert (failed.state, failed.attempt, failed.error) == (State.FAILED, 2, "Gone.")
    check_whole(library, queue)


def test_a_job_is_tried_again_after_a_kill_but_once(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(animate(0))
    queue.submit(animate(1))
    seen = 0
    for attempt in (1, 2):
        run = queue.begin("curves")
        assert run is not None
        assert (run.id, run.attempt) == (job.id, attempt)
        work_by_hand(queue, run, job.submission)
        seen = queue.get(job.id).revision
        library, queue = reopened(library)
        check_whole(library, queue)
        assert queue.get(job.id).revision > seen
    failed = queue.get(job.id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "ended twice" in failed.error
    assert do_next(queue).number == 2


def test_a_stop_costs_no_attempt(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(animate())
    for _ in range(3):
        run = queue.begin("curves")
        assert run is not None
        assert run.attempt == 1
        queue.stop()
        assert queue.begin("curves") is None
        queue.end(run, Died("Stopped."))
        assert (queue.get(job.id).state, queue.get(job.id).attempt) == (State.QUEUED, 0)
        check_whole(library, queue)
        library, queue = reopened(library)
    assert do_next(queue).state is State.DONE


def test_cancelling(queue: Queue, library: Library) -> None:
    waiting, _ = queue.submit(animate(0))
    running, _ = queue.submit(animate(1), priority=1)
    run = queue.begin("curves")
    assert run is not None
    outcome = work_by_hand(queue, run, running.submission)
    for job in (waiting, running):
        cancelled = queue.cancel(job.id)
        assert (cancelled.state, cancelled.error, cancelled.files) == (State.CANCELLED, "It was cancelled.", ())
        with pytest.raises(Conflict, match="has ended already"):
            queue.cancel(job.id)
    assert not queue.tell(run, Advanced("Too late", 0.5))
    queue.end(run, outcome)  # it was nearly done
    assert queue.get(running.id).state is State.CANCELLED
    check_whole(library, queue)
    assert queue.begin("curves") is None
    assert reopened(library)[1].counts()[State.CANCELLED] == 2


def test_a_worker_that_cancels(queue: Queue, library: Library) -> None:
    queue.submit(animate())
    assert do_next(queue, Cancelled()).state is State.CANCELLED
    check_whole(library, queue)


def test_trying_again(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(animate(0))
    queue.submit(animate(1))
    with pytest.raises(Conflict, match="only one that failed"):
        queue.retry(job.id)
    do_next(queue, Failed("No.", mendable=True))
    again = queue.retry(job.id)
    assert (again.state, again.attempt, again.error, again.ended, again.number) == (State.QUEUED, 0, None, None, 1)
    assert do_next(queue).id == job.id  # at its old place
    with pytest.raises(Conflict, match="The job is done"):
        queue.retry(job.id)
    second = do_next(queue, Failed("No.", mendable=True))
    (library.uploads / f"{SOUND}.wav").unlink()
    with pytest.raises(InputError, match="send the file again"):
        queue.retry(second.id)


def test_cancelled_and_at_once_tried_again(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(animate())
    run = queue.begin("curves")
    assert run is not None
    work_by_hand(queue, run, job.submission)
    queue.cancel(job.id)
    queue.retry(job.id)
    queue.end(run, Cancelled())  # of the run before
    assert queue.get(job.id).state is State.QUEUED
    assert do_next(queue).state is State.DONE
    check_whole(library, queue)


def test_deleting_in_every_state(queue: Queue, library: Library) -> None:
    heard: list[Job] = []
    queue.watch(heard.append)
    for seed in range(5):
        queue.submit(animate(seed))
    done, failed = do_next(queue), do_next(queue, Failed("No.", mendable=True))
    run = queue.begin("curves")
    assert run is not None
    outcome = work_by_hand(queue, run, queue.get(run.id).submission)
    waiting, cancelled = queue.list(State.QUEUED, 2, None)
    queue.cancel(cancelled.id)
    for id in (done.id, failed.id, run.id, waiting.id, cancelled.id):
        queue.delete(id)
        assert heard[-1].id == id
        assert heard[-1].removed
        assert heard[-1].state not in (State.QUEUED, State.RUNNING)
        for gone in (queue.get, queue.cancel, queue.retry, queue.delete, queue.folder):
            with pytest.raises(JobNotFound, match="There is no job"):
                gone(id)
    assert not queue.tell(run, Advanced("Too late", 0.5))
    queue.end(run, outcome)
    assert queue.list(None, 9, None) == []
    check_whole(library, queue)
    library, queue = reopened(library)
    assert queue.list(None, 9, None) == []
    assert queue.submit(animate())[0].number == 6  # no number is given twice


def test_what_another_job_needs_stays(queue: Queue, library: Library) -> None:
    first, _ = queue.submit(animate())
    with pytest.raises(InputError, match="has no take yet"):
        queue.submit(RenderJob(f"job:{first.id}", STILL))
    with pytest.raises(Conflict, match="needs it"):
        queue.remove_upload(SOUND)
    do_next(queue)
    shot, _ = queue.submit(RenderJob(f"job:{first.id}", STILL))
    with pytest.raises(Conflict, match="needs it"):
        queue.delete(first.id)
    do_next(queue, lane="pictures")
    queue.remove_upload(SOUND)
    assert not list(library.uploads.iterdir())
    with pytest.raises(InputError, match="send the file again"):
        queue.remove_upload(SOUND)
    queue.delete(first.id)
    check_whole(library, queue)
    assert queue.get(shot.id).state is State.DONE


def test_where_sounds_are(queue: Queue, library: Library, tmp_path: Path) -> None:
    sound = tmp_path / "line.wav"
    sound.touch()
    assert queue.resolve(str(sound)) == sound
    wrong = {
        "line.wav": "no whole path",
        "../line.wav": "no whole path",
        str(tmp_path / "other.wav"): "There is no file",
        str(tmp_path): "There is no file",
        "/" + "x" * 5000: "There is no file",
        "/a\0b": "There is no file",
        "upload:../../token": "There is no upload",
        "job:../..": "There is no job",
        "": "no whole path",
    }
    for source, sentence in wrong.items():
        with pytest.raises(InputError, match=sentence):
            queue.submit(AnimateJob(Request(source or "upload:"))) if source else queue.resolve(source)
    character, _ = queue.submit(CharacterJob())
    run = queue.begin("curves")
    assert run is not None
    queue.end(run, Done({}))
    with pytest.raises(InputError, match="made no take"):
        queue.resolve(f"job:{character.id}")
    job, _ = queue.submit(AnimateJob(Request(str(sound))))
    sound.unlink()
    assert queue.begin("curves") is None
    failed = queue.get(job.id)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "There is no file" in failed.error


def test_pages_newest_first(queue: Queue) -> None:
    for seed in range(7):
        queue.submit(animate(seed))
    do_next(queue)
    assert [job.number for job in queue.list(None, 3, None)] == [7, 6, 5]
    assert [job.number for job in queue.list(None, 3, 5)] == [4, 3, 2]
    assert [job.number for job in queue.list(State.QUEUED, 9, 4)] == [3, 2]
    assert [job.number for job in queue.list(State.DONE, 9, None)] == [1]
    assert queue.counts() == {
        State.QUEUED: 6, State.RUNNING: 0, State.DONE: 1, State.FAILED: 0, State.CANCELLED: 0,
    }  # fmt: skip


def test_listeners_hear_each_change_in_order_and_one_that_fails_harms_nobody(queue: Queue) -> None:
    heard: list[Job] = []

    def fail(job: Job) -> None:
        raise RuntimeError("mine")

    queue.watch(fail)
    end = queue.watch(heard.append)
    job, _ = queue.submit(animate())
    do_next(queue)
    assert heard[0] == job
    assert heard[-1] == queue.get(job.id)
    revisions = [job.revision for job in heard]
    assert revisions == sorted(set(revisions))
    end()
    queue.delete(job.id)
    assert not heard[-1].removed


def test_many_threads_at_once(queue: Queue, library: Library) -> None:
    """Submitted, worked on, read, cancelled, tried again and deleted, all at the same time."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            run = queue.begin("curves")
            if run is None:
                stop.wait(0.001)
                continue
            try:
                submission = queue.get(run.id).submission
            except JobNotFound:
                queue.end(run, Cancelled())
                continue
            queue.end(run, work_by_hand(queue, run, submission))

    def client(number: int) -> None:
        for seed in range(8):
            job, _ = queue.submit(animate(1000 * number + seed), key=f"{number} {seed}")
            assert queue.submit(animate(1000 * number + seed), key=f"{number} {seed}")[0].id == job.id
            queue.list(None, 10, None)
            for change in (queue.cancel, queue.retry, queue.cancel, queue.delete)[: seed % 5]:
                try:
                    change(job.id)
                except Conflict:
                    queue.get(job.id)

    with ThreadPoolExecutor(9) as pool:
        worker = pool.submit(work)
        for client_ in [pool.submit(client, number) for number in range(8)]:
            client_.result()
        stop.set()
        worker.result()
    while queue.counts()[State.QUEUED]:
        do_next(queue)
    check_whole(library, queue)
    before = {job.id: job for job in queue.list(None, 1000, None)}
    assert {job.id: job for job in reopened(library)[1].list(None, 1000, None)} == before


def test_the_oldest_results_make_room(tmp_path: Path) -> None:
    size = len(content(animate(0)))
    library = new_library(tmp_path / "library", quota=3 * size + 4)
    queue = Queue(library)
    ids = [queue.submit(animate(seed))[0].id for seed in range(5)]
    for _ in ids:
        do_next(queue)
        check_whole(library, queue)
        assert queue.used() <= library.quota
    removed = [queue.get(id) for id in ids if queue.get(id).removed]
    assert [job.id for job in removed] == ids[:2]
    assert all((job.state, job.files) == (State.DONE, ()) for job in removed)
    with pytest.raises(InputError, match="was removed to make room; retry"):
        queue.submit(RenderJob(f"job:{ids[0]}", STILL))
    library, queue = reopened(library)
    assert [job.removed for job in queue.list(None, 9, None)] == [False, False, False, True, True]
    again = queue.retry(ids[0])
    assert not again.removed
    assert do_next(queue).id == ids[0]
    check_whole(library, queue)
    assert not queue.get(ids[0]).removed  # the newest results stay, though its number is the lowest
    assert queue.get(ids[2]).removed


def test_uploads_make_room_too_but_none_that_is_needed(tmp_path: Path) -> None:
    library = new_library(tmp_path / "library", quota=10_000)
    queue = Queue(library)
    old, new, needed = (digit * 64 for digit in "123")
    for id in (old, new, needed):
        (library.uploads / f"{id}.wav").write_bytes(bytes(3000))
    long_ago = (library.uploads / f"{old}.wav").stat().st_mtime - 7200
    os.utime(library.uploads / f"{old}.wav", (long_ago, long_ago))
    queue.submit(AnimateJob(Request(f"upload:{needed}")))
    queue.make_room(900)
    assert len(list(library.uploads.iterdir())) == 4
    queue.make_room(2000)
    assert sorted(path.name[0] for path in library.uploads.iterdir()) == ["2", "3", "5"]
    with pytest.raises(LibraryFull, match=r"The library is full; delete jobs or uploads, or .*quota"):
        queue.make_room(5000)
    assert (library.uploads / f"{needed}.wav").exists()
    assert (library.uploads / f"{new}.wav").exists()  # it was sent for a job that is to come
    do_next(queue, Failed("No.", mendable=True))
    queue.make_room(5000)
    assert not (library.uploads / f"{needed}.wav").exists()
    with pytest.raises(LibraryFull, match="The library is full"):
        queue.make_room(10**18)


def test_results_that_are_larger_than_the_quota_are_not_lost(tmp_path: Path) -> None:
    library = new_library(tmp_path / "library", quota=5)
    queue = Queue(library)
    for seed in range(2):
        queue.submit(animate(seed))
    assert not do_next(queue).removed
    check_whole(library, queue)
    assert not do_next(queue).removed
    assert [job.removed for job in queue.list(None, 9, None)] == [False, True]
    check_whole(library, queue)


def test_the_take_that_a_shot_waits_for_stays(tmp_path: Path) -> None:
    library = new_library(tmp_path / "library", quota=5)
    queue = Queue(library)
    first, _ = queue.submit(animate(0))
    queue.submit(animate(1))
    do_next(queue)
    queue.submit(RenderJob(f"job:{first.id}", STILL))
    do_next(queue)
    assert not queue.get(first.id).removed
    do_next(queue, lane="pictures")
    assert queue.get(first.id).removed


def test_files_that_someone_removed_are_told(queue: Queue, library: Library) -> None:
    job, _ = queue.submit(animate())
    do_next(queue)
    shutil.rmtree(library.jobs / job.id)
    library, queue = reopened(library)
    gone = queue.get(job.id)
    assert (gone.state, gone.removed, gone.files) == (State.DONE, True, ())
    check_whole(library, queue)


def test_a_clock_that_is_set_back_orders_nothing(
    queue: Queue, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = queue.submit(animate(0))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10 * 365 * 86400)
    second, _ = queue.submit(animate(1))
    assert [job.id for job in queue.list(None, 9, None)] == [second.id, first.id]
    for job in (first, second):
        done = do_next(queue)
        assert done.id == job.id
        assert done.started is not None
        assert done.ended is not None
        assert done.created <= done.started <= done.ended
    assert all(upload.age >= 0 for upload in library.find_uploads())
    library, queue = reopened(library)
    check_whole(library, queue)


def test_many_old_jobs_are_cheap(library: Library, queue: Queue) -> None:
    """Of five thousand jobs that ended, of 20 kB each, memory holds little, and each can be read."""
    long_line = AnimateJob(replace(animate().request, text="x" * 20_000))
    queue.cancel(queue.submit(long_line)[0].id)
    ((entry, old),) = [(entry, queue.get(entry.id)) for entry in library.store.entries.values()]
    entry = replace(entry, state=old.state)
    ids = {n: f"{n:032x}" for n in range(2, 5002)}
    library.store.write((replace(entry, number=n, id=id), replace(old, number=n, id=id)) for n, id in ids.items())
    tracemalloc.start()
    library, queue = reopened(library)
    assert [job.number for job in queue.list(State.CANCELLED, 2, 4000)] == [3999, 3998]
    for id in ids.values():
        assert queue.get(id).submission == long_line
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 25e6


class TestFullDisk:
    """On a real disk of a megabyte."""

    @pytest.fixture
    def library(self, small_disk: Path) -> Iterator[Library]:
        library = new_library(small_disk / "library")
        yield library
        library.close()

    def test_the_queue_stays_whole(self, queue: Queue, library: Library, small_disk: Path) -> None:
        ballast = small_disk / "ballast"
        running, _ = queue.submit(animate(0))
        run = queue.begin("curves")
        assert run is not None
        done = work_by_hand(queue, run, running.submission)
        shutil.rmtree(run.task.folder / "pieces")  # its room is not to help
        fill(ballast)
        with pytest.raises(LibraryFull, match="disk is full"):
            for seed in range(1, 1000):
                queue.submit(animate(seed))
        waiting = queue.list(State.QUEUED, 1000, None)
        fill(ballast)
        with pytest.raises(LibraryFull, match="disk is full"):
            queue.submit(animate(-1 % 2**31))
        queue.end(run, done)
        failed = queue.get(running.id)
        assert failed.state is State.FAILED
        assert failed.error is not None
        assert "The disk is full" in failed.error
        fill(ballast)
        assert queue.begin("curves") is None  # they fail one by one, with the reason
        assert {job.error and job.error[:16] for job in queue.list(State.FAILED, 1000, None)} == {"The disk is full"}
        assert len(queue.list(State.FAILED, 1000, None)) == len(waiting) + 1
        for job in waiting[:3]:
            queue.delete(job.id)
        ballast.unlink()
        again = queue.retry(running.id)
        assert do_next(queue).id == again.id
        check_whole(library, queue)
        before = queue.list(None, 1000, None)
        queue.stop()
        library, queue = reopened(library)
        assert queue.list(None, 1000, None) == before
        assert queue.get(running.id).state is State.DONE

    def test_a_service_starts_on_a_full_disk(self, queue: Queue, library: Library, small_disk: Path) -> None:
        job, _ = queue.submit(animate(0))
        run = queue.begin("curves")
        assert run is not None
        fill(small_disk / "ballast")
        library, queue = reopened(library)
        assert queue.get(job.id).state is State.QUEUED
        (small_disk / "ballast").unlink()
        assert do_next(queue).state is State.DONE
        check_whole(library, queue)

    def test_cancelling_on_a_full_disk(self, queue: Queue, library: Library, small_disk: Path) -> None:
        jobs = [queue.submit(animate(seed))[0] for seed in range(3)]
        fill(small_disk / "ballast")
        with pytest.raises(LibraryFull):
            for seed in range(3, 1000):
                queue.submit(animate(seed))
        assert queue.cancel(jobs[0].id).state is State.CANCELLED
        (small_disk / "ballast").unlink()
        queue.cancel(jobs[1].id)
        assert reopened(library)[1].get(jobs[0].id).state is State.CANCELLED
