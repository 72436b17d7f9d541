"""The painter adds what the photo doesn't know, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from portraits_of import portrait_of

from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.portraits.portrait import Portrait
from vlogger_backend.renderers.builtin.painter import WEIGHTS, Painter, load_network
from vlogger_backend.renderers.builtin.patches import cut
from vlogger_backend.renderers.builtin.puppet import Frame, Puppet
from vlogger_backend.renderers.figure import built_in_figure

SIZE = (256, 256)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return portrait_of(SIZE)


@pytest.fixture(scope="module")
def puppet(portrait: Portrait) -> Iterator[Puppet]:
    with closing(Puppet(built_in_figure(portrait).person, portrait, SIZE)) as made:
        yield made


@pytest.fixture(scope="module")
def painter(puppet: Puppet, portrait: Portrait) -> Painter:
    return Painter(portrait.picture, puppet.patches_in_photo(), 0)


def drawn(puppet: Puppet, portrait: Portrait, **expression: float) -> Frame:
    (pose,), (field,) = portrait.fit.camera.over(1)
    arkit = portrait.fit.arkit.copy()
    for name, weight in expression.items():
        arkit[ARKIT_INDEX[name]] = weight
    still = np.zeros((55, 3), np.float32)
    return puppet.frame(still, still[0], arkit, pose, float(field))


def test_a_face_as_in_the_photo_is_left_to_the_photo(painter: Painter, puppet: Puppet, portrait: Portrait) -> None:
    frame = drawn(puppet, portrait)
    changed = np.abs(painter.paint(frame, portrait.background).astype(int) - frame.picture).max(axis=2)
    assert (changed > 0).mean() < 0.005
    assert changed.max() < 60


def test_an_open_mouth_is_painted_there_alone(painter: Painter, puppet: Puppet, portrait: Portrait) -> None:
    frame = drawn(puppet, portrait, jawOpen=0.5)
    steps: list[None] = []
    painted = painter.paint(frame, portrait.background, lambda: steps.append(None))
    assert len(steps) >= 2, "each step of denoising is told of"
    assert np.array_equal(painted[..., 3], frame.picture[..., 3]), "the outline stays"
    changed = np.abs(painted.astype(int) - frame.picture).max(axis=2) > 2
    rows, columns = np.nonzero(changed)
    lips = frame.patches[0].matrix @ (48, 48, 1)
    assert len(rows) > 20
    assert np.hypot(rows - lips[1], columns - lips[0]).max() < 60


def test_the_same_seed_paints_the_same(puppet: Puppet, portrait: Portrait, painter: Painter) -> None:
    frame = drawn(puppet, portrait, jawOpen=0.4)
    first = painter.paint(frame, portrait.background)
    again = Painter(portrait.picture, puppet.patches_in_photo(), 0).paint(frame, portrait.background)
    other = Painter(portrait.picture, puppet.patches_in_photo(), 1).paint(frame, portrait.background)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("size", [(128, 128), (400, 300)])
def test_what_the_photo_shows_of_mouth_and_eyes_does_not_depend_on_the_picture_s_size(
    size: tuple[int, int], puppet: Puppet, portrait: Portrait
) -> None:
    with closing(Puppet(built_in_figure(portrait).person, portrait, size)) as other:
        found = cut(portrait.picture, other.patches_in_photo())
    assert np.array_equal(found, cut(portrait.picture, puppet.patches_in_photo()))
    frame = drawn(puppet, portrait)
    shown = cut(frame.picture[..., :3], frame.patches)
    assert np.abs(found.astype(int) - shown).mean() < 6, "it is the same piece of the face"


def test_weights_that_are_not_there_damaged_or_another_network_s_are_told_of(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    with pytest.raises(InputError, match="install vlogger again"):
        load_network(tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(WEIGHTS.read_bytes()[:5000])
    with pytest.raises(InputError, match="damaged"):
        load_network(damaged)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"conv_in.weight": torch.zeros(3, 3)}, foreign)
    with pytest.raises(InputError, match="damaged"):
        load_network(foreign)
