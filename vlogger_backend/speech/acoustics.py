"""The acoustic model: PocketSphinx decoders over the English phones that its wheel carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pocketsphinx import Decoder

FRAME = 0.01
"""Seconds per frame of the acoustic model."""


def aligning_decoder() -> Decoder:
    """A decoder with the CMU dictionary, for grammars made of one text. The beams are wide: the grammar is narrow."""
    return _decoder(
        dict=str(_model() / "cmudict-en-us.dict"), beam=1e-100, pbeam=1e-100, wbeam=1e-80, bestpath=False
    )


def recognising_decoder() -> Decoder:
    """A decoder of phones, context-independent, with a light phone-pair language model."""
    return _decoder(allphone=str(_model() / "en-us-phone.lm.bin"), dict=None, allphone_ci=True, lw=0.8)


def decode(decoder: Decoder, samples: NDArray[np.float32]) -> None:
    """Run one utterance through the decoder's current search. `samples`: 16 kHz mono, -1 to 1.

    The cepstral mean is that of this utterance (batch normalisation), so nothing leaks from one to the next.
    """
    data = np.round(samples * 32767.0).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(data, no_search=False, full_utt=True)
    decoder.end_utt()


def _model() -> Path:
    import pocketsphinx

    return Path(pocketsphinx.get_model_path()) / "en-us"


def _decoder(**options: object) -> Decoder:
    import pocketsphinx

    return pocketsphinx.Decoder(
        hmm=str(_model() / "en-us"), lm=None, cmn="batch", loglevel="FATAL", **options
    )
