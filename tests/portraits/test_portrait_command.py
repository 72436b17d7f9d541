"""`vlogger portrait`: a photo becomes a portrait, or a sentence."""

import json
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
from people import astronaut
from PIL import Image

from vlogger_backend.cli import main
from vlogger_backend.portraits.making import AFFIRMED, make_portrait
from vlogger_backend.portraits.portrait import Consent, Portrait
from vlogger_backend.portraits.storage import read_portrait


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_photo_becomes_a_portrait_and_a_picture_of_it(
    photo: Path, portrait: Portrait, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("portrait", photo, "-o", tmp_path / "me.portrait", "--consent", "--json", "-q") == 0
    shown = capfd.readouterr()
    told = json.loads(shown.out)
    assert shown.err == ""  # what MediaPipe prints is not for users
    made = read_portrait(Path(told["file"]))
    assert made.consent.statement == AFFIRMED == told["consent"]["statement"]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(made.consent.when)).total_seconds()) < 600
    for name in ("picture", "matte", "foreground", "background"):  # the same photo, the same portrait
        np.testing.assert_array_equal(getattr(made, name), getattr(portrait, name))
    np.testing.assert_array_equal(made.fit.vertices, portrait.fit.vertices)
    assert told["error"]["mean"] == made.fit.error.mean < 0.03 * made.fit.error.between_eyes
    with Image.open(told["picture"]) as sheet:
        assert sheet.width > 4 * sheet.height
    assert {path.name for path in tmp_path.iterdir()} == {"me.portrait", "me-fit.png"}


def test_the_smile_of_the_photo_is_known(portrait: Portrait) -> None:
    from vlogger_backend.motion.names import ARKIT_INDEX

    assert portrait.fit.arkit[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]].min() > 0.2


def test_without_consent_nothing_is_made(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("portrait", photo, "-o", tmp_path / "me.portrait") == 2
    said = capsys.readouterr().err
    assert "--consent" in said
    assert AFFIRMED in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "me.zip"], "ends in .portrait"),
        (["-o", "me.portrait", "--picture", "fit.gif"], "ends in .png"),
        (["-o", "me.portrait", "--face", "2"], "no face 2"),
    ],
)
def test_what_can_t_be_done_is_a_sentence(
    photo: Path, arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run("portrait", photo, "--consent", "-q", *arguments) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_of_several_people_the_option_is_named(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Image.open(photo) as one:
        two = Image.new("RGB", (2 * one.width, one.height))
        for left in (0, one.width):
            two.paste(one, (left, 0))
    two.save(tmp_path / "two.png")
    assert run("portrait", tmp_path / "two.png", "--consent", "-q") == 2
    assert "by its number, with --face" in capsys.readouterr().err


def test_the_photo_is_never_written_over(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "me-fit.png"
    copy.write_bytes(photo.read_bytes())
    assert run("portrait", copy, "-o", tmp_path / "me.portrait", "--consent") == 2
    assert "is the photo itself" in capsys.readouterr().err
    assert copy.read_bytes() == photo.read_bytes()


def test_what_can_t_be_written_is_said_before_the_photo_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "me.portrait").mkdir()
    (tmp_path / "file").write_text("no folder")
    for options in (
        ["-o", tmp_path / "me.portrait"],
        ["-o", tmp_path / "file" / "me.portrait"],
        ["-o", tmp_path / "new" / "you.portrait", "--picture", tmp_path / "file" / "fit.png"],
    ):
        assert run("portrait", tmp_path / "nowhere.jpg", "--consent", "-q", *options) == 2
        assert "can't be written" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"me.portrait", "file"}


def test_links_and_names_of_any_kind_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop, red = tmp_path / "loop.jpg", tmp_path / "\x1b[31mred.jpg"
    loop.symlink_to(loop)
    red.write_text("no picture")
    for photo in (loop, red):
        assert run("portrait", photo, "-o", tmp_path / "me.portrait", "--consent", "-q") == 2
        said = capsys.readouterr().err
        assert "\x1b" not in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["bbaf2n", "lbbc2a", "swiz3n"])
def test_first_frames_of_real_recordings(name: str, shared_data: Path, tmp_path: Path) -> None:
    with av.open(str(shared_data / "video" / f"{name}.mpg")) as film:
        frame = next(iter(film.decode(video=0))).to_ndarray(format="rgb24")
    Image.fromarray(frame).save(tmp_path / "frame.png")
    made = make_portrait(tmp_path / "frame.png", Consent("A recording that was made for research.", ""))
    assert made.fit.error.mean < 0.02 * made.fit.error.between_eyes
    share = made.matte[..., None] / 255
    mixed = made.foreground * share + made.background * (1 - share)
    assert 10 * np.log10(255**2 / np.mean((mixed - frame) ** 2)) > 38
    # The studio's wall is blue or green all over: nothing of the person's red is left in it.
    assert (made.background[4:, :, 0] < made.background[4:, :, 2].astype(int) + 30).mean() > 0.99


def test_a_face_that_is_no_person_is_refused(tmp_path: Path) -> None:
    from vlogger_backend.errors import InputError

    Image.fromarray(np.roll(astronaut()[:100], 30, axis=0)).save(tmp_path / "x.png")
    with pytest.raises(InputError):
        make_portrait(tmp_path / "x.png", Consent("", ""))
