"""Wan-Animate as a renderer: a video diffusion transformer that moves the photo by a pose video and a face video, which
are made from the take. The user gives the weights, and we have never had any.

Wan-Animate (Cheng et al. 2025), by diffusers' WanAnimatePipeline. A long shot is painted in segments, each of which
begins with the last frames of the one before. These are kept as the 8-bit pixels that were yielded, so a shot that was
interrupted goes on as it would have.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import writing
from ..progress import Progress, no_progress
from .alpha import PersonAlpha
from .controls import ControlStage
from .face_video import face_video
from .memory import Memory, Placing, bytes_of_number, let_go, loaded, place, placing, readiness
from .padding import cropped, paintable
from .renderer import Readiness, Renderer, Scene
from .skeleton import draw_wan_pose
from .stage import Picture
from .warp import Warp
from .weights import Weights, loading, located, read_config, read_weights

_PAINTING = "Painting with Wan-Animate"
_MULTIPLE, _SIDES = 16, range(64, 1280 + 1, 64)
_FILES = ("model_index.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors")
_PARTS = {
    "transformer": ["WanAnimateTransformer3DModel"],
    "vae": ["AutoencoderKLWan"],
    "image_encoder": ["CLIPVisionModel", "CLIPVisionModelWithProjection"],
    "text_encoder": ["UMT5EncoderModel", "T5EncoderModel"],
}
_TOKEN_COST, _PIXEL_COST = 12.0, 600.0
"""What denoising takes, in numbers for each of the transformer's channels and each token of a segment, and what
decoding takes, in numbers for each pixel of one frame. Estimates."""
_WORDS = 512
_BLACK_BORDER = 10
"""Pixels round the person that are painted too before a background of one's own: three dilations by 7, as there."""


@dataclass(frozen=True)
class WanAnimate:
    """Wan2.2-Animate.

    model   : a folder in diffusers' layout (Wan-AI/Wan2.2-Animate-14B-Diffusers), or that name on the hub
    mode    : "animate" moves the photo, with what is behind; "replace" paints the person into the photo's background
    head    : paints the face that the face video shows; by default the warped photo
    guidance : how much the text says (classifier-free guidance); 1 is none, as it was trained
    segment : frames that are painted at once, 4n + 1
    carried : how many of them are the last ones of the segment before, 1 or 5
    kept    : a folder for what the next segment needs, from which an interrupted shot goes on; without it, it is
              painted from its beginning again, to the same pixels
    """

    model: str
    mode: Literal["animate", "replace"] = "animate"
    head: Renderer = field(default_factory=Warp)
    prompt: str = "the person in the video is talking"
    negative_prompt: str = "overexposed, blurred details, worst quality, deformed, still picture, text"
    steps: int = 20
    guidance: float = 1.0
    segment: int = 77
    carried: int = 5
    kept: Path | None = None
    name: str = "wan-animate"

    def __post_init__(self) -> None:
        if self.mode not in ("animate", "replace"):
            raise InputError(f"Wan-Animate's mode is animate or replace, not {self.mode}.")
        if self.carried not in (1, 5) or self.segment % 4 != 1 or self.segment <= 2 * self.carried:
            raise InputError(
                "Wan-Animate carries 1 or 5 frames over into segments of 4n + 1 frames, more than twice as many; take "
                "5 and 77."
            )
        if not (1 <= self.steps <= 1000 and self.guidance >= 1):
            raise InputError("Wan-Animate's steps are 1 to 1000, its guidance 1 or more.")

    def check(self) -> Readiness:
        """As `Renderer.check` says."""

        def head() -> str:
            missing = self.head.check().missing
            return f"The face video can't be painted: {missing}" if missing else ""

        needs = "Wan2.2-Animate's weights, which you give (some 45 GB), and a graphics card"
        return readiness(needs, self._models, self._placing, _SIDES, head)

    def paint(self, scene: Scene, progress: Progress = no_progress) -> Generator[tuple[int, Picture], None, None]:
        """As `Renderer.paint` says."""
        camera = paintable(scene.camera, _MULTIPLE, _SIDES, "Wan-Animate", "ask for another size.")
        larger = replace(scene, camera=camera)
        painter, device = loaded(self._models, self._placing, self._load, camera, progress)
        try:
            yield from self._frames(painter, larger, scene, progress)
        finally:
            del painter
            let_go(device)

    def _frames(
        self, painter: Any, larger: Scene, scene: Scene, progress: Progress
    ) -> Generator[tuple[int, Picture], None, None]:
        count = scene.last - scene.first + 1
        shot = segments(count, self.segment, self.carried)
        shape = self.carried, larger.camera.height, larger.camera.width, 3
        keeper = _Keeper(self.kept, self._key(larger), shape)
        wanted = scene.frames.start - scene.first
        begin, carried = keeper.before(_segment_of(shot, wanted, self.carried))
        with closing(ControlStage(larger)) as stage:
            alpha = PersonAlpha(stage)
            for index in range(begin, len(shot)):
                window = shot[index]
                pictures = self._paint_segment(painter, stage, alpha, window, carried, progress, count)
                carried = pictures[-self.carried :]
                if index + 1 < len(shot):
                    keeper.keep(index + 1, carried)
                again = self.carried if index else 0  # the frames that the segment before has already shown
                for place, picture in enumerate(pictures[again:], window.start + again):
                    if place >= wanted:
                        frame = scene.first + place
                        mask = alpha.of(frame, stage.controls(frame))
                        yield frame, cropped(np.dstack([picture, mask]), scene.camera)
                        progress(_PAINTING, (place + 1) / count)

    def _paint_segment(
        self,
        painter: Any,
        stage: ControlStage,
        alpha: PersonAlpha,
        window: range,
        carried: NDArray[np.uint8] | None,
        progress: Progress,
        count: int,
    ) -> NDArray[np.uint8]:
        """The pictures (frames, height, width, 3) of one segment, those that it was carried included."""
        import torch
        from PIL import Image

        scene = stage.scene
        size = scene.camera.width, scene.camera.height
        frames = [scene.first + place for place in window]
        drawn = [stage.controls(frame) for frame in frames]
        part = _part(scene, frames[0], frames[-1])
        start = (window.start + (self.carried if carried is not None else 0)) / count
        side = int(painter.transformer.config.motion_encoder_size)
        videos = {
            "pose_video": [draw_wan_pose(controls.points, size) for controls in drawn],
            "face_video": list(face_video(part, self.head, side, lambda stage, done: progress(_PAINTING, start))),
        }
        if self.mode == "replace":
            masks = [_painted(alpha.of(frame, controls)) for frame, controls in zip(frames, drawn, strict=True)]
            behind = _fitted(scene.portrait.background, size)
            videos["mask_video"] = [np.repeat(mask[..., None], 3, axis=2) for mask in masks]
            videos["background_video"] = [np.where(mask[..., None] > 0, 0, behind).astype(np.uint8) for mask in masks]
        short = max(self.carried + 1 - len(frames), 0)  # the pipeline needs one frame more than are carried

        def step(_: Any, index: int, __: Any, state: dict[str, Any]) -> dict[str, Any]:
            progress(_PAINTING, start + (index + 1) / self.steps / count)
            return state

        painter.carried = None if carried is None else torch.from_numpy(carried.astype(np.float32) / 127.5 - 1)
        made = painter(
            image=Image.fromarray(_fitted(scene.portrait.picture, size)),
            **{name: [Image.fromarray(f) for f in [*video, *video[-1:] * short]] for name, video in videos.items()},
            **painter.words,
            width=size[0],
            height=size[1],
            mode=self.mode,
            segment_frame_length=self.segment,
            prev_segment_conditioning_frames=self.carried,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=torch.Generator("cpu").manual_seed(_seed(scene.seed, frames[0])),
            output_type="np",
            callback_on_step_end=step,
        ).frames[0]
        return np.asarray(np.rint(np.clip(made[: len(frames)], 0, 1) * 255), np.uint8)

    def _models(self, fetch: bool) -> dict[str, Weights] | None:
        """The parts, looked at; None if some are still on the hub and `fetch` is False."""
        folder = located(self.model, "Wan-Animate", _FILES, fetch)
        if folder is None:
            return None
        kind = read_config(folder, "Wan-Animate", "model_index.json").get("_class_name")
        if kind != "WanAnimatePipeline":
            raise InputError(
                f"{folder} is a {kind}, not a WanAnimatePipeline; give the folder of Wan2.2-Animate-14B-Diffusers."
            )
        for part in ("tokenizer", "scheduler", "image_processor"):
            if not (folder / part).is_dir():
                raise InputError(f"{folder} has no folder {part}, so Wan-Animate is not whole; download it again.")
        return {part: read_weights(folder / part, f"Wan-Animate's {part}", kinds) for part, kinds in _PARTS.items()}

    def _placing(self, models: dict[str, Weights], size: tuple[int, int], memory: Memory) -> Placing:
        width, height = size
        config, each = models["transformer"].config, bytes_of_number(memory.device)
        channels = int(config.get("num_attention_heads", 40)) * int(config.get("attention_head_dim", 128))
        tokens = (self.segment // 4 + 2) * (width // 16) * (height // 16)
        work = int(each * max(_TOKEN_COST * channels * tokens, _PIXEL_COST * width * height))
        # The text is read first, and its encoder let go.
        placing({"text_encoder": each * models["text_encoder"].parameters}, 0, replace(memory, card=0))
        rest = {name: each * weights.parameters for name, weights in models.items() if name != "text_encoder"}
        return placing(rest, work, memory)

    def _load(self, models: dict[str, Weights], how: Placing, device: str) -> Any:
        """The pipeline, where it is to be, with the text's embeddings as `words`."""
        folder = models["transformer"].folder.parent
        with loading("Wan-Animate's models", "Wan2.2-Animate"):
            import torch

            from .wan_pipeline import segment_pipeline, text_embeddings

            number = torch.bfloat16 if bytes_of_number(device) == 2 else torch.float32
            texts = {"prompt_embeds": self.prompt}
            if self.guidance > 1:
                texts["negative_prompt_embeds"] = self.negative_prompt
            words = text_embeddings(folder, texts, number, models["text_encoder"].variant, _WORDS)
            painter = segment_pipeline().from_pretrained(
                str(folder),
                text_encoder=None,
                tokenizer=None,
                torch_dtype={"vae": torch.float32, "default": number},
                variant=models["transformer"].variant,
                use_safetensors=True,
                local_files_only=True,
            )
            painter.words = words
            if how != "whole":
                painter.vae.enable_tiling()
            painter.set_progress_bar_config(disable=True)
            place(painter, how, device)
        return painter

    def _key(self, scene: Scene) -> str:
        """Names all that the pixels of a shot depend on."""
        digest = hashlib.sha256()
        mine = {name: value for name, value in vars(self).items() if name not in ("head", "kept")}
        portrait, motion = scene.portrait, scene.motion
        head = repr(self.head) if is_dataclass(self.head) else self.head.name
        about = (mine, head, scene.camera, scene.first, scene.last, scene.seed, portrait.source, motion.fps)
        digest.update(repr((*about, scene.drawn.made_of)).encode())
        for array in (portrait.fit.vertices, portrait.fit.arkit, motion.poses, motion.trans, motion.arkit):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:20]


@dataclass(frozen=True)
class _Keeper:
    """What segments are begun with, in a folder, of one shot."""

    folder: Path | None
    key: str
    shape: tuple[int, ...]

    def before(self, index: int) -> tuple[int, NDArray[np.uint8] | None]:
        """The last segment, up to `index`, that can be begun with what was kept, and that."""
        for number in range(index, 0, -1):
            path = self._path(number)
            if path is not None and path.is_file():
                # What is damaged is as if it were not there.
                with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
                    with np.load(path, allow_pickle=False) as data:
                        frames = data["frames"]
                    if frames.dtype == np.uint8 and frames.shape == self.shape:
                        return number, frames
        return 0, None

    def keep(self, index: int, frames: NDArray[np.uint8]) -> None:
        path = self._path(index)
        if path is None:
            return
        with writing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, frames=frames)
        old = self._path(index - 2)
        if old is not None:
            old.unlink(missing_ok=True)

    def _path(self, index: int) -> Path | None:
        return self.folder / f"wan-{self.key}-{index:05d}.npz" if self.folder is not None else None


def segments(frames: int, length: int, carried: int) -> tuple[range, ...]:
    """Ranges of at most `length` frames that cover a shot; each begins with the last `carried` of the one before."""
    advance = length - carried
    count = max(1, -(-(frames - carried) // advance))
    return tuple(range(i * advance, min(i * advance + length, frames)) for i in range(count))


def _segment_of(shot: tuple[range, ...], place: int, carried: int) -> int:
    """The segment that shows a frame first."""
    return next(
        i for i, window in enumerate(shot) if place < window.stop and (i == 0 or place >= window.start + carried)
    )


def _part(scene: Scene, first: int, last: int) -> Scene:
    """The scene's frames from `first` to `last` as one of their own."""
    camera, part = scene.camera, slice(first - scene.first, last + 1 - scene.first)
    poses = camera.poses[part] if len(camera.poses) > 1 else camera.poses
    fields = camera.fields[part] if len(camera.fields) > 1 else camera.fields
    return replace(scene, camera=replace(camera, poses=poses, fields=fields), first=first, last=last, start=None)


def _fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """The whole picture in one of this size, with black beside it (`padding_resize` of Wan-Animate's preprocessing)."""
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.pad(Image.fromarray(picture), size, color=(0, 0, 0)))


def _painted(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 in the box round the person, widened; 0 elsewhere."""
    mask = np.zeros_like(alpha)
    rows, columns = np.nonzero(alpha > 127)
    if len(rows):
        top, left = (max(int(side.min()) - _BLACK_BORDER, 0) for side in (rows, columns))
        mask[top : rows.max() + _BLACK_BORDER + 1, left : columns.max() + _BLACK_BORDER + 1] = 255
    return mask


def _seed(seed: int, frame: int) -> int:
    return int(np.random.SeedSequence([seed, frame]).generate_state(1, np.uint32)[0])
