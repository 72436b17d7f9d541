"""diffusers' WanAnimatePipeline, one segment at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@lru_cache(maxsize=1)
def segment_pipeline() -> Any:
    """A class of pipelines each of whose calls paints one segment, beginning with the frames that it is carried.

    diffusers' own paints all segments of a shot in one call, and holds all their frames until the last is painted.
    Its instances have `carried`, (frames, height, width, 3) from -1 to 1 or None, and `words`, the text's embeddings.
    """
    from diffusers import WanAnimatePipeline

    class SegmentPipeline(WanAnimatePipeline):  # type: ignore[misc]
        carried: torch.Tensor | None = None
        words: Mapping[str, torch.Tensor] | None = None

        def prepare_prev_segment_cond_latents(self, *given: Any, **named: Any) -> Any:
            if self.carried is not None:
                named["prev_segment_cond_video"] = self.carried.permute(3, 0, 1, 2)[None].to(named["device"])
                named["start_frame"] = len(self.carried)  # any but 0: the mask says that they are known
                given = ()
            return super().prepare_prev_segment_cond_latents(*given, **named)  # type: ignore[misc]

    return SegmentPipeline


def text_embeddings(
    folder: Path, texts: Mapping[str, str], number: torch.dtype, variant: str | None, words: int
) -> dict[str, torch.Tensor]:
    """Each text as umT5 reads it (1, words, …), zeros behind its end, as WanAnimatePipeline's `_get_t5_prompt_embeds`.

    The encoder is larger than much else, and is let go when it has read them.
    """
    import torch
    from transformers import AutoTokenizer, UMT5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)
    encoder = UMT5EncoderModel.from_pretrained(
        str(folder / "text_encoder"), dtype=number, variant=variant, use_safetensors=True, local_files_only=True
    )
    embeddings = {}
    with torch.no_grad():
        for name, text in texts.items():
            tokens = tokenizer(
                [" ".join(text.split())], padding="max_length", max_length=words, truncation=True,
                add_special_tokens=True, return_attention_mask=True, return_tensors="pt",
            )  # fmt: skip
            read = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
            embeddings[name] = read * tokens.attention_mask[..., None].to(read.dtype)
    return embeddings
