"""What tasks make: takes, pieces while they come, products, frames, characters, small pictures; and sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from worker_runs import run, temporary_files

from blender_addon.core.character import read_character
from blender_addon.core.take import read_take as read_addon_take
from vlogger_backend.animate import Animator
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import framing
from vlogger_backend.motion.take import read_take
from vlogger_backend.progress import no_progress
from vlogger_backend.request import Body, Request
from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.run import Kept, outcome_of
from vlogger_backend.work.task import (
    Animate,
    CurvesDone,
    Done,
    Failed,
    FileDone,
    FrameDone,
    MakeCharacter,
    PreviewDone,
    Render,
    Task,
)


@pytest.fixture(scope="module")
def take(worker: WorkerProcess, minute: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The take of more than a minute, and its pieces beside it."""
    folder = tmp_path_factory.mktemp("take")
    outcome, events = run(worker, Animate(folder, Request("minute.wav", seed=3), minute, pieces=True))
    assert isinstance(outcome, Done)
    count = sum(isinstance(event, CurvesDone) for event in events)
    assert sorted(path.name for path in (folder / "pieces").iterdir()) == [f"{n:06d}.npz" for n in range(count)]
    return folder / "take.npz"


def test_a_take_is_the_same_wherever_it_is_made(take: Path, minute: Path, tmp_path: Path) -> None:
    Animator().animate(Request("minute.wav", seed=3), tmp_path / "take.npz", sound=minute)
    assert take.read_bytes() == (tmp_path / "take.npz").read_bytes()
    assert read_take(take).request.audio == "minute.wav"


def test_the_pieces_together_are_the_take(take: Path) -> None:
    whole, reached = read_addon_take(take), 0
    for path in sorted((take.parent / "pieces").iterdir()):
        piece = read_addon_take(path)
        with np.load(path, allow_pickle=False) as file:
            assert int(file["start"]) == reached
        part = slice(reached, reached + len(piece))
        np.testing.assert_array_equal(piece.poses, whole.poses[part])
        np.testing.assert_array_equal(piece.trans, whole.trans[part])
        np.testing.assert_array_equal(piece.face, whole.face[part])
        assert (piece.fps, piece.face_names) == (whole.fps, whole.face_names)
        reached += len(piece)
    assert reached == len(whole)


def test_pieces_come_before_the_take_and_can_be_read_when_they_are_told(
    worker: WorkerProcess, line: Path, tmp_path: Path
) -> None:
    read: list[int] = []
    told: list[object] = []

    def tell(event: object) -> None:
        told.append(event)
        if isinstance(event, CurvesDone):
            read.append(len(read_addon_take(tmp_path / f"pieces/{event.piece:06d}.npz")))
            assert event.frames == sum(read)

    outcome = worker.run(Animate(tmp_path, Request("line.wav"), line, (".glb",), pieces=True), tell)
    assert isinstance(outcome, Done)
    kinds = [type(event) for event in told if isinstance(event, CurvesDone | FileDone)]
    assert kinds == [CurvesDone, FileDone, FileDone]
    assert outcome.result["frames"] == sum(read)
    assert outcome.result["seconds"] == pytest.approx(sum(read) / 30, abs=0.02)
    assert outcome.result["spoken"] is True
    assert outcome.result["method"] == "recognised"
    assert outcome.result["elapsed"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pieces", "take.glb", "take.npz"]


def test_a_video_shows_small_pictures_of_itself_while_it_is_drawn(
    worker: WorkerProcess, line: Path, tmp_path: Path
) -> None:
    sizes: list[tuple[int, int]] = []

    def tell(event: object) -> None:
        if isinstance(event, PreviewDone):
            with Image.open(tmp_path / "preview.jpg") as picture:
                picture.load()
                sizes.append(picture.size)

    outcome = worker.run(Animate(tmp_path, Request("line.wav", fps=2), line, (".mp4",)), tell)
    assert isinstance(outcome, Done)
    assert sizes
    assert set(sizes) == {(160, 90)}
    assert len(sizes) <= 1 + outcome.result["elapsed"]


def test_frames_are_pictures_with_alpha_numbered_as_in_the_take(
    worker: WorkerProcess, take: Path, tmp_path: Path
) -> None:
    task = Render(tmp_path, take, framing(load_avatar(), (120, 180)), first=40, last=44)
    read: list[int] = []

    def tell(event: object) -> None:
        if isinstance(event, FrameDone):
            with Image.open(tmp_path / f"frames/{event.frame:06d}.png") as picture:
                assert (picture.mode, picture.size) == ("RGBA", (120, 180))
                assert picture.getextrema()[3] == (0, 255)
            read.append(event.frame)

    outcome = worker.run(task, tell)
    assert isinstance(outcome, Done)
    assert outcome.result["frames"] == 5
    assert read == [40, 41, 42, 43, 44]
    with Image.open(tmp_path / "preview.jpg") as preview:
        assert preview.size == (107, 160)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "preview.jpg"]


def test_a_character_can_be_read_by_the_add_on(worker: WorkerProcess, tmp_path: Path) -> None:
    outcome, events = run(worker, MakeCharacter(tmp_path, Body()))
    assert isinstance(outcome, Done)
    assert FileDone("character.npz") in events
    character = read_character(tmp_path / "character.npz")
    np.testing.assert_array_equal(character.joints, load_avatar().joints)


def test_a_sound_is_called_as_its_user_knows_it(worker: WorkerProcess, tmp_path: Path) -> None:
    stored = tmp_path / "9f86d081884c7d65"
    stored.write_bytes(b"This is no sound.")
    outcome, _ = run(worker, Animate(tmp_path / "job", Request("hello.wav"), stored))
    assert isinstance(outcome, Failed)
    assert outcome.mendable
    assert outcome.sentence.startswith("hello.wav ")
    assert "9f86" not in outcome.sentence
    assert temporary_files(tmp_path) == []


def absent_take(folder: Path, line: Path) -> Task:
    return Render(folder, folder / "none.npz", framing(load_avatar(), (64, 64)))


def unknown_language(folder: Path, line: Path) -> Task:
    return Animate(folder, Request("line.wav", language="klingon"), line)


def unknown_product(folder: Path, line: Path) -> Task:
    return Animate(folder, Request("line.wav"), line, (".exe",))


def folder_that_is_a_file(folder: Path, line: Path) -> Task:
    return Animate(line, Request("line.wav"), line)


@pytest.mark.parametrize("task", [absent_take, unknown_language, unknown_product, folder_that_is_a_file])
def test_what_the_user_can_mend_is_one_sentence(worker: WorkerProcess, line: Path, tmp_path: Path, task) -> None:
    pid = worker.pid
    outcome, _ = run(worker, task(tmp_path, line))
    assert isinstance(outcome, Failed)
    assert outcome.mendable
    assert "\n" not in outcome.sentence
    assert outcome.trace
    assert pid is None or worker.pid == pid


def test_frames_that_the_take_does_not_have(worker: WorkerProcess, take: Path, tmp_path: Path) -> None:
    outcome, _ = run(worker, Render(tmp_path, take, framing(load_avatar(), (64, 64)), first=99999))
    assert isinstance(outcome, Failed)
    assert outcome.mendable


def test_our_own_faults_are_failures_too(take: Path, tmp_path: Path) -> None:
    def broken(stage: str, done: float) -> None:
        raise ZeroDivisionError("a fault")

    task = Render(tmp_path, take, framing(load_avatar(), (64, 64)))
    outcome = outcome_of(task, Kept(), lambda event: None, broken)
    assert isinstance(outcome, Failed)
    assert not outcome.mendable
    assert outcome.sentence == "vlogger itself failed: ZeroDivisionError: a fault"
    assert "broken" in outcome.trace
    assert temporary_files(tmp_path) == []
    assert isinstance(outcome_of(MakeCharacter(tmp_path, Body()), Kept(), lambda event: None, no_progress), Done)
