"""Training the painter: it goes on where it was stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vlogger_backend.renderers.builtin.painter import load_network
from vlogger_backend.renderers.builtin.patches import PATCH
from vlogger_backend.renderers.builtin.puppet import PARTS
from vlogger_backend.training.train import main

FRAMES = 3


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two people whose mouths and eyes are a flat grey and should be darker."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    shape = (FRAMES, 3, PATCH, PATCH)
    for person in range(2):
        np.savez(
            folder / f"{person:05d}.npz",
            before=np.full((*shape, 3), 150, np.uint8),
            after=np.full((*shape, 3), 90, np.uint8),
            parts=np.full(shape, PARTS.index("mouth"), np.uint8),
            worn=np.full(shape, 255, np.uint8),
            photo=np.full((*shape[1:], 3), 150, np.uint8),
        )
    return folder


def test_a_training_that_was_stopped_goes_on(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(steps: int) -> list[dict[str, float]]:
        monkeypatch.setattr(sys, "argv", ["train", str(pairs), "-o", str(tmp_path), "--steps", str(steps)])
        monkeypatch.setattr(sys, "argv", [*sys.argv, "--batch", "2", "--every", "2"])
        main()
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    first = train(2)
    weights = load_file(tmp_path / "painter.safetensors")
    second = train(4)
    assert [report["step"] for report in first + second] == [2, 4]
    assert any((load_file(tmp_path / "painter.safetensors")[name] != old).any() for name, old in weights.items())
    load_network(tmp_path / "painter.safetensors")
