"""How true the built-in renderer is: `python benchmarks/reenactment.py VIDEO...`.

The first frame of a video becomes a portrait, the face is followed through the video, and the portrait performs that
motion. Each painted frame is compared with the true one, beside two baselines: the still photo, and the warp of the
photo alone, without the painter. Nothing of the videos is kept.

    PSNR, SSIM   whole picture, face (the landmarks' box) and mouth (the lips' box, half as large again)
    lips         mean distance of the lips' landmarks that MediaPipe finds in the painted and in the true frame, in
                 distances between the eyes
    gap r        correlation of the gap between the lips, found so in the painted frames, with the motion's own
    flicker      mean difference of consecutive painted frames where the photo's background shows, in levels of 255
"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.motion import Motion
from vlogger_backend.portraits.finding import find_faces
from vlogger_backend.portraits.fitting import fit_face
from vlogger_backend.portraits.head import load_head
from vlogger_backend.portraits.landmarks import INNER_LIPS, LEFT_PUPIL, LOWER_LIP, OUTER_LIPS, RIGHT_PUPIL, UPPER_LIP
from vlogger_backend.portraits.matte import colours_of, matte_of
from vlogger_backend.portraits.plate import plate_of
from vlogger_backend.portraits.portrait import Consent, Portrait
from vlogger_backend.portraits.tracking import track
from vlogger_backend.renderers.builtin.painter import Painter
from vlogger_backend.renderers.builtin.puppet import Puppet
from vlogger_backend.renderers.compositing import over
from vlogger_backend.renderers.figure import built_in_figure

Pictures = NDArray[np.uint8]
LIPS = [*INNER_LIPS, *OUTER_LIPS]


def frames_of(video: Path) -> tuple[Pictures, float]:
    """All frames (T, H, W, 3) of a short video, and its frame rate."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(stream)]), float(stream.average_rate)


def portrait_of(picture: Pictures) -> Portrait:
    faces = find_faces(picture)
    fit = fit_face(picture.shape[1::-1], faces[0].landmarks)
    matte, people = matte_of(picture, faces[0], faces[1:])
    foreground, background = colours_of(picture, matte, plate_of(picture, matte, people))
    return Portrait("clip", picture, matte, foreground, background, fit, Consent("", ""), "")


def performed(portrait: Portrait, motion: Motion, weights: Path | None) -> tuple[Pictures, Pictures]:
    """The frames (T, H, W, 3) by the warp alone, and painted."""
    height, width = portrait.picture.shape[:2]
    view = portrait.fit.camera.pinhole()
    warped, painted = [], []
    with closing(Puppet(built_in_figure(portrait).person, portrait, (width, height))) as puppet:
        painter = Painter(portrait.picture, puppet.patches_in_photo(), 0, *([weights] if weights else []))
        for index in range(len(motion)):
            moment = motion.poses[index], motion.trans[index], motion.arkit[index]
            frame = puppet.frame(*moment, view.pose, view.field)
            warped.append(over(frame.picture, portrait.background))
            painted.append(over(painter.paint(frame, portrait.background), portrait.background))
    return np.stack(warped), np.stack(painted)


def box_of(points: NDArray[np.float32], margin: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    low, high = points.min(axis=0), points.max(axis=0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    low, high = np.clip(np.floor([low, high]).astype(int), 0, shape[1::-1])
    return slice(low[1], high[1]), slice(low[0], high[0])


def psnr(one: Pictures, other: Pictures) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one.astype(float) - other) ** 2), 1e-9)))


def measured(
    painted: Pictures,
    truth: Pictures,
    landmarks: NDArray[np.float32],
    motion_gap: NDArray[np.float64],
    matte: Pictures,
) -> dict[str, float]:
    found = {}
    whole = (slice(None), slice(None))
    for name in ("all", "face", "mouth"):
        scores, likeness = [], []
        for frame, true, points in zip(painted, truth, landmarks, strict=True):
            box = {
                "all": whole,
                "face": box_of(points, 0.05, frame.shape),
                "mouth": box_of(points[LIPS], 0.5, frame.shape),
            }[name]
            a, b = frame[box], true[box]
            scores.append(psnr(a, b))
            side = min(7, min(a.shape[:2]) // 2 * 2 - 1)
            likeness.append(structural_similarity(a, b, channel_axis=2, win_size=side))
        found[f"{name} PSNR"], found[f"{name} SSIM"] = float(np.mean(scores)), float(np.mean(likeness))
    again = landmarks_of(painted)
    between = np.linalg.norm(landmarks[:, LEFT_PUPIL] - landmarks[:, RIGHT_PUPIL], axis=1)
    seen = np.isfinite(again).all(axis=(1, 2))
    apart = np.linalg.norm(again[:, LIPS] - landmarks[:, LIPS], axis=2).mean(axis=1) / between
    found["lips"] = float(apart[seen].mean())
    gap = np.linalg.norm(again[:, UPPER_LIP] - again[:, LOWER_LIP], axis=1) / between
    found["gap r"] = float(np.corrcoef(gap[seen], motion_gap[seen])[0, 1]) if gap[seen].std() > 1e-6 else 0.0
    still = matte == 0
    steps = np.abs(np.diff(painted.astype(np.int16), axis=0)).mean(axis=3)
    found["flicker"] = float(steps[:, still].mean()) if still.any() else 0.0
    return found


def landmarks_of(frames: Pictures) -> NDArray[np.float32]:
    """(T, 478, 2) by MediaPipe, each frame by itself; not a number where it finds no face."""
    import mediapipe

    found = np.full((len(frames), 478, 2), np.nan, np.float32)
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for index, frame in enumerate(frames):
            faces = mesh.process(np.ascontiguousarray(frame)).multi_face_landmarks
            if faces:
                found[index] = [(p.x * frame.shape[1], p.y * frame.shape[0]) for p in faces[0].landmark]
    return found


def lip_gaps(portrait: Portrait, motion: Motion) -> NDArray[np.float64]:
    """Of the motion, metres between the lips' middles."""
    head = load_head()
    person = replace(head.avatar, vertices=portrait.fit.vertices)
    rows = head.landmarks[[UPPER_LIP, LOWER_LIP]]
    gaps = []
    for arkit in motion.arkit:
        upper, lower = rows @ posed_vertices(person, np.zeros((55, 3)), np.zeros(3), arkit)
        gaps.append(np.linalg.norm(upper - lower))
    return np.array(gaps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, help="the painter's, if not the shipped ones")
    parser.add_argument("--keep", type=Path, help="a folder for strips of the frames: true, warp, painted")
    options = parser.parse_args()
    rows = {}
    for video in options.videos:
        truth, rate = frames_of(video)
        portrait = portrait_of(truth[0])
        tracked = track(iter(truth), portrait.fit, rate)
        warped, painted = performed(portrait, tracked.motion, options.weights)
        still = np.repeat(truth[:1], len(truth), axis=0)
        true_landmarks = landmarks_of(truth)
        gaps = lip_gaps(portrait, tracked.motion)
        for name, frames in (("still photo", still), ("warp alone", warped), ("painted", painted)):
            rows[video.stem, name] = measured(frames, truth, true_landmarks, gaps, portrait.matte)
        if options.keep:
            _strip(options.keep / f"{video.stem}.png", truth, warped, painted, true_landmarks)
    names = list(next(iter(rows.values())))
    print("| clip | frames | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names))
    for (clip, name), row in rows.items():
        print(f"| {clip} | {name} | " + " | ".join(f"{value:.4g}" for value in row.values()) + " |")


def _strip(path: Path, truth: Pictures, warped: Pictures, painted: Pictures, landmarks: NDArray[np.float32]) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    gap = np.linalg.norm(landmarks[:, UPPER_LIP] - landmarks[:, LOWER_LIP], axis=1)
    chosen = sorted({0, int(np.nanargmax(gap)), *np.linspace(0, len(truth) - 1, 7).astype(int).tolist()})
    columns = []
    for index in chosen:
        box = box_of(landmarks[index], 0.15, truth[index].shape)
        cut = [Image.fromarray(frames[index][box]) for frames in (truth, warped, painted)]
        columns.append(np.vstack([np.asarray(c.resize((360, 440), Image.Resampling.BICUBIC)) for c in cut]))
    Image.fromarray(np.hstack(columns)).save(path)


if __name__ == "__main__":
    main()
