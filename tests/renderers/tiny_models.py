"""Models of the real classes with a handful of random weights, written to folders as published ones are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

WORDS = 8
"""Numbers a word, in the tiny Stable Diffusion."""
CHANNELS = (8, 8)


def seeded() -> None:
    torch.manual_seed(0)


def tiny_stable_diffusion(folder: Path, words: int = WORDS) -> Path:
    """A StableDiffusionPipeline's folder: UNet, VAE (which reduces by 8), text encoder, tokenizer, scheduler."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    seeded()
    unet = UNet2DConditionModel(
        block_out_channels=CHANNELS, layers_per_block=2, sample_size=8, in_channels=4, out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=words, norm_num_groups=2,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8,) * 4, in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=words, intermediate_size=16, num_attention_heads=2, num_hidden_layers=2, vocab_size=600,
            bos_token_id=514, eos_token_id=515, pad_token_id=515,
        )
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=clip_tokenizer(folder / "words"), unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False
        ),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def clip_tokenizer(folder: Path):
    """Letters alone."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    names = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {name: index for index, name in enumerate([*names, "<|pad|>", "<|x|>"])}
    vocabulary |= {"<|startoftext|>": 514, "<|endoftext|>": 515}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(str(folder), model_max_length=77)


def tiny_motion_adapter(folder: Path, channels: tuple[int, ...] = CHANNELS) -> Path:
    from diffusers import MotionAdapter

    seeded()
    MotionAdapter(
        block_out_channels=channels, motion_layers_per_block=2, motion_norm_num_groups=2, motion_num_attention_heads=4,
        motion_max_seq_length=8,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_controlnet(folder: Path, words: int = WORDS) -> Path:
    """Its last layers are not zeros, as a trained one's are not, so that what it is shown matters."""
    from diffusers import ControlNetModel

    seeded()
    model = ControlNetModel(
        block_out_channels=CHANNELS, layers_per_block=2, in_channels=4, cross_attention_dim=words, norm_num_groups=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), conditioning_embedding_out_channels=(8, 8, 8, 8),
    )  # fmt: skip
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "controlnet" in name or "conv_out" in name:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    return folder


def tiny_ip_adapter(folder: Path, words: int = WORDS) -> tuple[Path, Path]:
    """An IP-Adapter's file for the tiny Stable Diffusion, and its image encoder's folder."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    seeded()
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=8, projection_dim=6, num_hidden_layers=2, num_attention_heads=2, image_size=16,
            intermediate_size=16, patch_size=4,
        )
    )  # fmt: skip
    encoder.save_pretrained(folder / "image_encoder")
    unet = UNet2DConditionModel.from_pretrained(folder.parent / "base", subfolder="unet")
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * words, 6),
        "image_proj.proj.bias": torch.randn(4 * words),
        "image_proj.norm.weight": torch.ones(words),
        "image_proj.norm.bias": torch.zeros(words),
    }
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for index, name in enumerate(crossing):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        for which in ("k", "v"):
            shape = (layer.inner_dim, words)
            tensors[f"ip_adapter.{2 * index + 1}.to_{which}_ip.weight"] = torch.randn(shape)
    path = folder / "ip-adapter_tiny.safetensors"
    save_file(tensors, path)
    return path, folder / "image_encoder"


def smooth(picture: np.ndarray) -> float:
    """How much neighbouring pixels differ, in levels: noise is some 40 and more."""
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


FACE = 16
"""Pixels each way of the tiny Wan-Animate's face video."""


def tiny_wan_animate(folder: Path) -> Path:
    """A WanAnimatePipeline's folder. Its weights are random, and none of them zero, so that all it is shown matters."""
    from diffusers import (
        AutoencoderKLWan,
        UniPCMultistepScheduler,
        WanAnimatePipeline,
        WanAnimateTransformer3DModel,
    )
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

    seeded()
    vae = AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    transformer = WanAnimateTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, text_dim=8, freq_dim=16, ffn_dim=16,
        num_layers=2, image_dim=4, rope_max_seq_len=64, inject_face_latents_blocks=2, motion_encoder_size=FACE,
        motion_encoder_channel_sizes={"4": 8, "8": 8, "16": 8}, motion_style_dim=8, motion_dim=4,
        motion_encoder_dim=8, face_encoder_hidden_dim=8, face_encoder_num_heads=2,
    )  # fmt: skip
    text = UMT5EncoderModel(
        UMT5Config(vocab_size=300, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0)
    )
    with torch.no_grad():
        for model in (transformer, vae):
            for weight in model.parameters():
                weight.copy_(torch.randn_like(weight) * 0.3)
    eyes = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=4, projection_dim=4, num_hidden_layers=2, num_attention_heads=2, image_size=8,
            intermediate_size=8, patch_size=4,
        )
    )  # fmt: skip
    WanAnimatePipeline(
        tokenizer=t5_tokenizer(), text_encoder=text, vae=vae, scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}),
        image_encoder=eyes, transformer=transformer,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def t5_tokenizer():
    """Words of one letter."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {chr(97 + i): 3 + i for i in range(26)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
