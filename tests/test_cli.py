"""The command as a user types it: what it leaves, what it says, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from spoken import LINE

from vlogger_backend.cli import main
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.motion.take import read_take
from vlogger_backend.renderers.registry import readiness


def run(*arguments: object) -> int:
    """Run the command in this process; returns its exit code."""
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_help_answers_at_once() -> None:
    code = "import sys, vlogger_backend.cli as c; h = {'numpy', 'torch', 'bpy', 'librosa', 'av', 'rich.progress'}; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(sorted(h & set(sys.modules)))"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", "the command line imports heavy packages before they are needed"


def test_a_sound_becomes_a_take_with_lips_that_close(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("animate", line, "--text", LINE, "-o", tmp_path / "a.npz", "--json") == 0
    [result] = json.loads(capsys.readouterr().out)
    assert result["take"] == str(tmp_path / "a.npz")
    assert result["error"] is None
    take = read_take(tmp_path / "a.npz")
    assert len(take.motion) == result["frames"] == pytest.approx(take.speech.duration * 30, abs=1)
    closed = take.motion.arkit[:, ARKIT_INDEX["jawOpen"]] - take.motion.arkit[:, ARKIT_INDEX["mouthClose"]] < 0.02
    bilabials = [p for p in take.speech.phones if p.symbol in "pbm" and p.symbol]
    assert len(bilabials) >= 11
    assert all(closed[round((p.start + p.end) / 2 * 30)] for p in bilabials)
    assert 0.1 < closed.mean() < 0.75


def test_same_seed_same_bytes_another_seed_another_take(line: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("animate", line, "-o", tmp_path / f"{name}.npz", "--seed", seed, "-q") == 0
    a, b, c = (tmp_path / f"{name}.npz" for name in "abc")
    assert a.read_bytes() == b.read_bytes()
    first, other = read_take(a).motion, read_take(c).motion
    wrists = [20, 21, 16, 17, 18, 19]
    assert np.abs(first.poses[:, wrists] - other.poses[:, wrists]).mean() > 0.03, (
        "another seed must be visibly different"
    )
    assert np.abs(first.arkit - other.arkit).max() > 0.3


def test_a_batch_goes_on_past_what_fails_and_says_so(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    (tmp_path / "sub").mkdir()
    shutil.copy(line, tmp_path / "sub" / "line.wav")
    code = run("animate", line, tmp_path / "broken.wav", tmp_path / "none.wav", tmp_path / "sub" / "line.wav",
               "-o", tmp_path / "out", "--json")  # fmt: skip
    shown = capsys.readouterr()
    assert code == 2
    assert left_in(tmp_path / "out") == {"line.npz", "line-2.npz"}
    assert [bool(r["error"]) for r in json.loads(shown.out)] == [False, True, True, False]
    assert "broken.wav" in shown.err
    assert "2 of 4 done, 2 failed" in shown.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fps", "0"], "frame rate"),
        (["--fps", "nan"], "frame rate"),
        (["--seed", "-1"], "seed"),
        (["--language", "xx-nowhere"], "xx-nowhere"),
        (["--text-file", "nothing.txt"], r"nothing\.txt can't be read"),
        (["--text", "a", "--text-file", "b"], "leave one of them out"),
        (["--text", "Съешь ещё этих мягких французских булок"], "text"),
        (["--body", "wings=1"], "gender"),
        (["--body", "age=7"], "between 0 and 1"),
        (["-o", "x.mp4"], "vlogger export"),
        (["-o", "x.txt"], "neither a .npz nor a folder"),
        (["-o", "-"], "neither a .npz nor a folder"),
        (["--text-file", "/dev/zero"], "not a text file"),
    ],
)
def test_what_can_be_mended_is_one_sentence_and_code_2(
    options: list[str], says: str, line: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import re

    monkeypatch.chdir(tmp_path)
    assert run("animate", line, *options, "-q") == 2
    shown = capsys.readouterr().err.strip()
    assert re.search(says, shown), shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 1
    assert left_in(tmp_path) == set()


def test_one_text_for_many_sounds_is_refused(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("animate", line, line, "--text", LINE) == 2
    assert "one by one" in capsys.readouterr().err


def test_silence_makes_a_take_and_says_that_nothing_was_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = write_wav(tmp_path / "[quiet] room.wav", np.zeros(32000))
    assert run("animate", sound, "-o", tmp_path / "out", "--json") == 0
    shown = capsys.readouterr()
    assert "No speech was heard in" in shown.err
    assert "[quiet] room.wav" in shown.err
    assert json.loads(shown.out)[0]["spoken"] is False
    take = read_take(tmp_path / "out" / "[quiet] room.npz")
    gap = take.motion.arkit[:, ARKIT_INDEX["jawOpen"]] - take.motion.arkit[:, ARKIT_INDEX["mouthClose"]]
    assert gap.max() < 1 / 34.8, "a silent mouth is shut: less than a millimetre"


def test_debug_shows_the_trace(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("animate", line, "--fps", "0", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err
    assert run("animate", tmp_path / "none.wav", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err, "one line of a batch has its trace too"


@pytest.mark.skipif(sys.platform == "win32", reason="folders are locked otherwise there")
def test_a_folder_that_cannot_be_written_is_one_sentence(
    line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.geteuid() == 0:  # root may write anywhere but here
        locked = Path("/sys")
        if not locked.is_dir():
            pytest.skip("root may write anywhere")
    assert run("animate", line, "-o", locked / "a.npz", "-q") == 2
    assert "no permission" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert run("animate", line, "-o", tmp_path / "taken" / "a.npz", "-q") == 2
    assert "can't be written" in capsys.readouterr().err
    assert run("animate", line, "-o", tmp_path / "taken", "-q") == 2


def test_an_interruption_that_a_library_swallows_still_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ctypes prints and drops what is raised in a callback; Ctrl-C must get through all the same."""
    from vlogger_backend.speech import espeak

    def interrupted_callback(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(espeak, "_take_events", interrupted_callback)
    assert run("say", "Good morning.", "-o", tmp_path / "a.wav") == 2
    assert "Stopped" in capsys.readouterr().err
    assert left_in(tmp_path) == set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whole consoles only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_leaves_nothing_half_written(number: signal.Signals, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hum = np.sin(np.arange(16000 * 240) * 0.05) * np.repeat(rng.uniform(0, 0.6, 2400), 1600)
    sound = write_wav(tmp_path / "long.wav", hum + rng.normal(0, 0.02, len(hum)))
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", "from vlogger_backend.cli import main; main()", "animate", str(sound), "-o", str(out)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    started = time.monotonic()
    for text in process.stderr:  # wait until it is at work
        if "…" in text:
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "Stopped" in errors
    assert "Traceback" not in errors
    assert not out.exists() or left_in(out) == set()
    assert time.monotonic() - started < 60


def test_speech_as_json_has_phones_words_and_tracks(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("speech", line, "--text", LINE, "--json", "-q") == 0
    heard = json.loads(capsys.readouterr().out)
    assert [w["text"].lower() for w in heard["words"]][:2] == ["maybe", "my"]
    assert heard["phones"][0]["start"] == 0
    assert heard["phones"][-1]["end"] == pytest.approx(heard["duration"])
    assert {"loudness", "pitch", "voicing", "emphasis"} <= set(heard)


def test_say_preview_and_export(tmp_path: Path, line: Path) -> None:
    assert run("say", "Good morning.", "-o", tmp_path / "morning.wav", "-q") == 0
    take = tmp_path / "morning.npz"
    assert run("animate", tmp_path / "morning.wav", "-o", take, "-q", "--fps", 12) == 0
    assert run("preview", take, "-q") == 0
    assert run("preview", take, "-o", tmp_path / "strip.png", "-q") == 0
    assert run("export", take, "-o", tmp_path / "copy.npz", "-q") == 0
    assert run("export", take, "-o", tmp_path / "m.glb", "-q") == 0
    assert left_in(tmp_path) == {"morning.wav", "morning.npz", "morning.mp4", "strip.png", "copy.npz", "m.glb"}
    assert (tmp_path / "copy.npz").read_bytes() == take.read_bytes()


@pytest.mark.parametrize(
    ("command", "says"), [(("export", "-o", "x.obj"), ".fbx"), (("preview", "-o", "x.avi"), ".mp4")]
)
def test_unknown_suffixes_say_which_there_are(
    command: Sequence[str], says: str, tmp_path: Path, line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("animate", line, "-o", tmp_path / "a.npz", "-q")
    assert run(command[0], tmp_path / "a.npz", *command[1:]) == 2
    assert says in capsys.readouterr().err


def test_a_preview_whose_sound_is_gone_asks_for_it(
    tmp_path: Path, line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = tmp_path / "gone.wav"
    shutil.copy(line, sound)
    assert run("animate", sound, "-o", tmp_path / "a.npz", "-q") == 0
    sound.unlink()
    assert run("preview", tmp_path / "a.npz", "-q") == 2
    assert "--audio" in capsys.readouterr().err


def test_the_demo_leaves_everything_in_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert run("demo", "-o", out, "--fps", 12, "--json") == 0
    shown = capsys.readouterr()
    shot = {"hello-portrait.portrait", "hello-shot.mp4"} if readiness()["builtin"].missing == "" else set()
    assert left_in(out) == {f"hello.{suffix}" for suffix in ("wav", "npz", "fbx", "glb", "mp4", "png")} | shot
    assert {Path(p).name for p in json.loads(shown.out)["files"]} == left_in(out) - {"hello.wav"}
    assert all((out / name).stat().st_size > 1000 for name in left_in(out))
    assert "hello.mp4" in shown.err


def test_the_doctor_finds_this_installation_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") == 0
    findings = json.loads(capsys.readouterr().out)
    assert all(f["fine"] for f in findings if f["needed"])
    assert all(f["cost"] for f in findings if not f["fine"])
