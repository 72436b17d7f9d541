"""A person from a photo in every Blender at hand, with a real service: fitted, seen as in the photo, painted."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.errors import AddonError
from blender_addon.core.portrait import AFFIRMED, FORMAT, read_portrait_file
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.motion.names import JOINT_INDEX
from vlogger_backend.portraits import making, storage
from vlogger_backend.speech.voice import say

NAMES = [f"{number:06}.png" for number in (3, 4, 5, 6)]
"""The take begins on frame 11, the scene on frame 14."""
SIZE = (192, 192)


@pytest.fixture(scope="module")
def painted(blender, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("photo")
    shutil.copytree(photos, folder, dirs_exist_ok=True)
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean.", folder / "bonny.wav")
    found = blender("paint_photo.py", folder, sys.executable, folder / "character.npz", folder / "bonny.wav")
    return found, folder


def of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.size == SIZE
        return np.asarray(picture).astype(int)


def test_the_sentence_and_the_format_are_the_backends():
    assert AFFIRMED == making.AFFIRMED
    assert FORMAT == storage.FORMAT


def test_the_add_on_reads_what_the_backend_wrote(portrait_file):
    mine, theirs = read_portrait_file(portrait_file), storage.read_portrait(portrait_file)
    camera = theirs.fit.camera
    assert (mine.name, mine.width, mine.height) == (theirs.name, camera.width, camera.height)
    poses, fields = camera.over(1)
    np.testing.assert_allclose(mine.pose, poses[0])
    assert mine.field == fields[0]
    assert (mine.mean, mine.between_eyes) == (theirs.fit.error.mean, theirs.fit.error.between_eyes)


@pytest.mark.parametrize(
    "changes",
    [
        {"camera": None},
        {"camera": {"width": 10**9, "height": 512, "poses": [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]], "fields": [0.5]}},
        {"camera": {"width": 512, "height": 512, "poses": [[0] * 12], "fields": [0.5]}},
        {"camera": {"width": 512, "height": 512, "poses": [[float("nan")] * 12], "fields": [0.5]}},
        {"error": {"mean": "1", "worst": 2, "between_eyes": 40}},
        {"name": "x" * 300_000},
        {"format": FORMAT + 1},
    ],
    ids=["no camera", "huge", "askew", "not a number", "text", "long", "another version"],
)
def test_a_portrait_that_is_none_is_a_sentence(portrait_file, tmp_path, changes):
    with zipfile.ZipFile(portrait_file) as file:
        about = json.loads(file.read("portrait.json"))
    path = tmp_path / "odd.portrait"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("portrait.json", json.dumps({**about, **changes}))
    with pytest.raises(AddonError, match=r"odd\.portrait is .*[Ff]it the photo again"):
        read_portrait_file(path)


def test_what_is_missing_is_said_before_anything_is_asked_for(painted):
    found, _ = painted
    assert "no rig" in str(found["no rig"])
    assert "No photo" in str(found["no photo"])
    assert AFFIRMED in str(found["no tick"])
    assert not found["another person"], "the tick is for one person"
    assert not found["another photo"], "the tick is for one photo"
    assert "no photo at" in str(found["no file"])
    assert all("has no portrait" in str(reason) for reason in found["no portrait"])
    assert "being fitted" in str(found["busy"])


def test_what_can_t_be_fitted_is_said_in_the_service_s_words(painted):
    found, _ = painted
    assert "No face is found in the photo" in str(found["no face"])
    assert "2 faces, counted from the left" in str(found["two"])
    assert "--" not in str(found["two"])
    assert list(found["cancelled"]) == ["", "True"]
    assert not len(found["left over"]), "a fit that came to nothing leaves no folder"


def test_a_photo_is_fitted(painted):
    found, folder = painted
    assert str(found["fitted"]).startswith("astronaut is fitted. The fit is 0.")
    path = Path(str(found["portrait"]))
    assert path.is_relative_to(folder / "vlogger")
    assert storage.read_portrait(path).consent.statement == AFFIRMED
    assert not found["tick after"]
    assert list(found["fit"]) == ["VLOGGER Fit of astronaut", "2700", "570"]


def test_a_fit_can_be_undone_and_goes_on_when_something_else_is(painted):
    found, _ = painted
    assert str(found["undone"]) == ""
    assert str(found["portrait"])
    count, name, said = found["undone meanwhile"]
    assert (count, name) == (str(len(NAMES)), "VLOGGER bonny photo")
    assert said.startswith("4 pictures of astronaut in bonny are in")


def test_the_photo_s_view_is_a_camera_that_sees_the_head_where_the_photo_shows_it(painted):
    found, _ = painted
    fit = storage.read_portrait(Path(str(found["portrait"]))).fit
    poses, _ = fit.camera.over(1)
    head = load_avatar().joints[JOINT_INDEX["head"]]
    expected = (head - poses[0, :3, 3]) @ poses[0, :3, :3]
    for scale, where, camera in ((1.0, "head", "camera"), (0.5, "foreign head", "foreign camera")):
        pose = found[camera]
        seen = (found[where] - pose[:3, 3]) @ pose[:3, :3]
        np.testing.assert_allclose(seen / seen[2], expected / expected[2], atol=0.01, err_msg=where)
        if scale == 1:
            np.testing.assert_allclose(seen, expected, atol=0.01)
    assert found["angle"] == pytest.approx(fit.camera.fields[0], abs=1e-5)
    assert list(found["view"])[1:] == ["Armature Photo", "512", "512"]
    assert found["cameras"] == 1, "pressed again, it is the same camera"


def test_the_service_says_what_can_paint(painted):
    found, _ = painted
    assert list(found["renderers"])[:2] == ["builtin", "warp"]
    assert str(found["chosen"]) == "warp"
    chosen, refusal = map(str, found["no renderer"])
    assert chosen == "mine", "what the file says stays, though the service has it not"
    assert "no renderer mine" in refusal
    assert "has no portrait" in str(found["without"])
    assert "not at" in str(found["moved"])
    assert "is no portrait" in str(found["no portrait at all"])
    assert "no pictures yet" in str(found["nothing to show"])


def test_frames_come_with_alpha_and_show_the_person_as_the_photo_does(painted):
    found, folder = painted
    assert list(found["pictures"]) == NAMES
    assert str(found["said"]).startswith("4 pictures of astronaut in bonny are in")
    assert list(found["in Blender"]) == [*SIZE, 4, 0, 1]
    portrait = storage.read_portrait(Path(str(found["portrait"])))
    matte = np.asarray(Image.fromarray(portrait.matte).resize(SIZE, Image.Resampling.BOX)) > 128
    for name in NAMES:
        ours = of(folder / "first" / name)[..., 3] > 128
        assert (ours & matte).sum() > 0.93 * (ours | matte).sum()
    assert of(folder / "whole" / NAMES[0]).shape[2] == 3, "the photo's own background"


def test_they_are_an_image_of_their_own_beside_the_3d_preview_s(painted):
    found, _ = painted
    name, source, path, alpha = map(str, found["image"])
    assert (name, source, alpha) == ("VLOGGER bonny photo", "SEQUENCE", "STRAIGHT")
    assert path.replace("\\", "/").startswith("//vlogger/")
    assert found["character's image"]
    assert list(found["both"]) == ["VLOGGER bonny", "VLOGGER bonny photo"]
    assert list(found["strips"]) == ["VLOGGER bonny photo"]


def test_the_newest_is_seen_where_the_scene_s_is_still_to_come(painted):
    found, _ = painted
    assert list(found["while painted"]) == ["VLOGGER bonny photo", "1", "True"]
    assert list(found["when cancelled"]) == [14, 44, 2], "it follows the scene's frame again"


def test_only_what_is_missing_is_painted_again(painted):
    found, _ = painted
    assert list(found["made again"]) == [NAMES[1]]
    assert 6 <= found["cancelled frames"] < 44
    assert "1 of which were there already" in str(found["nothing to do"])


def test_a_camera_far_aside_is_told(painted):
    assert "degrees from the photo's side" in str(painted[0]["aside"])
    assert "degrees" not in str(painted[0]["said"])


def test_the_portrait_is_remembered_in_the_blend_file(painted):
    found, _ = painted
    assert list(found["reopened"]) == [str(found["portrait"]), "VLOGGER bonny photo", "photo"]
