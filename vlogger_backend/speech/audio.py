"""Reading sound: any file that people have, as a stream of 16 kHz mono blocks.

FFmpeg (through PyAV) decodes. It is only ever given the file that was named: no network, no playlists that name
other files. Nothing here holds a whole recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress, no_progress

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE = 16000
"""Samples per second of what is read; the acoustic model's rate."""
LONGEST = 6 * 3600.0
"""Seconds of sound that are taken."""

_FORMATS = (
    "wav,w64,aiff,au,caf,flac,mp3,ogg,aac,amr,ac3,eac3,dts,truehd,wv,ape,tta,mpc,mpc8,matroska,webm,"
    "mov,mp4,m4a,3gp,3g2,mj2,avi,asf,mpeg,mpegts,flv,mxf"
)
"""The container formats that hold their sound themselves. Playlists and scripts, which open other files, are not
among them."""
_EXACT_LENGTH = ("w64", "aiff", "flac", "mov", "caf")
"""Formats whose header tells the exact length, so that a cut-off file can be known."""
_LOWEST_RATE, _HIGHEST_RATE = 4000, 768000
_SHORTEST = 0.1
_LARGEST = 64 << 30
"""Bytes. Six hours of good video are less."""
_LOWEST_SOUND = 40.0
"""Hz; below it there is only rumble."""
_BLOCK = RATE
_GREATEST = 1e6
"""What no float sample exceeds; 1 is full scale, though some programs write up to 32768."""
_MOST_BROKEN = 0.01
_PEAK = 0.9
_MOST_GAIN = 1000.0
_SILENT_PEAK = 1e-4


@dataclass(frozen=True)
class Sound:
    """A sound file that can be read. `duration` is in seconds; `silent` says that nothing can be heard in it.

    `blocks` gives the samples times `gain`, so that the speech uses the range whatever its level was.
    """

    path: Path
    duration: float
    gain: float
    silent: bool

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The sound in order, as float32 blocks of one second (the last may be shorter), -1 to 1, at `RATE`."""
        for block in _mono_blocks(self.path):
            yield np.clip(block * np.float32(self.gain), -1.0, 1.0)


def open_sound(path: Path | str, longest: float = LONGEST, progress: Progress = no_progress) -> Sound:
    """Read through a file once to learn its length and level; `progress` is called meanwhile, to no other end than
    that it can cancel.

    Any channels become one (5.1 by ITU-R BS.775: centre and sides, no bass channel). A constant offset and rumble
    are removed and the level raised or lowered to full range. Up to 1 % of broken samples (NaN, infinite) are taken
    as zero.

    Raises InputError for what can't be used: no such file, a folder, an address, not a sound, a video without sound,
    a rate that no sound has, under 0.1 s, over `longest` seconds (if its header says so, before any of it is decoded),
    cut off (its header promises more than is there), too many broken samples.
    """
    if "://" in str(path):
        raise InputError(f"{path} is an address, and vlogger reads files only: download it first.")
    path = Path(path)
    _check_is_file(path)
    _check_whole_wav(path)
    _check_length(path, _declared_duration(path), longest)
    count = 0
    peak = 0.0
    for block in _mono_blocks(path):
        count += len(block)
        _check_length(path, count / RATE, longest)
        progress("Listening", 0.0)
        peak = max(peak, float(np.abs(block).max()))
    duration = count / RATE
    if count == 0:
        raise InputError(f"{path} holds no sound: choose another file or export it again.")
    if duration < _SHORTEST:
        raise InputError(f"{path} is only {duration:.3f} s long: choose a recording of at least {_SHORTEST} s.")
    silent = peak < _SILENT_PEAK
    gain = 1.0 if silent else min(_PEAK / peak, _MOST_GAIN)
    return Sound(path, duration, gain, silent)


def _check_is_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name the sound file in it.")
        if not path.exists():
            raise InputError(f"There is no file {path}: check its name and folder.")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty: choose another file or export it again.")
        if path.stat().st_size > _LARGEST:
            raise InputError(
                f"{path} is larger than {_LARGEST >> 30} GB: take the sound out of it, as flac for instance."
            )
        with open(path, "rb"):
            pass
    except OSError as error:
        raise InputError(f"{path} can't be opened ({error.strerror}): check its name and permissions.") from error


def _check_length(path: Path, seconds: float, longest: float) -> None:
    if seconds > longest:
        raise InputError(
            f"{path} is longer than {longest / 3600:g} hours, which is all that is taken: cut it into parts."
        )


def _declared_duration(path: Path) -> float:
    """How long the file says it is, in seconds; 0 if it doesn't say."""
    import av

    with open_container(path) as container:
        return (container.duration or 0) / av.time_base


def _check_whole_wav(path: Path) -> None:
    """FFmpeg takes a wav file that was cut off for a shorter one, so its header is compared with the file here."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(8)
    promised = int.from_bytes(start[4:8], "little") + 8
    # recorders that write to a pipe leave a length that can't be
    if start[:4] == b"RIFF" and size < promised < 0x7FFFFF00 and size < 0.98 * promised - 64:
        raise InputError(f"{path} is cut off ({size} of {promised} bytes are there): copy or export it again.")


def _mono_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    """The file's sound, mono at `RATE`, without offset and rumble, in blocks of one second."""
    waiting: list[NDArray[np.float32]] = []
    held = 0
    for piece in _without_rumble(_mono_pieces(path)):
        waiting.append(piece)
        held += len(piece)
        if held >= _BLOCK:
            joined = np.concatenate(waiting)
            whole = len(joined) - len(joined) % _BLOCK
            for start in range(0, whole, _BLOCK):
                yield joined[start : start + _BLOCK]
            waiting, held = [joined[whole:]], len(joined) - whole
    if held:
        yield np.concatenate(waiting)


def _without_rumble(pieces: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Only what is above the lowest voice: also, perfect silence stays perfect, which taking a mean off would spoil."""
    from scipy.signal import butter, sosfilt, sosfilt_zi

    sections = butter(2, _LOWEST_SOUND, "highpass", fs=RATE, output="sos")
    state = None
    for piece in pieces:
        if not len(piece):
            continue
        if state is None:
            state = sosfilt_zi(sections) * float(piece[0])
        filtered, state = sosfilt(sections, piece, zi=state)
        yield filtered.astype(np.float32)


def _mono_pieces(path: Path) -> Iterator[NDArray[np.float32]]:
    import av

    container = open_container(path)
    try:
        if not container.streams.audio:
            raise InputError(f"{path} has no sound in it: choose a file with an audio track.")
        stream = container.streams.audio[0]
        if not _LOWEST_RATE <= (stream.rate or 0) <= _HIGHEST_RATE:
            raise InputError(
                f"{path} says it is sampled at {stream.rate or 0} Hz, which no sound is: export it again, "
                f"at 16000 to 48000 Hz for instance."
            )
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        samples = broken = 0
        for decoded in _frames(path, container, stream):
            frame, bad = _repaired(decoded)
            samples += frame.samples
            broken += bad
            _check_not_broken(path, samples, broken, final=False)
            for out in resampler.resample(frame):
                yield out.to_ndarray()[0]
        _check_not_broken(path, samples, broken, final=True)
        _check_not_cut(path, container, stream, samples)
        if samples:
            for out in resampler.resample(None):
                yield out.to_ndarray()[0]
    finally:
        container.close()


def open_container(path: Path) -> InputContainer:
    """A sound or video file, opened so that it can name no other file: no playlists, no addresses.

    Raises InputError if it can't be read as sound.
    """
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    try:
        return av.open(f"file:{path.absolute()}", metadata_errors="ignore", options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as sound; it may be damaged or of another kind: export it as wav or flac."
        ) from error


def _frames(path: Path, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """The frames that can be decoded; damaged packets are skipped, as players do."""
    import av

    decoded = False
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        try:
            for frame in packet.decode():
                decoded = True
                yield frame  # type: ignore[misc]
        except av.error.FFmpegError as error:
            if not decoded and packet.dts is None:
                raise InputError(
                    f"{path} can't be decoded; it may be damaged: export it again as wav or flac."
                ) from error


def _repaired(frame: AudioFrame) -> tuple[AudioFrame, int]:
    """The frame with samples that can't be (NaN, infinite, beyond all measure) as zeros, and how many there were."""
    if not frame.format.name.startswith(("flt", "dbl")):
        return frame, 0
    import av

    values = frame.to_ndarray()
    with np.errstate(invalid="ignore"):
        sound = np.abs(values) < _GREATEST
    bad = int(values.size - np.count_nonzero(sound))
    if not bad:
        return frame, 0
    mended = av.AudioFrame.from_ndarray(np.where(sound, values, 0), frame.format.name, frame.layout.name)
    mended.sample_rate, mended.pts, mended.time_base = frame.sample_rate, frame.pts, frame.time_base
    return mended, bad // len(frame.layout.channels)


def _check_not_broken(path: Path, samples: int, broken: int, final: bool) -> None:
    if broken > _MOST_BROKEN * samples and (final or samples > 20 * _HIGHEST_RATE):
        raise InputError(
            f"{path} is damaged ({100 * broken / samples:.0f} % of its samples are not numbers, or far too large): "
            "export it again."
        )


def _check_not_cut(path: Path, container: InputContainer, stream: AudioStream, samples: int) -> None:
    if not container.format.name.startswith(_EXACT_LENGTH) or not stream.duration or not stream.time_base:
        return
    promised = float(stream.duration * stream.time_base)
    there = samples / stream.rate
    if there < promised - max(0.5, 0.02 * promised):
        raise InputError(f"{path} is cut off ({there:.1f} s of {promised:.1f} s are there): copy or export it again.")
