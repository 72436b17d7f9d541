"""The invisible mark: what is read after each attack, how faint it is, what it costs, and false alarms. One table.

    python benchmarks/marks.py                      # pictures of scikit-image and synthetic ones
    python benchmarks/marks.py --videos FOLDER      # and real videos from a folder
    python benchmarks/marks.py --unmarked 5000      # more pictures for the false alarms

An attack's row says how many of the pictures were read, the least and the median score (11 and more is read), and how
many bits of those that were read are wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "provenance"))

from marked_pictures import as_jpeg, cropped, decode, encode, psnr, scaled, swaying, textured

from vlogger_backend.provenance import reading
from vlogger_backend.provenance.code import Payload
from vlogger_backend.provenance.mark import Marker
from vlogger_backend.provenance.reading import LEAST_SCORE, read_mark

Picture = np.ndarray
ATTACKS: dict[str, Callable[[Picture], Picture]] = {
    "none": lambda p: p,
    "JPEG quality 70": lambda p: as_jpeg(p, 70),
    "JPEG quality 50": lambda p: as_jpeg(p, 50),
    "JPEG quality 30": lambda p: as_jpeg(p, 30),
    "scaled to 50 %": lambda p: scaled(p, 0.5),
    "scaled to 73 %": lambda p: scaled(p, 0.73),
    "scaled to 200 %": lambda p: scaled(p, 2),
    "10 % cut off": lambda p: cropped(p, 0.1),
    "20 % cut off": lambda p: cropped(p, 0.2),
    "20 % cut off, 73 %, JPEG 70": lambda p: as_jpeg(scaled(cropped(p, 0.2), 0.73), 70),
    "contrast 70 %, brighter": lambda p: np.clip(p * 0.7 + 40, 0, 255).astype(np.uint8),
    "gamma 1.6": lambda p: (255 * (p / 255) ** 1.6).astype(np.uint8),
    "noise, 6 levels": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 6, p.shape), 0, 255).astype(np.uint8),
    "blur, 1 pixel": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "mirrored": lambda p: p[:, ::-1],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="a folder of videos")
    parser.add_argument("--unmarked", type=int, default=300)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = photos()
    faintness(pictures)
    attacks(pictures)
    videos(options.videos)
    false_alarms(options.unmarked, options.videos)


def photos() -> dict[str, Picture]:
    import skimage.data as data

    grey = data.camera()
    return {
        "astronaut": data.astronaut(),
        "coffee": data.coffee(),
        "cat": data.chelsea(),
        "camera": np.repeat(grey[..., None], 3, 2),
        "rocket": data.rocket(),
        "synthetic 720p": textured(720, 1280),
        "synthetic 256": textured(256, 256, 1),
        "synthetic 128": textured(128, 128, 2),
    }


def faintness(pictures: dict[str, Picture]) -> None:
    print(f"{'picture':<18}{'size':>12}{'PSNR dB':>10}{'RMS levels':>12}{'ms':>8}")
    for name, picture in {**pictures, "synthetic 4K": textured(2160, 3840)}.items():
        marker = Marker(Payload("5eed0001"))
        marked = marker.mark(picture)
        seconds = []
        for _ in range(7):
            start = time.process_time()
            marker.mark(picture)
            seconds.append(time.process_time() - start)
        height, width = picture.shape[:2]
        rms = math.sqrt(np.mean((marked.astype(float) - picture) ** 2))
        print(
            f"{name:<18}{f'{width}x{height}':>12}{psnr(picture, marked):>10.1f}{rms:>12.2f}{min(seconds) * 1e3:>8.1f}"
        )


def attacks(pictures: dict[str, Picture]) -> None:
    print(f"\n{'one picture, after':<34}{'read':>8}{'least':>8}{'median':>8}{'wrong bits':>12}{'s to read':>11}")
    for name, attack in ATTACKS.items():
        scores, wrong, seconds = [], [], []
        for index, picture in enumerate(pictures.values()):
            payload = Payload(f"{0x5EED0001 * (index + 1) & 0xFFFFFFFF:08x}")
            attacked = attack(Marker(payload).mark(picture))
            start = time.process_time()
            found = read_mark([attacked])
            seconds.append(time.process_time() - start)
            wrong.append(32 if found is None else (int(found.payload.take, 16) ^ int(payload.take, 16)).bit_count())
            scores.append(found.score if found else 0.0)
        read = sum(bits == 0 for bits in wrong)
        print(
            f"{name:<34}{f'{read}/{len(wrong)}':>8}{min(scores):>8.1f}{float(np.median(scores)):>8.1f}"
            f"{max((b for b, s in zip(wrong, scores, strict=True) if s), default=0):>12}{np.mean(seconds):>11.1f}"
        )


def videos(folder: Path | None) -> None:
    import skimage.data as data

    clips = {"astronaut, head moving": swaying(data.astronaut(), 75)}
    for path in sorted(folder.iterdir())[:6] if folder else []:
        clips[path.name] = decode(path)[:75]
    print(
        f"\n{'video':<26}{'PSNR':>6}{'flicker':>9}{'bytes':>8}"
        f"{'as written':>12}{'half bitrate':>14}{'a third':>9}{'half, its 1st frame':>21}{'half size':>11}"
    )
    for name, frames in clips.items():
        marker = Marker(Payload("5eed0001"))
        marked = [marker.mark(frame) for frame in frames]
        added = [a.astype(int) - b for a, b in zip(marked, frames, strict=True)]
        flicker = np.mean([np.abs(a - b).mean() for a, b in pairwise(added)])
        with tempfile.TemporaryDirectory() as there:
            plain = encode(Path(there) / "plain.mp4", frames, 18).stat().st_size
            first = encode(Path(there) / "first.mp4", marked, 18)
            decoded = decode(first)
            size = first.stat().st_size
            half = decode(smaller(decoded, size * 0.5, Path(there)))
            third = decode(smaller(decoded, size * 0.33, Path(there)))
            small = [
                cv2.resize(f, (f.shape[1] // 4 * 2, f.shape[0] // 4 * 2), interpolation=cv2.INTER_AREA) for f in decoded
            ]
            small = decode(encode(Path(there) / "small.mp4", small, 18))
        shown = [score(decoded), score(half), score(third), score(half[:1]), score(small)]
        quality = np.mean([psnr(a, b) for a, b in zip(marked[::10], frames[::10], strict=True)])
        print(
            f"{name:<26}{quality:>6.1f}{flicker:>9.3f}{size / plain - 1:>+8.0%}"
            f"{shown[0]:>12}{shown[1]:>14}{shown[2]:>9}{shown[3]:>21}{shown[4]:>11}"
        )


def smaller(frames: list[Picture], size: float, folder: Path) -> Path:
    """Encoded again with the best quality that has at most so many bytes."""
    for crf in np.arange(18, 45, 0.5):
        path = encode(folder / "smaller.mp4", frames, float(crf))
        if path.stat().st_size <= size:
            return path
    return path


def score(frames: list[Picture]) -> str:
    """The score as `vlogger verify` reads a video: its key frames (the first here), then one frame in ten."""
    found = read_mark(frames[:1]) or read_mark(frames[::10])
    return "no" if found is None or found.payload.take != "5eed0001" else f"{found.score:.1f}"


def false_alarms(count: int, folder: Path | None) -> None:
    """Pictures without a mark: how many are read, and how the score of a place is distributed beside its bound.

    The scores at all shifts of a square, at some of its sizes, are millions a picture: so the tail is seen as far as
    one in a billion, and what a mark must reach is five such scores together.
    """
    from scipy.fft import ifft2

    tried = found = places = 0
    levels = (3.0, 4.0, 5.0, 5.5, 6.0)
    above = dict.fromkeys(levels, 0)
    y, x = reading.groups()[0].T
    for picture in unmarked(count, folder):
        tried += 1
        found += read_mark([picture]) is not None
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for size in (128.0, 140.7, 163.3, 190.1):
            plane = reading._plane(reading._flattened(luma), (size, size))
            sums = np.zeros_like(plane)
            sums[y, x] = plane[y, x] * reading.finding_row().conj()
            scores = ifft2(sums).real * len(sums) ** 2 / math.sqrt(len(y) / 2)
            places += scores.size
            for level in levels:
                above[level] += int((scores > level).sum())
    print(f"\n{tried} pictures without a mark: {found} read as marked. Bound: {bound():.0e} of all.")
    print(f"of {places:.1e} scores of places without a mark:")
    print(f"{'above':>7}{'measured':>12}{'normal':>12}{'bound':>12}")
    for level in levels:
        normal = math.erfc(level / math.sqrt(2)) / 2
        print(f"{level:>7.1f}{above[level] / places:>12.1e}{normal:>12.1e}{math.exp(-(level**2) / 2):>12.1e}")


def bound() -> float:
    """The chance that an unmarked picture is read as marked, at most; see `provenance/reading.py`."""
    return float(2.0**58 * math.exp(-(LEAST_SCORE**2) / 2))


def unmarked(count: int, folder: Path | None) -> Iterator[Picture]:
    """Crops of photos at random places and sizes, mirrored or coded, synthetic pictures, frames of videos."""
    random = np.random.default_rng(5)
    sources = [picture for name, picture in photos().items() if not name.startswith("synthetic")]
    for path in sorted(folder.iterdir())[:6] if folder else []:
        sources += decode(path)[::15]
    for index in range(count):
        if index % 5 == 4:
            yield textured(int(random.integers(128, 400)), int(random.integers(128, 400)), index)
            continue
        source = sources[index % len(sources)]
        height, width = source.shape[:2]
        size = int(random.integers(min(120, height - 1), min(height, width)))
        top, left = int(random.integers(height - size)), int(random.integers(width - size))
        part = source[top : top + size, left : left + size]
        picture = cv2.resize(part, None, fx=(zoom := float(random.uniform(0.7, 1.6))), fy=zoom)
        yield as_jpeg(picture, int(random.integers(40, 95))) if index % 2 else picture


if __name__ == "__main__":
    main()
