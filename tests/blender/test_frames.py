"""Pictures of a take from every Blender at hand, with a real service: asked for, shown, resumed, put to use."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.speech.voice import say

FRAMES = 8
NAMES = [f"{number:06}.png" for number in range(3, 3 + FRAMES)]
"""The take begins on frame 11, the scene on frame 14."""


@pytest.fixture(scope="module")
def rendered(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean.", folder / "bonny.wav")
    found = blender("render_frames.py", folder, sys.executable, folder / "character.npz", folder / "bonny.wav")
    return found, folder


def alpha_at(path: Path, points: np.ndarray) -> np.ndarray:
    """The alpha at points (N, 2), in parts of width and height from the lower left."""
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (150, 200))
        pixels = np.asarray(picture)
    columns, rows = (points[:, 0] * 150).astype(int), ((1 - points[:, 1]) * 200).astype(int)
    return pixels[rows, columns, 3]


def alpha_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)[..., 3]


def test_what_is_missing_is_said_before_anything_is_asked_for(rendered):
    found, _ = rendered
    assert "no take" in str(found["no take"])
    assert "no camera" in str(found["no camera"])
    assert "outside of the scene's frames" in str(found["outside"])
    assert "being made" in str(found["busy"])


def test_the_pictures_are_of_the_scene_s_frames_with_alpha(rendered):
    found, folder = rendered
    assert list(found["pictures"]) == NAMES
    for name in NAMES:
        with Image.open(folder / "first" / name) as picture:
            assert (picture.mode, picture.size) == ("RGBA", (150, 200))
            alpha = np.asarray(picture)[..., 3]
        assert alpha.min() == 0
        assert alpha.max() == 255
    assert str(found["said"]).startswith("8 pictures of bonny are in")


def test_the_avatar_is_where_the_rig_stands(rendered):
    """Where Blender sees bones there is a body in the picture, also of a rig that is turned, scaled and elsewhere."""
    found, folder = rendered
    for where, key, names in (
        (folder / "first", "seen", NAMES),
        (Path(str(found["foreign folder"])) / "frames", "foreign seen", [f"{n:06}.png" for n in range(1, 1 + FRAMES)]),
    ):
        for name, points in zip(names, found[key], strict=True):
            assert (alpha_at(where / name, points) == 255).all(), (key, name)


def test_the_image_is_a_sequence_beside_the_blend_file(rendered):
    name, source, path, alpha = map(str, rendered[0]["image"])
    assert (name, source, alpha) == ("VLOGGER bonny", "SEQUENCE", "STRAIGHT")
    assert path.replace("\\", "/").startswith("//vlogger/")


def test_only_what_is_missing_or_looks_different_is_made_again(rendered):
    found, _ = rendered
    assert list(found["made again"]) == ["000005.png"]
    assert "7 of which were there already" in str(found["said again"])
    assert list(found["other camera"]) == NAMES[-2:]
    assert "21 of which were there already" in str(found["nothing to do"])
    assert "already" not in str(found["dialled"])  # the mouth opens less on each of them


def test_keys_edited_by_hand_show_as_blender_shows_them(rendered):
    found, folder = rendered
    assert list(found["edited"]) == NAMES[:2]
    for name, points in zip(NAMES, found["edited seen"], strict=True):
        assert (alpha_at(folder / "edited" / name, points) == 255).all(), name
    with Image.open(folder / "seen by Blender.png") as picture:
        blenders = np.asarray(picture.convert("RGBA"))[..., 3] > 128
    ours, before = (alpha_of(folder / where / NAMES[1]) > 128 for where in ("edited", "first"))
    assert (ours & blenders).sum() > 0.97 * (ours | blenders).sum()
    assert (before & blenders).sum() < 0.95 * (before | blenders).sum()


def test_cancelled_pictures_stay_and_are_gone_on_with(rendered):
    found, _ = rendered
    there = int(found["cancelled"][0])
    assert FRAMES < there < 21
    total, same, before = found["gone on"]
    assert (total, before) == (21, there)
    assert same >= there - 2  # those that came in the moment of the cancel are not known


def test_the_service_s_refusal_is_told_and_costs_nothing(rendered):
    found, _ = rendered
    assert "6000 x 8000 pixels can't be drawn" in str(found["too large"])
    assert found["kept"]
    assert "gone" in str(found["take gone"])


def test_the_scene_is_as_it_was_and_never_held_up(rendered):
    found, _ = rendered
    assert found["as it was"]
    assert found["longest tick"] < 0.05


def test_they_lie_in_the_sequencer_and_the_compositor_on_their_frames(rendered):
    found, folder = rendered
    assert list(found["strip"]) == ["ALPHA_OVER", "21"]
    assert found["nodes"] == 1
    assert list(found["node"]) == [14, 21, 2]  # frame 14 plays file 14 - 14 + 1 + 2
    with Image.open(folder / "sequencer.png") as picture:  # frame 20
        shown = np.asarray(picture.convert("RGBA")).astype(int)
    with Image.open(Path(str(found["folder"])) / "frames" / "000009.png") as picture:
        expected = np.asarray(picture).astype(int)
    body = expected[..., 3] == 255
    assert np.abs(shown - expected)[body].max() <= 3
    assert "VLOGGER copy" in list(found["strips"])  # asked for by the setting
