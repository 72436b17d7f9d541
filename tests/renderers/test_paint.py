"""Shots: what is in the files, over which background, seen from where, and what is left of an interrupted one."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from portraits_of import performing, portrait_of

from vlogger_backend.camera import Camera
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.speech import SILENCE, Phone, Speech
from vlogger_backend.motion.take import Take, hash_of, save_take
from vlogger_backend.painting import Painting, even_size, painting_from_dict
from vlogger_backend.portraits.storage import read_portrait, write_portrait
from vlogger_backend.provenance.credentials import read_credentials, sidecar_of
from vlogger_backend.provenance.verify import Verdict, verify
from vlogger_backend.renderers.backgrounds import open_background
from vlogger_backend.renderers.frame_files import Output, encoded
from vlogger_backend.renderers.moves import shot_camera
from vlogger_backend.renderers.paint import paint_shot
from vlogger_backend.renderers.registry import open_renderer, readiness, renderers_folder
from vlogger_backend.request import Request

FRAMES, FPS = 5, 25.0
SIZE = (160, 128)


class Stopped(BaseException):
    """What a progress raises to cancel."""


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("person") / "me.portrait"
    write_portrait(portrait_of(SIZE), path)
    return path


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("take")
    sound = folder / "tone.wav"
    soundfile.write(sound, 0.5 * np.sin(np.arange(16000) / 5), 16000)
    speech = Speech(FRAMES / FPS, (Phone(SILENCE, 0.0, FRAMES / FPS),))
    request = Request(str(sound), fps=FPS)
    save_take(folder / "take.npz", Take(performing(FRAMES, FPS), speech, request, hash_of(sound)))
    return folder / "take.npz"


def warped(**said: object) -> Painting:
    """The renderer that needs no weights."""
    return painting_from_dict({"renderer": "warp", "longest": SIZE[0], **said})


def picture(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def left_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_video_has_sound_a_mark_and_credentials(take: Path, person: Path, tmp_path: Path) -> None:
    path = tmp_path / "shot.mp4"
    painted = paint_shot([path], take, person, warped(longest=320), take.with_name("tone.wav"))
    assert (painted.frames, painted.kept) == (FRAMES, 0)
    assert left_in(tmp_path) == {"shot.mp4"}
    with av.open(str(path)) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (320, 256)
        assert sum(1 for _ in file.decode(video=0)) == FRAMES
    with av.open(str(path)) as file:
        assert np.abs(next(file.decode(audio=0)).to_ndarray()).max() > 0.2
    found = verify(path)
    assert found.verdict is Verdict.GENERATED
    assert found.mark == hash_of(take)[:8]
    assert found.credentials is not None
    assert found.credentials.statement["consent"] == read_portrait(person).consent.statement
    assert found.credentials.statement["portrait"] == read_portrait(person).source
    assert found.credentials.statement["marked"] is True


def test_something_can_stand_beside_each_frame(take: Path, person: Path, tmp_path: Path) -> None:
    painting = warped(mark=False, last=1)
    greys = [np.full((SIZE[1], 20, 3), 10 * frame, np.uint8) for frame in range(2)]
    paint_shot([tmp_path / "both"], take, person, painting, beside=lambda frame: greys[frame])
    paint_shot([tmp_path / "alone"], take, person, painting)
    both, alone = (picture(tmp_path / name / "000001.png") for name in ("both", "alone"))
    np.testing.assert_array_equal(both, np.hstack([greys[1], alone]))


def test_no_mark_is_written_into_the_credentials(take: Path, person: Path, tmp_path: Path) -> None:
    for mark in (True, False):
        paint_shot([tmp_path / f"{mark}.png"], take, person, warped(first=1, last=1, mark=mark))
    marked, bare = (read_credentials(tmp_path / f"{mark}.png") for mark in (True, False))
    assert marked is not None
    assert bare is not None
    assert (marked.statement["marked"], bare.statement["marked"]) == (True, False)
    assert (picture(tmp_path / "True.png") != picture(tmp_path / "False.png")).any()


def test_frames_have_straight_alpha_and_the_same_as_linear_light(take: Path, person: Path, tmp_path: Path) -> None:
    painting = warped(background="none", first=2, last=3, mark=False)
    paint_shot([tmp_path / "png", tmp_path / "exr" / "s_###.exr"], take, person, painting)
    assert left_in(tmp_path) == {
        *("png/000002.png", "png/000003.png", "exr/s_002.exr", "exr/s_003.exr"),
        *("exr/s_002.exr.c2pa", "exr/s_003.exr.c2pa"),
    }
    straight = picture(tmp_path / "png" / "000003.png")
    assert straight.shape == (SIZE[1], SIZE[0], 4)
    assert {0, 255} <= set(np.unique(straight[..., 3]))
    with av.open(str(tmp_path / "exr" / "s_003.exr")) as file:
        linear = next(file.decode(video=0)).reformat(format="gbrapf32le").to_ndarray()
    np.testing.assert_allclose(linear[..., 3], straight[..., 3] / 255, atol=1e-3)
    light = np.where(
        straight[..., :3] <= 10, straight[..., :3] / 255 / 12.92, (straight[..., :3] / 255 + 0.055) / 1.055
    )
    light = np.where(straight[..., :3] <= 10, light, light**2.4)
    np.testing.assert_allclose(linear[..., :3], light * straight[..., 3:] / 255, atol=2e-3)
    assert sidecar_of(tmp_path / "exr" / "s_003.exr").is_file()
    assert read_credentials(tmp_path / "exr" / "s_003.exr") is not None


def test_an_interrupted_shot_goes_on_to_the_same_pixels(take: Path, person: Path, tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    paint_shot([whole], take, person, warped(camera="handheld"))
    asked: list[float] = []

    def stop(stage: str, done: float) -> None:
        if "Warping" in stage and done >= 0.5:
            raise Stopped
        asked.append(done)

    with pytest.raises(Stopped):
        paint_shot([parted], take, person, warped(camera="handheld"), progress=stop)
    [kept] = tmp_path.glob(".parted-*")
    assert 1 <= len(list(kept.glob("0*.png"))) < FRAMES
    other = paint_shot([parted], take, person, warped(camera="handheld", seed=1))
    assert other.kept == 0  # another request never sees them
    painted = paint_shot([parted], take, person, warped(camera="handheld"))
    assert 1 <= painted.kept < FRAMES
    assert not list(tmp_path.glob(".*"))
    for frame in range(FRAMES):
        name = f"{frame:06d}.png"
        np.testing.assert_array_equal(picture(whole / name), picture(parted / name))


def test_two_at_once_do_not_get_into_each_others_way(take: Path, person: Path, tmp_path: Path) -> None:
    shot, refused = tmp_path / "shot.mp4", []

    def again(frame: int, shown: np.ndarray) -> None:
        with pytest.raises(InputError, match="just being painted by another"):
            paint_shot([shot], take, person, warped())
        refused.append(frame)

    assert paint_shot([shot], take, person, warped(), watch=again).frames == len(refused) == FRAMES
    assert paint_shot([shot], take, person, warped()).kept == 0
    assert left_in(tmp_path) == {"shot.mp4"}


def test_without_keeping_nothing_is_left_of_an_interrupted_shot(take: Path, person: Path, tmp_path: Path) -> None:
    def stop(stage: str, done: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        paint_shot([tmp_path / "shot.mp4"], take, person, warped(), progress=stop, keep=False)
    assert left_in(tmp_path) == set()


def test_the_photos_own_camera_shows_the_photos_own_background(person: Path) -> None:
    portrait = read_portrait(person)
    camera = shot_camera(portrait, warped(), FPS, 0, 9)
    assert (camera.width, camera.height) == SIZE
    assert camera.poses == portrait.fit.camera.poses
    behind = open_background("photo", portrait, SIZE, FPS)
    assert behind is not None
    poses, fields = camera.over(1)
    np.testing.assert_array_equal(behind.behind(0, poses[0], float(fields[0])), portrait.background)
    # A hair's breadth away it is warped, to what is nearly the same.
    moved = poses[0].copy()
    moved[0, 3] += 1e-6
    off = np.abs(behind.behind(0, moved, float(fields[0])).astype(int) - portrait.background)
    assert off.mean() < 1


@pytest.mark.parametrize("moved", [(0.1, 0, 0), (0, 0.1, 0), (0, 0, -0.3)])
def test_the_background_is_where_a_far_plane_is_seen(person: Path, moved: tuple[float, float, float]) -> None:
    portrait = read_portrait(person)
    spot = (50, 70)
    plate = np.zeros_like(portrait.background)
    plate[spot[1] - 2 : spot[1] + 3, spot[0] - 2 : spot[0] + 3] = 255
    behind = open_background("photo", replace(portrait, background=plate), SIZE, FPS)
    assert behind is not None
    (pose,), (field,) = portrait.fit.camera.over(1)
    focal = SIZE[1] / 2 / np.tan(field / 2)
    away = behind._away  # type: ignore[attr-defined]
    place = np.array(
        [(spot[0] + 0.5 - SIZE[0] / 2) / focal * away, -(spot[1] + 0.5 - SIZE[1] / 2) / focal * away, -away]
    )
    place -= moved
    expected = place[:2] / -place[2] * (focal, -focal) + np.array(SIZE) / 2 - 0.5
    other = pose.copy()
    other[:3, 3] += pose[:3, :3] @ moved
    seen = behind.behind(0, other, float(field))[..., 0].astype(float)
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    found = [(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()]
    np.testing.assert_allclose(found, expected, atol=0.3)


def test_backgrounds_of_colour_picture_and_video(person: Path, tmp_path: Path) -> None:
    portrait = read_portrait(person)
    pose = np.eye(4)

    def shown(background: object, frame: int = 0) -> np.ndarray:
        behind = open_background(str(background), portrait, (64, 32), 20.0)
        assert behind is not None
        try:
            return behind.behind(frame, pose, 1.0)
        finally:
            behind.close()

    assert (shown("#0a64ff") == (10, 100, 255)).all()
    halves = np.zeros((90, 90, 3), np.uint8)
    halves[:, 45:] = 200
    halves[:20] = 77  # cut off
    Image.fromarray(halves).save(tmp_path / "a.png")
    fitted = shown(tmp_path / "a.png")
    assert fitted.shape == (32, 64, 3)
    assert (fitted[:, 10], fitted[:, 54]) == pytest.approx((0, 200))
    with av.open(str(tmp_path / "a.mp4"), "w") as out:  # one second at 10 fps
        stream = out.add_stream("libx264", rate=10, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for i in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * i + 20, np.uint8), "rgb24")))
        out.mux(stream.encode())
    behind = open_background(str(tmp_path / "a.mp4"), portrait, (64, 32), 20.0)
    assert behind is not None
    found = [behind.behind(frame, pose, 1.0).mean() for frame in range(45)]
    behind.close()
    expected = [20 * ((frame // 2) % 10) + 20 for frame in range(45)]
    np.testing.assert_allclose(found, expected, atol=4)
    assert shown(tmp_path / "a.mp4", 20 * 3600 + 7).mean() == pytest.approx(80, abs=4)  # an hour in
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="holds no picture"):
        shown(tmp_path / "half.mp4")


def test_a_colour_that_is_none() -> None:
    for wrong in ("#12345", "#gg0000", "#"):
        with pytest.raises(InputError, match="no colour"):
            Painting(background=wrong)


def test_moves_begin_with_the_photo_and_stay_near(person: Path) -> None:
    portrait = read_portrait(person)
    own = np.array(portrait.fit.camera.poses[0]).reshape(3, 4)
    for move in ("dolly", "orbit"):
        poses = np.array(shot_camera(portrait, warped(camera=move), FPS, 10, 110).poses).reshape(-1, 3, 4)
        np.testing.assert_allclose(poses[0], own, atol=1e-9)
        steps = np.linalg.norm(np.diff(poses[:, :, 3], axis=0), axis=1)
        assert steps.max() < 0.02
        assert np.linalg.norm(poses[:, :, 3] - own[:, 3], axis=1).max() > 0.05
    hands = [
        np.array(shot_camera(portrait, warped(camera="handheld", seed=seed), FPS, first, 100).poses)
        for seed, first in ((0, 0), (0, 40), (1, 0))
    ]
    np.testing.assert_array_equal(hands[0][40:], hands[1])  # parts of a shot fit each other
    assert not np.array_equal(hands[0], hands[2])
    assert np.abs(hands[0].reshape(-1, 3, 4)[:, :, 3] - own[:, 3]).max() < 0.02


@pytest.mark.parametrize(
    ("photo", "longest", "expected"),
    [((1600, 1067), None, (1024, 682)), ((300, 200), None, (512, 342)), ((801, 801), None, (802, 802)),
     ((600, 900), 333, (222, 334)), ((4000, 20), 400, (400, 16))],
)  # fmt: skip
def test_sizes(photo: tuple[int, int], longest: int | None, expected: tuple[int, int]) -> None:
    assert even_size(photo, longest) == expected


def test_a_request_is_the_same_after_json() -> None:
    camera = Camera.of((64, 48), np.eye(4), 0.5)
    for painting in (Painting(), Painting(camera="orbit", seed=3), Painting(camera=camera, background="#123456")):
        assert painting_from_dict(json.loads(json.dumps(asdict(painting)))) == painting


@pytest.mark.parametrize(
    ("name", "said", "says"),
    [
        ("a.mp4", {"background": "none"}, "can't hold alpha"),
        ("a.png", {}, "one picture and 5 frames"),
        ("a.gif", {}, "can't be painted"),
        ("a#b#.png", {}, "no name for frames"),
        ("a.mp4", {"renderer": "nobody"}, "no renderer nobody; choose from builtin, warp"),
        ("a.mp4", {"renderer": "nowhere.toml"}, "nowhere.toml can't be read"),
        ("a.mp4", {"first": 5}, "no frames 5 to 4; it has 5"),
        ("a.mp4", {"last": 5}, "no frames 0 to 5; it has 5"),
        ("a.mp4", {"background": "nothing.jpg"}, "nothing.jpg can't be read"),
        ("a.mp4", {"background": __file__}, "neither a picture"),
        ("a.mp4", {"longest": None, "camera": asdict(Camera.of((65, 48), np.eye(4), 0.5))}, "even width"),
        (
            "a.mp4",
            {"longest": None, "camera": asdict(Camera.of((64, 48), np.tile(np.eye(4), (3, 1, 1)), 1))},
            "3 poses",
        ),
    ],
)
def test_what_can_be_mended_is_said_and_leaves_nothing(
    take: Path, person: Path, tmp_path: Path, name: str, said: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        paint_shot([tmp_path / name], take, person, warped(**said))
    assert left_in(tmp_path) == set()
    assert not list(tmp_path.iterdir())


def test_files_that_can_t_be_written_or_heard_are_said_before_anything_is_painted(
    take: Path, person: Path, tmp_path: Path
) -> None:
    (tmp_path / "shot.mp4").mkdir()
    (tmp_path / "frame.png").mkdir()
    (tmp_path / "not.wav").write_text("no sound at all")
    for name, sound in (("shot.mp4", None), ("frame.png", None), ("not.wav/a.mp4", None), ("b.mp4", "not.wav")):
        with pytest.raises(InputError, match=f"{Path(sound or name).name} can't be (written|read)"):
            paint_shot([tmp_path / name], take, person, warped(last=0), sound and tmp_path / sound)
    assert {path.name for path in tmp_path.iterdir()} == {"shot.mp4", "frame.png", "not.wav"}


def test_a_renderer_that_lacks_something_says_so_before_it_begins(
    take: Path, person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    renderers_folder().mkdir(parents=True)
    lacking = 'renderer = "wan-animate"\nmodel = "nowhere"\n'
    (renderers_folder() / "mine.toml").write_text(lacking)
    assert readiness()["warp"].missing == ""
    assert "nowhere" in readiness()["mine"].missing
    with pytest.raises(InputError, match="nowhere"):
        paint_shot([tmp_path / "a.mp4"], take, person, warped(renderer="mine"))
    assert open_renderer("mine", tmp_path / "kept").renderer.kept == tmp_path / "kept"  # type: ignore[attr-defined]


def test_the_command(take: Path, person: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = tmp_path / "shot.mp4"
    options = ("--portrait", person, "--renderer", "warp", "--size", 160)
    assert run("render", take, *options, "-o", shot, "--json", "-q", "--camera", "dolly", "--to", 2) == 0
    told = json.loads(capsys.readouterr().out)
    sound = str(take.with_name("tone.wav"))
    assert told == {"file": str(shot), "frames": 3, "kept": 0, "sound": sound, "remark": ""}
    camera = tmp_path / "camera.json"
    camera.write_text(json.dumps(asdict(Camera.of((96, 64), np.eye(4), 0.5))))
    assert run("render", take, *options[:4], "-o", tmp_path / "f", "--camera", camera, "--background", "none") == 0
    assert picture(tmp_path / "f" / "000000.png").shape == (64, 96, 4)
    elsewhere = tmp_path / "elsewhere.npz"
    elsewhere.write_bytes(take.read_bytes())
    sound = take.with_name("tone.wav")
    was = sound.read_bytes()
    sound.unlink()
    try:
        assert run("render", elsewhere, *options, "-o", shot, "--to", 1) == 0
    finally:
        sound.write_bytes(was)
    assert "has no sound" in capsys.readouterr().err
    with av.open(str(shot)) as file:
        assert not file.streams.audio


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--camera", "spin"], "neither dolly, orbit, handheld nor a file"),
        (["--size", "5"], "5 pixels for the longer side"),
        (["--to", "99"], "it has 5"),
        (["--audio", "none.wav"], "no sound at none.wav"),
        (["--background", "#12"], "no colour"),
    ],
)
def test_the_command_complains_in_a_sentence(
    take: Path, person: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    code = run("render", take, "--portrait", person, "--renderer", "warp", "-o", tmp_path / "a.mp4", *options)
    assert code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("data", [[], {}, {"width": 64}, {"width": "64", "height": 4, "poses": [], "fields": []}, 3])
def test_a_file_that_is_no_camera(
    take: Path, person: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: object
) -> None:
    (tmp_path / "c.json").write_text(json.dumps(data))
    assert run("render", take, "--portrait", person, "-o", tmp_path / "a.mp4", "--camera", tmp_path / "c.json") == 2
    assert "camera" in capsys.readouterr().err


def test_pictures_are_the_same_bytes_each_time() -> None:
    shown = np.random.default_rng(0).integers(0, 256, (32, 48, 4), np.uint8)
    for suffix in (".png", ".exr"):
        hashes = {hashlib.sha256(encoded(shown, suffix)).hexdigest() for _ in range(2)}
        assert len(hashes) == 1
    assert Output.of(Path("a/b")).file(7) == Path("a/b/000007.png")
