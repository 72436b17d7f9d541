"""Train the painter: `python -m vlogger_backend.training.train PAIRS --steps 6000 -o painter`.

On a GPU if there is one, else on the processor; a run that was stopped goes on from its checkpoint. Every so often, and
at the end, it prints how far the painting is from the truth on people it has never seen, beside the warp alone.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ..files import writing
from ..renderers.builtin.network import FINENESS, SCALE, gate, known, new_network, new_schedule
from ..renderers.builtin.painter import painted

_HELD_BACK = 0.08
"""Of the people, for the measure."""
_MEASURED = 192
"""Patches by which it is measured."""


class Patches:
    """All gathered patches of some people; `batch` draws some at random."""

    def __init__(self, paths: list[Path], device: torch.device) -> None:
        files = [np.load(path, allow_pickle=False) for path in paths]
        self.device = device
        self.counts = [len(file["before"]) for file in files]
        self.before, self.after, self.parts, self.worn = (
            torch.from_numpy(np.concatenate([file[name] for file in files]))
            for name in ("before", "after", "parts", "worn")
        )
        self.photo = torch.from_numpy(np.stack([file["photo"] for file in files]))
        self.person = torch.from_numpy(np.repeat(np.arange(len(files)), self.counts))

    def batch(self, size: int, random: torch.Generator) -> tuple[torch.Tensor, ...]:
        """before, parts, worn, after, photo: as the network wants them; half of them mouths."""
        rows = torch.randint(len(self.before), (size,), generator=random)
        which = torch.randint(4, (size,), generator=random)
        which = torch.where(which == 3, 0, which)
        return self.of(rows, which)

    def of(self, rows: torch.Tensor, which: torch.Tensor) -> tuple[torch.Tensor, ...]:
        colours = (self.before[rows, which], self.after[rows, which], self.photo[self.person[rows], which])
        before, after, photo = (c.to(self.device).movedim(-1, 1).float() / 255 for c in colours)
        worn = self.worn[rows, which].to(self.device).float() / 255
        return before, self.parts[rows, which].to(self.device), worn, after, photo


def _varied(batch: tuple[torch.Tensor, ...], random: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Mirrored, in other colours, and less sharp, as photos are."""
    before, parts, worn, after, photo = batch
    count, device = len(before), before.device

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).to(device)

    mirrored = (torch.rand(count, generator=random) < 0.5).to(device)
    before, after, photo = (torch.where(mirrored[:, None, None, None], p.flip(-1), p) for p in (before, after, photo))
    parts, worn = (torch.where(mirrored[:, None, None], p.flip(-1), p) for p in (parts, worn))
    gamma = torch.exp(0.25 * draw(count, 1, 1, 1))
    gain = torch.exp(0.15 * draw(count, 1, 1, 1) + 0.12 * draw(count, 3, 1, 1))
    before, after, photo = ((p.clamp(1e-4, 1) ** gamma * gain).clamp(0, 1) for p in (before, after, photo))
    coarse = torch.rand(1, generator=random).item()
    if coarse < 0.5:
        size = int(before.shape[-1] * (0.4 + coarse))
        before, after, photo = (
            functional.interpolate(
                functional.interpolate(p, size=size, mode="area"), size=before.shape[-1], mode="bicubic"
            ).clamp(0, 1)
            for p in (before, after, photo)
        )
    noise = 0.012 * torch.rand(count, 1, 1, 1, generator=random).to(device)
    before = (before + noise * draw(*before.shape)).clamp(0, 1)
    return before, parts, worn, after, photo


def _loss(network: Any, schedule: Any, batch: tuple[torch.Tensor, ...], random: torch.Generator) -> torch.Tensor:
    before, parts, worn, after, photo = batch
    target = functional.pixel_unshuffle((after - before) * SCALE, FINENESS)
    noise = torch.randn(target.shape, generator=random).to(target.device)
    times = torch.randint(schedule.config.num_train_timesteps, (len(target),), generator=random).to(target.device)
    noisy = schedule.add_noise(target, noise, times)
    given = torch.cat([noisy, known(before, parts, worn, photo)], dim=1)
    with torch.autocast(given.device.type, torch.bfloat16):
        guess = network(given, times).sample.float()
    weight = 0.15 + gate(parts, worn, torch.ones(len(before), device=before.device))
    weight = functional.pixel_unshuffle(weight.expand(-1, 3, -1, -1), FINENESS)
    difference = guess - target
    return torch.mean(weight * (difference.square() + 0.05 * difference.abs()))


def measured(network: Any, schedule: Any, patches: Patches) -> dict[str, float]:
    """Mean squared errors, of 255, where the gate is open: of the warp, and painted in 1, 2 and 4 steps."""
    random = torch.Generator().manual_seed(1)
    count = min(_MEASURED, 3 * len(patches.before))
    batch = patches.batch(count, random)
    before, parts, worn, after, _ = batch
    opened = gate(parts, worn, torch.ones(count, device=before.device))
    noise = torch.randn(count, 3 * FINENESS**2, *(side // FINENESS for side in before.shape[2:]), generator=random)

    given = known(before, parts, worn, batch[4])

    def error(picture: torch.Tensor) -> float:
        mixed = before + opened * (picture - before)
        squares = ((mixed - after) * 255).square() * opened
        return float(squares.sum() / (3 * opened.sum()))

    found = {"warp": error(before)}
    for steps in (1, 2, 4):
        found[f"{steps} steps"] = error(before + painted(network, schedule, given, noise.to(before.device), steps))
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    paths = sorted(options.pairs.glob("*.npz"))
    held_back = max(1, round(len(paths) * _HELD_BACK))
    training, measure = Patches(paths[held_back:], device), Patches(paths[:held_back], device)
    print(f"{len(paths) - held_back} people to learn from, {held_back} to be measured by, on {device}", flush=True)
    network = new_network().to(device)
    if device.type == "cpu":
        network = network.to(memory_format=torch.channels_last)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01)
    schedule = new_schedule()
    options.output.mkdir(parents=True, exist_ok=True)
    checkpoint, first = options.output / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        average, first = state["average"], state["step"]
    random = torch.Generator().manual_seed(options.seed + first)
    started = time.monotonic()
    total = 0.0
    for step in range(first + 1, options.steps + 1):
        share = step / options.steps
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, step / 200) * 0.5 * (1 + math.cos(math.pi * share)) + 1e-6
        loss = _loss(network, schedule, _varied(training.batch(options.batch, random), random), random)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        total += float(loss.detach())
        decay = min(0.999, step / (step + 20))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, 1 - decay)
        if step % options.every == 0 or step == options.steps:
            now = {name: value.clone() for name, value in network.state_dict().items()}
            network.load_state_dict(average)
            network.eval()
            figures = measured(network, schedule, measure)
            network.train()
            network.load_state_dict(now)
            with writing(checkpoint) as unfinished:
                torch.save(
                    {"network": now, "average": average, "optimizer": optimizer.state_dict(), "step": step}, unfinished
                )
            _save(average, options.output / "painter.safetensors")
            print(
                json.dumps(
                    {
                        "step": step,
                        "loss": round(total / options.every, 5),
                        **figures,
                        "minutes": round((time.monotonic() - started) / 60, 1),
                    }
                ),
                flush=True,
            )
            total = 0.0


def _save(average: dict[str, torch.Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    half = {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in average.items()}
    with writing(path) as unfinished:
        save_file(half, unfinished)


if __name__ == "__main__":
    main()
