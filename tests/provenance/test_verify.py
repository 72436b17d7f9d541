"""`vlogger verify`: from the file to the sentence and the exit code."""

import json
from dataclasses import replace
from pathlib import Path

import c2pa
import cv2
import numpy as np
import pytest
from marked_pictures import PROVENANCE, TAKE, decode, encode, swaying
from skimage.data import astronaut

from vlogger_backend.cli import main
from vlogger_backend.provenance.credentials import Credentials, sign
from vlogger_backend.provenance.identity import signing_identity
from vlogger_backend.provenance.verify import _printable
from vlogger_backend.renderers.video import write_video


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marked and signed video."""
    path = tmp_path_factory.mktemp("shot") / "shot.mp4"
    write_video(path, (PROVENANCE.mark_frame(frame) for frame in swaying(astronaut(), 20)), 25.0)
    return sign(path, PROVENANCE)


def verified(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    with pytest.raises(SystemExit) as end:
        main(["verify", str(path), "--json"])
    assert isinstance(end.value.code, int)
    return end.value.code, json.loads(capsys.readouterr().out)


def save(path: Path, picture: np.ndarray) -> Path:
    order = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    assert cv2.imwrite(str(path), cv2.cvtColor(picture, order))
    return path


def test_a_shot_as_it_was_made(shot, capsys):
    code, said = verified(shot, capsys)
    assert (code, said["verdict"], said["mark"]) == (0, "generated", TAKE[:8])
    assert said["credentials"]["whole"]
    assert said["credentials"]["statement"]["consent"] == "She agreed."
    assert "this computer" in said["conclusion"]
    assert "mark in its pixels agrees" in said["conclusion"]


def test_in_words(shot, capsys):
    with pytest.raises(SystemExit) as end:
        main(["verify", str(shot)])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert "credentials  whole; made by vlogger" in out
    assert f"mark         take {TAKE[:8]}" in out


def test_coded_again_the_mark_is_what_is_left(shot, tmp_path, capsys):
    code, said = verified(encode(tmp_path / "again.mp4", decode(shot), 24), capsys)
    assert (code, said["verdict"], said["mark"], said["credentials"]) == (0, "generated", TAKE[:8], None)
    assert "no content credentials any more" in said["conclusion"]


def test_one_changed_byte_is_told(shot, tmp_path, capsys):
    content = bytearray(shot.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "changed.mp4"
    path.write_bytes(content)
    code, said = verified(path, capsys)
    assert (code, said["verdict"]) == (4, "broken")
    assert "changed after it was signed" in said["conclusion"]


def test_credentials_of_one_take_on_the_pictures_of_another(tmp_path, capsys):
    path = save(tmp_path / "a.png", replace(PROVENANCE, take="00112233" * 8).mark_frame(astronaut()))
    sign(path, PROVENANCE)
    code, said = verified(path, capsys)
    assert (code, said["verdict"], said["mark"]) == (4, "broken", "00112233")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_picture_with_nothing_but_the_mark(tmp_path, capsys, name):
    code, said = verified(save(tmp_path / name, PROVENANCE.mark_frame(astronaut())), capsys)
    assert (code, said["mark"]) == (0, TAKE[:8])


def test_a_picture_without_a_mark_by_choice(tmp_path, capsys):
    path = save(tmp_path / "a.png", astronaut())
    sign(path, replace(PROVENANCE, marked=False))
    code, said = verified(path, capsys)
    assert (code, said["mark"]) == (0, "")
    assert "without a mark" in said["conclusion"]


def test_nothing_proves_nothing(tmp_path, capsys):
    code, said = verified(save(tmp_path / "a.png", astronaut()), capsys)
    assert (code, said["verdict"], said["credentials"]) == (3, "none", None)
    assert "proves nothing" in said["conclusion"]


def test_someone_elses_credentials(tmp_path, capsys):
    path = save(tmp_path / "a.png", astronaut())
    manifest = {
        "claim_generator_info": [{"name": "Other\x1b[31m program", "version": "2"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [
            {"action": "c2pa.created", "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"}
        ]}}],
    }  # fmt: skip
    me = signing_identity()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", me.chain, me.key, None))
    with open(path, "rb") as source, open(tmp_path / "b.png", "w+b") as out:
        c2pa.Builder(manifest).sign(signer, "image/png", source, out)
    code, said = verified(tmp_path / "b.png", capsys)
    assert (code, said["verdict"]) == (3, "other")
    assert "not by vlogger" in said["conclusion"]
    assert "\x1b" not in said["conclusion"]


def test_a_folder_of_frames(tmp_path, capsys):
    frames = [np.dstack([frame, np.full((512, 512), 255, np.uint8)]) for frame in swaying(astronaut(), 4)]
    paths = [save(tmp_path / f"{i:06d}.png", PROVENANCE.mark_frame(frame)) for i, frame in enumerate(frames)]
    for path in paths:
        sign(path, PROVENANCE)
    code, said = verified(tmp_path, capsys)
    assert (code, said["mark"], said["credentials"]["whole"]) == (0, TAKE[:8], True)
    save(paths[2], frames[2])
    code, said = verified(tmp_path, capsys)
    assert code == 4
    assert said["credentials"]["faults"] == ["1 of 4 frames have no credentials"]


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.jpg", "a.txt", "a"])
def test_what_is_no_picture_is_one_sentence(tmp_path, capsys, name):
    (tmp_path / name).write_bytes(b"\x00\x00\x00\x18ftypmp42 nothing of a picture")
    for path in (tmp_path / name, tmp_path / "missing.mp4"):
        with pytest.raises(SystemExit) as end:
            main(["verify", str(path)])
        assert end.value.code == 2
        said = capsys.readouterr().err.strip()
        assert path.name in said
        assert len(said.splitlines()) == 1


def test_an_empty_folder(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["verify", str(tmp_path)])
    assert end.value.code == 2
    assert "no picture" in capsys.readouterr().err


def test_what_a_file_says_can_not_disturb_a_terminal():
    said = Credentials(True, False, "a\x1b[2J\n", "b\r" * 999, "", {"take\x07": "x\u202ey", "seed": 3, "more": [1]})
    clean = _printable(said)
    whole = clean.generator + clean.signer + "".join(f"{k}{v}" for k, v in clean.statement.items())
    assert whole.isprintable()
    assert len(clean.signer) <= 200
    assert clean.statement["seed"] == 3
