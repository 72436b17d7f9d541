"""A shot: a portrait performing a take, painted, over a background, in a file.

What a renderer paints is kept beside the file until it is whole, frame by frame, in a folder that is named by all that
these pixels depend on. So a shot that was interrupted goes on where it stopped, and another request never sees them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from .. import __version__
from ..camera import Camera
from ..errors import InputError
from ..files import cannot_write, check_writable, lock, writing
from ..motion.take import hash_of, read_take
from ..painting import Painting
from ..portraits.storage import read_portrait
from ..progress import Progress, no_progress
from ..provenance.credentials import sign
from ..provenance.provenance import Provenance
from .aside import remark_on
from .backgrounds import Background, open_background
from .compositing import straight_over
from .figure import figure_of
from .frame_files import Output, encoded, png
from .moves import shot_camera
from .registry import check_ready, open_renderer
from .renderer import Renderer, Scene
from .stage import Picture
from .video import write_video

Frames = Generator[tuple[int, Picture], None, None]

_KEY = 12
"""Characters of a hash that tell two requests apart."""
_LOCK = "painting"
"""The file in the folder that whoever paints there holds."""


@dataclass(frozen=True)
class Painted:
    """What came of it.

    frames : how many the shot has
    kept   : how many of them were painted before, by a run that was interrupted
    remark : what is to be said about it, or nothing
    """

    frames: int
    kept: int
    remark: str


def paint_shot(
    outputs: Sequence[Path],
    take: Path,
    portrait: Path,
    painting: Painting,
    sound: Path | None = None,
    progress: Progress = no_progress,
    watch: Callable[[int, Picture], None] | None = None,
    keep: bool = True,
    beside: Callable[[int], Picture] | None = None,
) -> Painted:
    """Paint the take of one file performed by the portrait of another, into `outputs`, each as `Output.of` says; at
    most one of them is a video, which gets `sound`.

    Every frame has the invisible mark, if the painting doesn't leave it out, and every file content credentials.
    `watch` is called with each frame's number and picture (H, W, 3, or 4 if there is no background) when its own files
    are there. With `keep`, what was painted is kept if it is interrupted (by an exception of `progress`), and gone
    on from. `beside` gives what stands left of each frame, in order: a picture (H, any width, 3), for shots with a
    background. Memory doesn't grow with length.

    Raises InputError for whatever the user can mend.
    """
    wanted = [Output.of(path) for path in outputs]
    motion = read_take(take).motion
    person = read_portrait(portrait)
    last = len(motion) - 1 if painting.last is None else painting.last
    if not painting.first <= last < len(motion):
        raise InputError(f"{take} has no frames {painting.first} to {last}; it has {len(motion)}, counted from 0.")
    camera = shot_camera(person, painting, motion.fps, painting.first, last)
    _check_outputs(wanted, painting, camera, last)
    opened = open_renderer(painting.renderer)
    check_ready(opened.renderer, (camera.width, camera.height))
    figure = None if painting.body is None else figure_of(person, painting.body, progress)
    scene = Scene(person, motion, camera, painting.first, last, painting.seed, figure=figure)
    provenance = Provenance(
        hash_of(take), painting.seed, opened.renderer.name, opened.source, person.source, person.consent.statement,
        painting.mark,
    )  # fmt: skip
    work = _work_folder(wanted[0], _key(scene, provenance.take, hash_of(portrait), opened.identity))
    renderer = open_renderer(painting.renderer, work / "renderer").renderer if keep else opened.renderer
    with ExitStack() as stack:
        behind = open_background(painting.background, person, (camera.width, camera.height), motion.fps)
        if behind is not None:
            stack.enter_context(closing(behind))
        alone = _locked(work, outputs[0])
        stack.callback(_clear, work, all_of_it=not keep)
        stack.enter_context(alone)
        kept = _kept_frames(scene, work) if keep else 0
        frames: Frames = _painted(renderer, scene, work if keep else None, kept, progress)
        frames = _signed(stack.enter_context(closing(frames)), scene, behind, provenance, beside)
        for output in wanted:
            if not output.video:
                frames = _into_files(frames, output, provenance, work)
        frames = stack.enter_context(closing(_watched(frames, watch) if watch else frames))
        videos = [output.path for output in wanted if output.video]
        if videos:
            unsigned = work / videos[0].name
            write_video(unsigned, (p for _, p in frames), motion.fps, sound, painting.first / motion.fps)
            sign(unsigned, provenance, videos[0])
        else:
            for _ in frames:
                pass
        _clear(work, all_of_it=True)
    return Painted(last - painting.first + 1, kept, remark_on(scene))


def _check_outputs(wanted: Sequence[Output], painting: Painting, camera: Camera, last: int) -> None:
    if sum(output.video for output in wanted) > 1:
        raise InputError("A shot is written into one video; name one .mp4.")
    for output in wanted:
        if output.video and painting.background == "none":
            raise InputError(f"{output.path} can't hold alpha; choose a background, or a folder of PNGs instead.")
        if output.video and (camera.width % 2 or camera.height % 2):
            raise InputError(
                f"H.264 needs an even width and height; {camera.width} x {camera.height} is not. Change the camera's."
            )
        if not (output.video or output.sequence) and last != painting.first:
            raise InputError(
                f"{output.path} is one picture and {last - painting.first + 1} frames are asked for; choose one with "
                "--from and --to, or give a folder or a name with ####."
            )
        check_writable(output.file(painting.first))


def _key(scene: Scene, take: str, portrait: str, renderer: str) -> str:
    """All that the renderer's pixels depend on, as a hash."""
    said = [__version__, take, portrait, renderer, asdict(scene.camera), scene.first, scene.last, scene.seed]
    said += [scene.figure.made_of] if scene.figure else []
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_KEY]


def _work_folder(output: Output, key: str) -> Path:
    path = output.path.parent if output.sequence and output.path.name.startswith("#") else output.path
    return path.with_name(f".{path.name}-{key}")


def _locked(work: Path, output: Path) -> IO[bytes]:
    """A file in the folder, which is made; while it is open, no other process can paint there."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        file = open(work / _LOCK, "ab")  # noqa: SIM115 (the caller closes it)
    except OSError as error:
        raise cannot_write(work, error) from error
    if not lock(file):
        file.close()
        raise InputError(f"{output} is just being painted by another vlogger; wait for that, or choose another name.")
    return file


def _clear(work: Path, all_of_it: bool) -> None:
    """Remove the folder; without `all_of_it` only if there is nothing in it to go on from."""
    if all_of_it:
        shutil.rmtree(work, ignore_errors=True)
    with suppress(OSError):
        (work / _LOCK).unlink(missing_ok=True)
        work.rmdir()


def _frame_file(work: Path, frame: int) -> Path:
    return work / f"{frame:06d}.png"


def _kept_frames(scene: Scene, work: Path) -> int:
    """How many of the scene's frames are there already, from its first on."""
    count = 0
    while scene.first + count <= scene.last and _frame_file(work, scene.first + count).is_file():
        count += 1
    return count


def _painted(renderer: Renderer, scene: Scene, work: Path | None, kept: int, progress: Progress) -> Frames:
    """The frames as they were kept, then as they are painted, which are kept in `work`."""
    for frame in range(scene.first, scene.first + kept):
        progress("Reading what was painted before", (frame - scene.first) / kept)
        assert work is not None
        yield frame, _read(_frame_file(work, frame), scene)
    if scene.first + kept > scene.last:
        return
    rest = replace(scene, start=scene.first + kept) if kept else scene
    with closing(renderer.paint(rest, progress)) as frames:
        for frame, picture in frames:
            if work is not None:
                with writing(_frame_file(work, frame)) as temporary:
                    temporary.write_bytes(png(picture))
            yield frame, picture


def _read(path: Path, scene: Scene) -> Picture:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG",)) as image:
            picture = np.array(image)
        if picture.shape != (scene.camera.height, scene.camera.width, 4):
            raise ValueError("another size")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError) as error:
        raise InputError(
            f"{path}, which was painted before, is damaged; remove {path.parent} and begin again."
        ) from error
    return picture


def _signed(
    frames: Frames,
    scene: Scene,
    behind: Background | None,
    provenance: Provenance,
    beside: Callable[[int], Picture] | None,
) -> Frames:
    """The frames over the background, with the mark."""
    poses, fields = scene.camera.over(scene.last - scene.first + 1)
    for frame, picture in frames:
        index = frame - scene.first
        back = None if behind is None else behind.behind(frame, poses[index], float(fields[index]))
        shown = picture if back is None else straight_over(picture, back)
        if beside is not None:
            shown = np.hstack([beside(frame), shown])
        yield frame, provenance.mark_frame(shown)


def _into_files(frames: Frames, output: Output, provenance: Provenance, work: Path) -> Frames:
    """The same frames, each in a file of its own."""
    suffix = output.path.suffix.lower()
    unsigned = work / f"unsigned{suffix}"
    with closing(frames):
        for frame, picture in frames:
            try:
                unsigned.write_bytes(encoded(picture, suffix))
            except OSError as error:
                raise cannot_write(output.file(frame), error) from error
            sign(unsigned, provenance, output.file(frame))
            unsigned.unlink(missing_ok=True)
            yield frame, picture


def _watched(frames: Frames, watch: Callable[[int, Picture], None]) -> Frames:
    with closing(frames):
        for frame, picture in frames:
            watch(frame, picture)
            yield frame, picture
