"""A large renderer in a TOML file, and `vlogger controls`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from portraits_of import performing, portrait_of

from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.speech import Speech
from vlogger_backend.motion.take import Take, save_take
from vlogger_backend.portraits.storage import write_portrait
from vlogger_backend.renderers.animatediff import AnimateDiff, ControlSource
from vlogger_backend.renderers.settings import read_renderer
from vlogger_backend.renderers.wan_animate import WanAnimate
from vlogger_backend.request import Request

ANIMATEDIFF = """
renderer = "animatediff"
base = "sd15"
motion = "someone/motion-adapter"
steps = 12
guidance = 5
[controlnets]
depth = "depth"
[controlnets.openpose]
source = "/weights/openpose"
strength = 1
"""


def said(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "renderer.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_said_is_what_is_made(tmp_path):
    (tmp_path / "sd15").mkdir()
    made = read_renderer(said(tmp_path, ANIMATEDIFF))
    assert made == AnimateDiff(
        str(tmp_path / "sd15"),
        "someone/motion-adapter",
        {"depth": ControlSource("depth"), "openpose": ControlSource("/weights/openpose", 1.0)},
        steps=12,
        guidance=5,
    )
    text = 'renderer = "wan-animate"\nmodel = "Wan-AI/Wan2.2-Animate-14B-Diffusers"\nmode = "replace"\nkept = "there"'
    assert read_renderer(said(tmp_path, text)) == WanAnimate(
        "Wan-AI/Wan2.2-Animate-14B-Diffusers", mode="replace", kept=Path("there")
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("renderer = ", "no TOML file"),
        ("base = 'x'", 'must say renderer = "animatediff" or "wan-animate"'),
        ('renderer = "dalle"', "must say renderer"),
        ('renderer = "animatediff"\nbase = "x"', "does not say motion"),
        ('renderer = "wan-animate"\nmodel = "x"\nhead = "y"', "says head, which wan-animate does not have"),
        ('renderer = "wan-animate"\nmodel = 3', "model is 3; give a text"),
        ('renderer = "wan-animate"\nmodel = "x"\nsteps = "many"', "steps is 'many'; give a number"),
        ('renderer = "wan-animate"\nmodel = "x"\nsteps = true', "give a number"),
        ('renderer = "wan-animate"\nmodel = "x"\nmode = "dance"', "animate or replace"),
        (ANIMATEDIFF.replace("strength = 1", "strength = 'all'"), "the strength of the ControlNet openpose is 'all'"),
        (ANIMATEDIFF.replace("strength = 1", "scale = 1"), "a source, or a table with source and strength"),
        (ANIMATEDIFF.replace("openpose", "lineart"), "lineart is none; choose from"),
        ('renderer = "animatediff"\nbase = "x"\nmotion = "y"\ncontrolnets = "z"', "a table of kinds and sources"),
    ],
)
def test_what_is_not_understood_is_a_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError) as caught:
        read_renderer(said(tmp_path, text))
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        read_renderer(tmp_path / "nowhere.toml")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("take")
    save_take(folder / "x.npz", Take(performing(4), Speech(0.16, ()), Request(audio="x.wav")))
    write_portrait(portrait_of((128, 128)), folder / "x.portrait")
    return folder


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return int(end.value.code)


def test_the_command_writes_a_folder_a_kind(files, tmp_path, capsys):
    out = tmp_path / "controls"
    code = run("controls", files / "x.npz", "--portrait", files / "x.portrait", "-o", out, "--size", "96x64",
               "--kinds", "warp,parts,controlnet-openpose", "--from", 1, "--json", "-q")  # fmt: skip
    assert code == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out)}
    assert sorted(p.name for p in out.iterdir()) == ["controlnet-openpose", "controls.json", "parts", "warp"]
    assert sorted(p.name for p in (out / "warp").iterdir()) == ["000001.png", "000002.png", "000003.png"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--size", "large"), "WIDTHxHEIGHT"),
        (("--size", "9000x9000"), "9000"),
        (("--camera", "drone"), "photo, face or body"),
        (("--kinds", "canny"), "choose from coordinates"),
        (("--from", 9), "has no frames 9 to 3"),
    ],
)
def test_what_the_command_can_not_do_is_a_sentence(files, tmp_path, capsys, arguments, sentence):
    code = run("controls", files / "x.npz", "--portrait", files / "x.portrait", "-o", tmp_path / "c", *arguments, "-q")
    assert code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
