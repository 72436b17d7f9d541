"""Portraits and shots as tasks: what comes of them, as it comes, and how they are left."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from worker_runs import SOON, at_stage, run

from vlogger_backend.animate import Animator
from vlogger_backend.camera import Camera
from vlogger_backend.painting import Painting
from vlogger_backend.portraits.making import AFFIRMED
from vlogger_backend.portraits.storage import read_portrait
from vlogger_backend.provenance.credentials import read_credentials
from vlogger_backend.request import Request
from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.task import Cancelled, Done, Failed, FileDone, FrameDone, MakePortrait, PaintShot
from vlogger_backend.work.wire import read_command, run_line


@pytest.fixture(scope="module")
def portrait(worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skimage.data

    folder = tmp_path_factory.mktemp("portrait")
    photo = folder / ("9" * 64 + ".png")
    Image.fromarray(np.ascontiguousarray(skimage.data.astronaut()[:260, 90:350])).save(photo)
    outcome, events = run(worker, MakePortrait(folder, photo, name="Eileen"))
    assert isinstance(outcome, Done), outcome
    assert [event for event in events if isinstance(event, FileDone)] == [
        FileDone("fit.png"),
        FileDone("portrait.portrait"),
    ]
    assert outcome.result["error"]["mean"] < 3
    assert outcome.result["consent"]["statement"] == AFFIRMED
    assert Image.open(folder / "fit.png").size[0] > 1000
    assert read_portrait(folder / "portrait.portrait").name == "Eileen"
    return folder / "portrait.portrait"


@pytest.fixture(scope="module")
def take(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("take") / "take.npz"
    Animator().animate(Request(str(line)), path)
    return path


def test_frames_come_as_they_are_painted_and_then_the_video(
    worker: WorkerProcess, take: Path, portrait: Path, tmp_path: Path
) -> None:
    task = PaintShot(tmp_path, take, portrait, Painting("warp", longest=128, first=7, last=10), video=True)
    outcome, events = run(worker, task)
    assert isinstance(outcome, Done), outcome
    assert outcome.result["frames"] == 4
    assert outcome.result["note"] == ""
    assert [e.frame for e in events if isinstance(e, FrameDone)] == [7, 8, 9, 10]
    assert [e.name for e in events if isinstance(e, FileDone)] == ["shot.mp4"]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [f"{n:06d}.png" for n in range(7, 11)]
    assert read_credentials(tmp_path / "frames" / "000007.png") is not None
    with av.open(str(tmp_path / "shot.mp4")) as file:
        assert len(file.streams.audio) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"frames", "shot.mp4", "preview.jpg"}


def test_alpha_from_any_camera(worker: WorkerProcess, take: Path, portrait: Path, tmp_path: Path) -> None:
    own = read_portrait(portrait).fit.camera
    camera = Camera(75, 51, own.poses * 2, own.fields)
    task = PaintShot(tmp_path, take, portrait, Painting("warp", camera, background="none", last=1))
    outcome, _ = run(worker, task)
    assert isinstance(outcome, Done), outcome
    picture = np.array(Image.open(tmp_path / "frames" / "000001.png"))
    assert picture.shape == (51, 75, 4)
    assert {0, 255} <= set(np.unique(picture[..., 3]))


def test_what_can_be_mended_is_a_sentence(worker: WorkerProcess, take: Path, portrait: Path, tmp_path: Path) -> None:
    for task, says in (
        (PaintShot(tmp_path, take, take, Painting("warp")), "no portrait"),
        (PaintShot(tmp_path, portrait, portrait, Painting("warp")), "not a take"),
        (PaintShot(tmp_path, take, portrait, Painting("nobody")), "no renderer nobody"),
        (PaintShot(tmp_path, take, portrait, Painting("warp", body="anna")), "no model anna"),
        (MakePortrait(tmp_path, take), "not a photo"),
    ):
        outcome, _ = run(worker, task)
        assert isinstance(outcome, Failed), outcome
        assert outcome.mendable
        assert says in outcome.sentence


def test_a_shot_is_cancelled_soon(worker: WorkerProcess, take: Path, portrait: Path, tmp_path: Path) -> None:
    task = PaintShot(tmp_path, take, portrait, Painting("warp"))
    outcome, seconds = at_stage(worker, task, "Warping", worker.cancel)
    assert isinstance(outcome, Cancelled)
    assert seconds < SOON


def test_a_task_is_the_same_on_the_other_side() -> None:
    camera = Camera.of((64, 48), np.eye(4), 0.5)
    folder = Path("folder")
    for task in (
        MakePortrait(folder, Path("photo.png"), 2, "Ann"),
        PaintShot(folder, Path("t"), Path("p"), Painting(camera=camera, background="#123456"), True, Path("s")),
        PaintShot(folder, Path("t"), Path("p"), Painting(camera="handheld", body="anna")),
    ):
        assert read_command(run_line(3, task)) == (3, task)
