"""The picture of a take: there for a short line, a long one, and one without a word."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.speech import Phone, Speech
from vlogger_backend.motion.take import Take
from vlogger_backend.renderers.strip import write_strip
from vlogger_backend.request import Request


def silent_wav(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * round(8000 * seconds))
    return path


@pytest.mark.parametrize(("seconds", "phones"), [(0.2, ()), (1.0, ((0.2, 0.6, "a"),)), (40.0, ((30.0, 30.2, "m"),))])
def test_any_take_has_a_picture(seconds: float, phones: tuple[tuple[float, float, str], ...], tmp_path: Path) -> None:
    frames = round(seconds * 10)
    shapes = ((55, 3), (3,), (52,), (0,))
    motion = Motion(10.0, *(np.zeros((frames, *shape), np.float32) for shape in shapes))
    speech = Speech(seconds, tuple(Phone(symbol, start, end) for start, end, symbol in phones))
    sound = silent_wav(tmp_path / "a.wav", seconds)
    write_strip(tmp_path / "a.png", load_avatar(), Take(motion, speech, Request(str(sound))), sound)
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    assert picture.shape[1] >= 1500
    assert picture[: len(picture) // 3].std() > 20, "the frames are not there"
