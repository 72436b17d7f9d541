"""Stable Diffusion 1.5 as a renderer: ControlNets on our control images say what is where, IP-Adapter who it is, and
AnimateDiff's motion module that frames belong together. The user gives the weights, and we have never had any.

Rombach et al. 2022 (Stable Diffusion), Zhang et al. 2023 (ControlNet), Ye et al. 2023 (IP-Adapter), Guo et al. 2023
(AnimateDiff); by diffusers' AnimateDiffControlNetPipeline. A frame's noise is drawn from the seed and the frame's
number, so windows that overlap start from the same (after FreeNoise, Qiu et al. 2023) and are faded into each other as
latents: a frame depends on its windows alone, and a shot can be gone on with at any frame.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..portraits.portrait import Portrait
from ..progress import Progress, no_progress
from .alpha import PersonAlpha
from .controlnets import CONTROLNETS
from .controls import ControlStage
from .memory import Memory, Placing, bytes_of_number, let_go, loaded, place, placing, readiness
from .padding import cropped, paintable
from .renderer import Readiness, Scene
from .stage import Picture
from .weights import Weights, loading, located, read_config, read_header, read_weights
from .window import crossfaded, windows

_PAINTING = "Painting with AnimateDiff"
_MULTIPLE, _SIDES = 8, range(64, 1024 + 1, 64)
_MODEL_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json")
_BASE_FILES = (
    *("model_index.json", "*/*.json", "*/*.txt", "unet/*.safetensors", "vae/*.safetensors"),
    "text_encoder/*.safetensors",
)
_BASE_PARTS = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
_LATENT_COST, _PIXEL_COST = 30.0, 1500.0
"""What denoising takes, in numbers for each channel of the UNet's first level and each latent pixel of all frames that
are denoised at once, and what decoding takes, in numbers for each pixel of one frame. Estimates for Stable Diffusion
1.5 with PyTorch's own attention."""


@dataclass(frozen=True)
class ControlSource:
    """A ControlNet: its `source` (a folder or a hub's name), and how much it says, 0 to 2."""

    source: str
    strength: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 2:
            raise InputError(f"The strength of the ControlNet {self.source} is {self.strength}; give 0 to 2.")


@dataclass(frozen=True)
class AnimateDiff:
    """Stable Diffusion 1.5 with AnimateDiff. Each source is a folder, or a name on the Hugging Face hub.

    base          : a Stable Diffusion 1.5 model in diffusers' layout
    motion        : AnimateDiff's motion adapter for it
    controlnets   : for each kind of `CONTROLNETS`, at least one, its ControlNet for Stable Diffusion 1.5
    ip_adapter    : an IP-Adapter's .safetensors file for it; "" does without, and the person is anyone
    image_encoder : the CLIP image encoder that the IP-Adapter was made for
    likeness      : how much the photo says, 0 to 1
    guidance      : how much the text says (classifier-free guidance; 1 is none)
    window, overlap : frames that are painted at once (the motion adapter's own number is 16), and how many of them are
                    painted again by the next window
    """

    base: str
    motion: str
    controlnets: Mapping[str, ControlSource]
    ip_adapter: str = ""
    image_encoder: str = ""
    prompt: str = "a photo of a person who is talking, natural skin, sharp focus, high detail"
    negative_prompt: str = "worst quality, low quality, deformed, cartoon, painting, text"
    steps: int = 20
    guidance: float = 6.0
    likeness: float = 0.8
    window: int = 16
    overlap: int = 8
    name: str = "animatediff"

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.controlnets if kind not in CONTROLNETS]
        if unknown or not self.controlnets:
            raise InputError(
                f"AnimateDiff needs at least one ControlNet{f', and {unknown[0]} is none' if unknown else ''}; choose "
                f"from {', '.join(CONTROLNETS)}."
            )
        if bool(self.ip_adapter) != bool(self.image_encoder):
            raise InputError("An IP-Adapter needs its image encoder, and the other way round; give both or neither.")
        if not (1 <= self.steps <= 1000 and self.guidance >= 0 and 0 <= self.likeness <= 1):
            raise InputError("AnimateDiff's steps are 1 to 1000, its guidance 0 or more, its likeness 0 to 1.")
        if not 0 <= self.overlap < self.window:
            raise InputError("AnimateDiff's windows must be longer than they overlap; take 16 and 8.")

    def check(self) -> Readiness:
        """As `Renderer.check` says."""
        needs = "Stable Diffusion 1.5, a motion adapter and ControlNets that you give, and a graphics card to be fast"
        return readiness(needs, self._models, self._placing, _SIDES)

    def paint(self, scene: Scene, progress: Progress = no_progress) -> Generator[tuple[int, Picture], None, None]:
        """As `Renderer.paint` says."""
        advice = "about 512 is best. Ask for another size."
        larger = replace(scene, camera=paintable(scene.camera, _MULTIPLE, _SIDES, "AnimateDiff", advice))
        pipeline, device = loaded(self._models, self._placing, self._load, larger.camera, progress)
        shot = windows(scene.last - scene.first + 1, self.window, self.overlap)
        try:
            with closing(ControlStage(larger)) as stage:
                alpha = PersonAlpha(stage)
                paint = partial(self._paint_window, pipeline, stage, shot, progress)
                for index, latent in crossfaded(shot, paint, scene.frames.start - scene.first):
                    frame = scene.first + index
                    mask = alpha.of(frame, stage.controls(frame))
                    yield frame, cropped(np.dstack([_decoded(pipeline, latent), mask]), scene.camera)
                    progress(_PAINTING, (index + 1) / shot[-1].stop)
        finally:
            del pipeline, paint
            let_go(device)

    def _models(self, fetch: bool) -> _Models | None:
        """What is on the disk, looked at; None if some of it is still on the hub and `fetch` is False."""
        wanted = {
            "the base model": (self.base, _BASE_FILES),
            "the motion adapter": (self.motion, _MODEL_FILES),
            **{_title(kind): (source.source, _MODEL_FILES) for kind, source in self.controlnets.items()},
        }
        if self.ip_adapter:
            wanted["the IP-Adapter"] = (self.ip_adapter, ())
            wanted["the IP-Adapter's image encoder"] = (self.image_encoder, _MODEL_FILES)
        places = {what: located(source, what, files, fetch) for what, (source, files) in wanted.items()}
        found = {what: path for what, path in places.items() if path is not None}
        return _look(found, tuple(self.controlnets), self.window) if len(found) == len(places) else None

    def _placing(self, models: _Models, size: tuple[int, int], memory: Memory) -> Placing:
        width, height = size
        batch = 2 if self.guidance > 1 else 1
        channels = int(models.parts["unet"].config["block_out_channels"][0])
        denoising = _LATENT_COST * channels * batch * self.window * (width // 8) * (height // 8)
        each = bytes_of_number(memory.device)
        work = int(each * max(denoising, _PIXEL_COST * width * height))
        return placing({name: each * count for name, count in models.parameters().items()}, work, memory)

    def _load(self, models: _Models, how: Placing, device: str) -> Any:
        """The pipeline, where it is to be."""
        with loading("AnimateDiff's models", "Stable Diffusion 1.5"):
            import torch
            from diffusers import AnimateDiffControlNetPipeline, ControlNetModel, DDIMScheduler, MotionAdapter
            from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

            number = torch.float16 if bytes_of_number(device) == 2 else torch.float32
            common = {"use_safetensors": True, "local_files_only": True}

            def read(kind: Any, weights: Weights) -> Any:
                dtype = {"dtype" if kind is CLIPVisionModelWithProjection else "torch_dtype": number}
                return kind.from_pretrained(str(weights.folder), variant=weights.variant, **dtype, **common)

            more: dict[str, Any] = {"image_encoder": None, "feature_extractor": None}
            if models.encoder is not None:
                side = int(models.encoder.config.get("image_size", 224))
                more["image_encoder"] = read(CLIPVisionModelWithProjection, models.encoder)
                more["feature_extractor"] = CLIPImageProcessor(
                    size={"shortest_edge": side}, crop_size={"height": side, "width": side}
                )
            pipeline = AnimateDiffControlNetPipeline.from_pretrained(
                str(models.base),
                variant=models.parts["unet"].variant,
                torch_dtype=number,
                motion_adapter=read(MotionAdapter, models.motion),
                controlnet=[read(ControlNetModel, weights) for weights in models.controlnets],
                # The noise that AnimateDiff's motion module was trained with (diffusers' documentation).
                scheduler=DDIMScheduler.from_pretrained(
                    str(models.base), subfolder="scheduler", local_files_only=True, clip_sample=False,
                    timestep_spacing="linspace", beta_schedule="linear", steps_offset=1,
                ),
                **more,
                **common,
            )  # fmt: skip
            if models.adapter is not None:
                pipeline.load_ip_adapter(
                    str(models.adapter.parent), subfolder="", weight_name=models.adapter.name,
                    image_encoder_folder=None, local_files_only=True,
                )  # fmt: skip
                pipeline.set_ip_adapter_scale(self.likeness)
            pipeline.vae.enable_slicing()
            pipeline.set_progress_bar_config(disable=True)
            place(pipeline, how, device)
        return pipeline

    def _paint_window(
        self, pipeline: Any, stage: ControlStage, shot: tuple[range, ...], progress: Progress, window: range
    ) -> NDArray[np.float32]:
        """The latents (frames, 4, height / 8, width / 8) of one window."""
        import torch

        scene = stage.scene
        size = scene.camera.width, scene.camera.height
        frames = [scene.first + index for index in window]
        drawn = [stage.controls(frame) for frame in frames]
        conditions = [
            [torch.from_numpy(_condition(CONTROLNETS[kind](controls))) for controls in drawn]
            for kind in self.controlnets
        ]
        shape = (pipeline.unet.config.in_channels, *(side // pipeline.vae_scale_factor for side in reversed(size)))
        noise = np.stack([_noise(scene.seed, frame, shape) for frame in frames], axis=1)
        start = window.start / shot[-1].stop  # the frames before are out; this one is out when the first of it is

        def step(_: Any, index: int, __: Any, state: dict[str, Any]) -> dict[str, Any]:
            progress(_PAINTING, start + (index + 1) / self.steps / shot[-1].stop)
            return state

        identity = {"ip_adapter_image": _face(scene.portrait)} if self.ip_adapter else {}
        latents = pipeline(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            conditioning_frames=conditions,
            controlnet_conditioning_scale=[source.strength for source in self.controlnets.values()],
            num_frames=len(frames),
            width=size[0],
            height=size[1],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            latents=torch.from_numpy(noise[None]).to(pipeline.unet.dtype),
            output_type="latent",
            callback_on_step_end=step,
            **identity,
        ).frames
        return np.asarray(latents[0].transpose(0, 1).float().cpu().numpy())


@dataclass(frozen=True, eq=False)
class _Models:
    """What was found on the disk: the base model's parts by name, and the others."""

    base: Path
    parts: Mapping[str, Weights]
    motion: Weights
    controlnets: tuple[Weights, ...]
    adapter: Path | None
    adapter_parameters: int
    encoder: Weights | None

    def parameters(self) -> dict[str, int]:
        """How many numbers each model has that is moved by itself."""
        counts = {name: weights.parameters for name, weights in self.parts.items()}
        counts["unet"] += self.motion.parameters + self.adapter_parameters
        counts["controlnet"] = sum(weights.parameters for weights in self.controlnets)
        if self.encoder is not None:
            counts["image_encoder"] = self.encoder.parameters
        return counts


def _look(found: Mapping[str, Path], kinds: tuple[str, ...], window: int) -> _Models:
    """Look at all files. Raises InputError if something is missing, damaged, or made for another base model."""
    base = found["the base model"]
    read_config(base, "the base model", "model_index.json")
    for part in ("tokenizer", "scheduler"):
        if not (base / part).is_dir():
            raise InputError(f"{base} has no folder {part}, so it is not a whole base model; download it again.")
    parts = {part: read_weights(base / part, f"the base model's {part}", [kind]) for part, kind in _BASE_PARTS.items()}
    motion = read_weights(found["the motion adapter"], "the motion adapter", ["MotionAdapter"])
    controlnets = tuple(read_weights(found[_title(kind)], _title(kind), ["ControlNetModel"]) for kind in kinds)
    width = parts["unet"].config.get("cross_attention_dim")
    for weights, kind in zip(controlnets, kinds, strict=True):
        if weights.config.get("cross_attention_dim") != width:
            raise InputError(
                f"{weights.folder} and {base} are made for different versions of Stable Diffusion: their words have "
                f"{weights.config.get('cross_attention_dim')} and {width} numbers; give {_title(kind)} for 1.5."
            )
    if motion.config.get("block_out_channels") != parts["unet"].config.get("block_out_channels"):
        raise InputError(
            f"{motion.folder} and {base} are made for different versions of Stable Diffusion; give a motion adapter "
            "and a base model for 1.5."
        )
    longest = int(motion.config.get("motion_max_seq_length", window))
    if window > longest:
        raise InputError(f"{motion.folder} sees {longest} frames at a time; set window to {longest} or less.")
    adapter, encoder, numbers = found.get("the IP-Adapter"), None, 0
    if adapter is not None:
        if adapter.suffix != ".safetensors":
            raise InputError(f"{adapter} is no .safetensors file; give that file of the IP-Adapter.")
        numbers = read_header(adapter, "the IP-Adapter")
        encoder = read_weights(
            found["the IP-Adapter's image encoder"],
            "the IP-Adapter's image encoder",
            ["CLIPVisionModelWithProjection"],
        )
    return _Models(base, parts, motion, controlnets, adapter, numbers, encoder)


def _title(kind: str) -> str:
    return f"the {kind} ControlNet"


def _noise(seed: int, frame: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A frame's noise, whatever window it is in."""
    return np.random.default_rng([seed, frame]).standard_normal(shape, np.float32)


def _condition(picture: NDArray[Any]) -> NDArray[np.float32]:
    """A control image (3, height, width), 0 to 1 if it was bytes."""
    share = picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture
    return np.ascontiguousarray(share.transpose(2, 0, 1))


def _face(portrait: Portrait) -> Any:
    """The photo's square round the face, which IP-Adapters look at."""
    from PIL import Image

    landmarks = portrait.fit.landmarks
    (left, top), (right, bottom) = landmarks.min(axis=0), landmarks.max(axis=0)
    half = 0.9 * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2 - 0.15 * (bottom - top)
    height, width = portrait.matte.shape
    left, top, right, bottom = max(x - half, 0), max(y - half, 0), min(x + half, width), min(y + half, height)
    return Image.fromarray(portrait.picture[int(top) : int(bottom), int(left) : int(right)])


def _decoded(pipeline: Any, latent: NDArray[np.float32]) -> Picture:
    """The picture (height, width, 3) of one frame's latent (4, height / 8, width / 8)."""
    import torch

    with torch.no_grad():
        tensor = torch.from_numpy(latent[None, :, None]).to(pipeline._execution_device, pipeline.vae.dtype)
        video = pipeline.decode_latents(tensor, decode_chunk_size=1)
    picture = video[0, :, 0].permute(1, 2, 0).cpu().numpy()
    return np.asarray(np.rint(np.clip(picture / 2 + 0.5, 0, 1) * 255), np.uint8)
