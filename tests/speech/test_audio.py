"""Any sound that people have is read alike; what is none is refused in one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import write_wav

from vlogger_backend.errors import InputError
from vlogger_backend.speech.audio import RATE, open_sound

Sound = NDArray[np.float32]


def tone(seconds: float = 2.0, rate: int = RATE, hertz: float = 300.0) -> Sound:
    """A tone with a gap in its middle, so that its timing can be seen."""
    t = np.arange(round(seconds * rate)) / rate
    gap = np.abs(t - seconds / 2) > seconds / 10
    return (0.5 * np.sin(2 * np.pi * hertz * t) * gap).astype(np.float32)


def read(path: Path) -> Sound:
    return np.concatenate(list(open_sound(path).blocks()))


def write(path: Path, codec: str, layout: str, rate: int, sample: str, sound: Sound) -> Path:
    """Encode with PyAV; each channel of `layout` gets the same sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.format = sample
        channels = len(av.AudioLayout(layout).channels)
        frame = av.AudioFrame.from_ndarray(np.tile(sound, (channels, 1)), "fltp", layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=sample, layout=layout, rate=rate, frame_size=stream.codec_context.frame_size
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def envelope(sound: Sound) -> Sound:
    frames = len(sound) // 160
    return np.sqrt(np.square(sound[: frames * 160]).reshape(-1, 160).mean(axis=1))


@pytest.mark.parametrize(
    ("name", "codec", "layout", "rate", "sample"),
    [
        ("8bit.wav", "pcm_u8", "mono", 11025, "u8"),
        ("16bit.wav", "pcm_s16le", "stereo", 44100, "s16"),
        ("32bit.wav", "pcm_s32le", "mono", 48000, "s32"),
        ("float.wav", "pcm_f32le", "stereo", 96000, "flt"),
        ("double.wav", "pcm_f64le", "mono", 22050, "dbl"),
        ("surround.wav", "pcm_s16le", "5.1", 48000, "s16"),
        ("plain.flac", "flac", "stereo", 48000, "s16"),
        ("plain.mp3", "libmp3lame", "stereo", 44100, "fltp"),
        ("opus.ogg", "libopus", "mono", 48000, "flt"),
        ("plain.m4a", "aac", "stereo", 44100, "fltp"),
        ("telephone.wav", "pcm_mulaw", "mono", 8000, "s16"),
    ],
)
def test_every_format_sounds_the_same(
    tmp_path: Path, name: str, codec: str, layout: str, rate: int, sample: str
) -> None:
    found = read(write(tmp_path / name, codec, layout, rate, sample, tone(rate=rate)))
    expected = tone()
    assert len(found) == pytest.approx(len(expected), abs=0.06 * RATE)
    # the same loudness in the same place, whatever the codec did to the waveform; AAC may come 23 ms late
    assert max(np.corrcoef(envelope(found)[lag : 150 + lag], envelope(expected)[:150])[0, 1] for lag in range(4)) > 0.95
    assert np.abs(found).max() == pytest.approx(0.9, abs=0.02)


def test_vorbis_is_read(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "plain.ogg", np.stack([tone(rate=44100)] * 2, axis=1), 44100)
    assert np.corrcoef(envelope(read(tmp_path / "plain.ogg"))[:150], envelope(tone())[:150])[0, 1] > 0.95


def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(50):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(tone()[None], "fltp", "mono")
        frame.sample_rate = RATE
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert open_sound(path).duration == pytest.approx(2.0, abs=0.15)


def test_speech_in_the_centre_of_surround_sound_is_heard(tmp_path: Path) -> None:
    channels = np.zeros((len(tone()), 6), np.float32)
    channels[:, 2] = tone()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels.T), "fltp", "5.1")
    frame.sample_rate = RATE
    with av.open(str(tmp_path / "centre.flac"), "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout="5.1")
        for piece in av.AudioResampler("s16", "5.1", RATE, frame_size=4096).resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    found = read(tmp_path / "centre.flac")
    assert np.corrcoef(found[: 2 * RATE - 8000], tone()[: len(found)][: 2 * RATE - 8000])[0, 1] > 0.95


def test_offset_level_and_a_few_broken_samples_are_mended(tmp_path: Path) -> None:
    import soundfile

    quiet = tone() * 0.01 + 0.3
    quiet[1000:1010] = np.nan
    quiet[2000] = np.inf
    soundfile.write(tmp_path / "poor.wav", quiet, RATE, subtype="FLOAT")
    found = read(tmp_path / "poor.wav")
    assert np.isfinite(found).all()
    assert np.corrcoef(found[4000:12000], tone()[4000:12000])[0, 1] > 0.98


def test_perfect_silence_stays_silent(tmp_path: Path) -> None:
    sound = open_sound(write_wav(tmp_path / "silence.wav", np.zeros(RATE)))
    assert sound.silent
    assert not np.concatenate(list(sound.blocks())).any()


def header(rate: int, data: bytes = b"\0\0" * 8000, promised: int | None = None) -> bytes:
    size = len(data) if promised is None else promised
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, (rate * 2) % 2**32, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size) + data


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.wav", b"", "is empty"),
        ("notes.wav", b"these are my notes\n" * 50, "can't be read as sound"),
        ("noise.bin", np.random.default_rng(0).bytes(50000), "can't be read as sound"),
        ("header.wav", header(16000, b""), "holds no sound"),
        ("zero.wav", header(0), "can't be read as sound"),
        ("mega.wav", header(1_000_000), "1000000 Hz"),
        ("cut.wav", header(16000, b"\1\0" * 8000, promised=64000), "is cut off"),
        ("short.wav", header(16000, b"\1\0" * 160), "only 0.010 s"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\nother.wav\n#EXT-X-ENDLIST\n", "can't be read as sound"),
        ("list.wav", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.wav\n", "can't be read as sound"),
        ("script.wav", b"ffconcat version 1.0\nfile 'other.wav'\n", "can't be read as sound"),
    ],
)
def test_what_is_no_sound_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    write_wav(tmp_path / "other.wav", tone())
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        open_sound(path)
    assert told in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_flac_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.flac", "flac", "mono", RATE, "s16", tone(8.0)).read_bytes()
    (tmp_path / "part.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is cut off"):
        open_sound(tmp_path / "part.flac")


def test_many_broken_samples_are_refused(tmp_path: Path) -> None:
    import soundfile

    sound = tone()
    sound[::3] = np.nan
    soundfile.write(tmp_path / "broken.wav", sound, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"33 % of its samples are not numbers"):
        open_sound(tmp_path / "broken.wav")


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="has no sound in it"):
        open_sound(tmp_path / "mute.mp4")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("https://example.org/a.wav", "is an address"),
        ("no such file.wav", "There is no file"),
        (".", "is a folder"),
        ("concat:a.wav|b.wav", "There is no file"),
    ],
)
def test_what_is_no_file_is_refused(name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        open_sound(name)


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    for name in ("a %d b.wav", "-x.wav", "ü'\"$x.wav", "pipe:0.wav"):
        assert open_sound(write_wav(tmp_path / name, tone())).duration == pytest.approx(2.0)


def flac_that_says(path: Path, samples: int) -> Path:
    """Two seconds of FLAC whose header says that there are so many samples; 0 says that nobody knows."""
    write(path, "flac", "mono", RATE, "s16", tone())
    data = bytearray(path.read_bytes())
    data[21:26] = ((data[21] & 0xF0) << 32 | samples).to_bytes(5, "big")  # STREAMINFO's 36 bits
    path.write_bytes(data)
    return path


def test_a_sound_that_says_it_lasts_for_hours_is_refused_unread(tmp_path: Path) -> None:
    path = flac_that_says(tmp_path / "long.flac", 7 * 3600 * RATE)
    with pytest.raises(InputError, match=r"long\.flac is longer than 6 hours"):
        open_sound(path)


def test_a_sound_that_does_not_say_how_long_it_is_is_read_so_far_and_no_further(tmp_path: Path) -> None:
    path = flac_that_says(tmp_path / "unknown.flac", 0)
    assert open_sound(path).duration == pytest.approx(2.0, abs=0.01)
    with pytest.raises(InputError, match="is longer than"):
        open_sound(path, longest=1.5)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with open(path, "wb") as file:
        file.truncate(65 << 30)  # a hole, which takes no room
    with pytest.raises(InputError, match="is larger than 64 GB"):
        open_sound(path)
