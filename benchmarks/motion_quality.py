"""Does the body move as people do, and with the voice? Measures performances beside a shuffled pairing.

    python benchmarks/motion_quality.py [SOUND_OR_FOLDER...] [--seeds 3] [--fps 30]

Without sounds, a few lines are spoken by the built-in voice. Every sound is performed with each seed and measured
against its own sound, and against the next one's ("shuffled": what chance gives). The definitions:

beat consistency   PantoMatrix's BC: audio beats are librosa onsets (16 kHz, hop 512); a joint's beats are the local
                   minima of its speed (order 7) where speed over its mean is above 0.3; BC is the mean over audio
                   beats of exp(-d^2 / (2 * 0.3^2)), d the time to the nearest motion beat, averaged over the joints
                   3, 6, 9 and 12 to 21
jerk               mean norm of the third difference of the joints' places times fps^3, m/s^3
L1 diversity       mean over frames of the summed distance of the joints' coordinates from their means, m
blinks             per minute; gaps' mean and coefficient of variation; 10 to 90 % of closing and of opening
lead               accent's peak minus the wrist's slowest moment at the end of the stroke, s
arrivals           moments at which a wrist that moved at 0.4 m/s or more (seen from its shoulder) has slowed to 30 %
                   of its peak speed, found in the motion alone; preparations and retractions are among them.
                   "on an accent" is the share that lead some accent by -0.05 to 0.15 s
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.motion.speech import Speech
from vlogger_backend.performance.perform import plan
from vlogger_backend.performance.skeleton import joint_positions
from vlogger_backend.request import Style
from vlogger_backend.speech.audio import RATE, open_sound
from vlogger_backend.speech.listen import Listener
from vlogger_backend.speech.voice import say

Floats = NDArray[np.float64]

LINES = (
    "I never said that we should leave tonight. I said that we should think about it, and then decide together.",
    "Look, there are three things you have to know. First, it's dark. Second, it's cold. And third, nobody is coming.",
    "When my grandmother was young, she walked to school through the snow, every single morning, and she loved it!",
    "Wait, what? You sold the car? Without asking anybody? That is the most ridiculous thing I've heard all year.",
    "Thank you all for coming. It means a lot to me, really, because this house has never been so full of people.",
    "The trick is to go slowly. Put the big pieces in first, then the small ones, and leave the corners until the end.",
)
FINE = 120.0  # frames per second for the timing of blinks and strokes
BEAT_JOINTS = [3, 6, 9, *range(12, 22)]


@dataclass(frozen=True)
class Performed:
    """One sound, performed with one seed."""

    speech: Speech
    onsets: Floats
    joints: Floats
    blink: Floats
    arrivals: Floats
    apexes: Floats
    """Seconds at which the wrist was slowest at the end of each stroke, measured, beside the accents meant, (N, 2)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fps", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = list(found(options.sounds)) or spoken(Path(folder))
        listener = Listener()
        heard = []
        for path in paths:
            try:
                heard.append((listener.listen(path), onsets(path)))
            except InputError as error:
                print(error)
    if not heard:
        raise SystemExit("None of these is a sound that can be read: name a folder that holds some.")
    rows = [perform(*h, seed, options.fps) for seed in range(options.seeds) for h in heard]
    report(rows, rows[1:] + rows[:1], options.fps)


def found(sounds: Sequence[Path]) -> list[Path]:
    """The files named, and those in the folders named."""
    files = [f for s in sounds for f in (sorted(s.iterdir()) if s.is_dir() else [s])]
    return [f for f in files if f.suffix.lower() in {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".mp4"}]


def spoken(folder: Path) -> list[Path]:
    """The built-in lines, as sound files in `folder`."""
    paths = [folder / f"{i}.wav" for i in range(len(LINES))]
    for line, path in zip(LINES, paths, strict=True):
        say(line, path)
    return paths


def onsets(path: Path) -> Floats:
    """Audio beats, seconds."""
    import librosa

    samples = np.concatenate(list(open_sound(path).blocks()))
    samples = librosa.resample(samples, orig_sr=RATE, target_sr=16000) if RATE != 16000 else samples
    return np.asarray(librosa.onset.onset_detect(y=samples, sr=16000, hop_length=512, units="time"))


def perform(speech: Speech, beats: Floats, seed: int, fps: float) -> Performed:
    """The joints at `fps`; blinks and apexes in fine time."""
    whole = plan(speech, Style(), seed)
    motion = whole.at(np.arange(max(round(speech.duration * fps), 1)) / fps, fps)
    times = np.arange(round(speech.duration * FINE)) / FINE
    fine = whole.at(times, FINE)
    joints = joint_positions(fine.poses, fine.trans)
    speeds = []
    for side in ("left", "right"):
        # seen from the shoulder, since the body moves too
        wrist = joints[:, JOINT_INDEX[side + "_wrist"]] - joints[:, JOINT_INDEX[side + "_shoulder"]]
        speeds.append(np.linalg.norm(np.gradient(wrist, 1 / FINE, axis=0), axis=1))
    apexes = []
    for stroke in whole.arms.gestures.strokes:
        end = np.flatnonzero((times > stroke.apex - 0.1) & (times < stroke.apex + 0.15))
        if len(end):
            apexes.append((times[end[np.argmin(speeds[stroke.hands[0]][end])]], stroke.accent))
    return Performed(
        speech,
        beats,
        joint_positions(motion.poses, motion.trans),
        fine.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]].astype(np.float64),
        np.concatenate([arrivals(speed) for speed in speeds]),
        np.asarray(apexes).reshape(-1, 2),
    )


def report(rows: list[Performed], others: list[Performed], fps: float) -> None:
    """Print the table."""
    seconds = sum(r.speech.duration for r in rows)
    weights = [r.speech.duration for r in rows]
    blinks = [blink_times(r.blink) for r in rows]
    gaps = np.concatenate([np.diff(b[:, 0]) for b in blinks])
    closing, opening = np.concatenate([b[:, 1:] for b in blinks]).T
    leads = np.concatenate([r.apexes[:, 1] - r.apexes[:, 0] for r in rows])
    strokes = sum(len(r.apexes) for r in rows)
    beat = np.average([beat_consistency(r.joints, r.onsets, fps) for r in rows], weights=weights)
    chance = [beat_consistency(r.joints, o.onsets[o.onsets < len(r.joints) / fps], fps)
              for r, o in zip(rows, others, strict=True)]  # fmt: skip
    hit = np.concatenate([on_accent(r.arrivals, r.speech) for r in rows])
    miss = np.concatenate([on_accent(r.arrivals, o.speech) for r, o in zip(rows, others, strict=True)])
    wrists = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]
    print(f"{len(rows)} performances, {seconds:.0f} s\n{'':<34}{'own sound':>12}{'shuffled':>12}")
    table: list[tuple[str, float, float | None]] = [
        ("beat consistency", float(beat), float(np.average(chance, weights=weights))),
        ("arrivals on an accent", float(hit.mean()), float(miss.mean())),
        ("median lead of the apex, s", float(np.median(leads)), None),
        ("spread (SD) of the lead, s", float(leads.std()), None),
        ("strokes per minute", 60 * strokes / seconds, None),
        ("jerk, all joints, m/s^3", float(np.mean([jerk(r.joints, fps) for r in rows])), None),
        ("jerk, wrists, m/s^3", float(np.mean([jerk(r.joints[:, wrists], fps) for r in rows])), None),
        ("L1 diversity, m", float(np.mean([diversity(r.joints) for r in rows])), None),
        ("blinks per minute", 60 * sum(map(len, blinks)) / seconds, None),
        ("mean gap between blinks, s", float(gaps.mean()), None),
        ("gaps' coefficient of variation", float(gaps.std() / gaps.mean()), None),
        ("closing (10 to 90 %), s", float(closing.mean()), None),
        ("opening (90 to 10 %), s", float(opening.mean()), None),
    ]
    for name, own, shuffled in table:
        print(f"{name:<34}{own:>12.3f}" + (f"{shuffled:>12.3f}" if shuffled is not None else ""))


def beat_consistency(joints: Floats, beats: Floats, fps: float) -> float:
    """(T, J, 3) places and audio beats in seconds -> BC."""
    from scipy.signal import argrelextrema

    if not len(beats):
        return 0.0
    speed = np.linalg.norm(np.gradient(joints[:, BEAT_JOINTS], 1 / fps, axis=0), axis=2)
    speed /= np.maximum(speed.mean(axis=0), 1e-9)
    scores = []
    for one in speed.T:
        slow = argrelextrema(one, np.less, order=7)[0]
        own = slow[one[slow] > 0.3] / fps
        distance = np.abs(beats[:, None] - own).min(axis=1) if len(own) else np.full(len(beats), np.inf)
        scores.append(np.exp(-(distance**2) / (2 * 0.3**2)).mean())
    return float(np.mean(scores))


def jerk(joints: Floats, fps: float) -> float:
    """(T, J, 3) -> m/s^3."""
    return float(np.linalg.norm(np.diff(joints, 3, axis=0) * fps**3, axis=2).mean())


def diversity(joints: Floats) -> float:
    """(T, J, 3) -> m."""
    return float(np.abs(joints - joints.mean(axis=0)).sum(axis=(1, 2)).mean())


def blink_times(weight: Floats) -> Floats:
    """A lid's weight at `FINE` -> (N, 3) per blink: when it is first closed, and how long closing and opening took."""
    shut = np.flatnonzero((weight[1:] > 0.7) & (weight[:-1] <= 0.7)) + 1
    rows = []
    for i in shut:
        stop = i + int(np.argmax(np.append(weight[i:], 0.0) < 0.5))
        peak = i + int(np.argmax(weight[i:stop]))
        before, after = weight[max(peak - 60, 0) : peak + 1], weight[peak : peak + 120]
        # between 10 and 90 % of this blink's own way, since lids hang lower when the eyes look down
        down = (before - before[-24:].min()) / (before[-1] - before[-24:].min())
        up = (after - after.min()) / (after[0] - after.min())
        closing = np.count_nonzero((down[-24:] > 0.1) & (down[-24:] < 0.9)) / FINE
        opening = np.argmax(up < 0.1) / FINE - np.argmax(up < 0.9) / FINE
        rows.append((peak / FINE, closing, opening))
    return np.asarray(rows).reshape(-1, 3)


def arrivals(speed: Floats) -> Floats:
    """A wrist's speed (m/s) at `FINE` -> seconds at which its quicker movements have all but stopped."""
    from scipy.signal import find_peaks

    peaks = find_peaks(speed, height=0.4, distance=round(0.15 * FINE))[0]
    return np.array([(p + np.argmax(speed[p:] < 0.3 * speed[p])) / FINE for p in peaks])


def on_accent(apexes: Floats, speech: Speech) -> NDArray[np.bool_]:
    """Which of the moments lead an accent of `speech` by -0.05 to 0.15 s."""
    accents = np.array([a.time for a in speech.accents])
    lead = accents[None] - apexes[:, None]
    return np.asarray(((lead > -0.05) & (lead < 0.15)).any(axis=1)) if len(accents) else np.zeros(len(apexes), bool)


if __name__ == "__main__":
    main()
