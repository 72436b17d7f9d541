"""The person cut out, their own colours, and what is filled in behind them, against pictures whose truth is known."""

from functools import lru_cache

import numpy as np
import pytest
from people import Picture, astronaut, avatar_layer, beside
from scipy import ndimage

from vlogger_backend.portraits.finding import find_faces
from vlogger_backend.portraits.matte import colours_of, matte_of
from vlogger_backend.portraits.plate import plate_of

SIZE = 320


def wall() -> Picture:
    """Light from the left, with plaster's grain."""
    light = 190 - 60 * np.linspace(0, 1, SIZE)[None, :, None] * np.ones((SIZE, 1, 1))
    grain = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 9, (SIZE, SIZE, 1)), (1, 1, 0))
    return np.clip(light * np.array([0.85, 0.95, 1.0]) + grain, 0, 255).astype(np.uint8)


@lru_cache
def made() -> tuple[Picture, Picture, Picture, Picture, Picture]:
    """A photo, its true matte, and what was found: matte, foreground and background."""
    layer = avatar_layer(15)
    share = layer[..., 3:] / 255
    photo = np.rint(layer[..., :3] + wall() * (1 - share)).astype(np.uint8)
    (face,) = find_faces(photo)
    matte, _ = matte_of(photo, face, [])
    return photo, layer[..., 3], matte, *colours_of(photo, matte, plate_of(photo, matte, np.zeros(matte.shape, bool)))


def test_the_matte_is_the_person_s_hair_by_hair() -> None:
    _, truth, matte, _, _ = made()
    apart = np.abs(matte.astype(int) - truth)
    assert apart.mean() < 1.5
    head = np.s_[40:230, 80:240]
    assert apart[head].mean() < 1.5
    assert (matte[truth == 255] > 250).mean() > 0.98
    assert (matte[truth == 0] < 5).mean() > 0.99


def test_the_two_layers_are_the_photo() -> None:
    photo, _, matte, foreground, background = made()
    share = matte[..., None] / 255
    apart = foreground * share + background * (1 - share) - photo
    assert 10 * np.log10(255**2 / (apart**2).mean()) > 42
    assert (foreground[matte == 255] == photo[matte == 255]).all()


def test_no_halo_of_the_old_wall_is_left_before_a_new_one() -> None:
    photo, truth, matte, foreground, _ = made()
    layer, share = avatar_layer(15), matte[..., None] / 255
    green = np.array([20, 160, 40])
    wanted = layer[..., :3] + green * (1 - truth[..., None] / 255)
    rim = (truth > 0) & (truth < 255)
    apart = np.abs(foreground * share + green * (1 - share) - wanted)[rim].mean()
    naive = np.abs(photo * share + green * (1 - share) - wanted)[rim].mean()
    assert apart < 20
    assert apart < 0.8 * naive


def test_the_background_goes_on_behind_the_person() -> None:
    _, truth, _, _, background = made()
    apart = np.abs(ndimage.gaussian_filter(background.astype(float) - wall(), (3, 3, 0)))
    assert apart[truth == 255].mean() < 5
    assert apart.max() < 25
    grain = [np.diff(picture.astype(float), axis=0)[truth[1:] > 127].std() for picture in (background, wall())]
    assert grain[0] > 0.4 * grain[1]


def test_of_two_people_one_is_cut_out() -> None:
    photo = beside(astronaut()[:250, 90:340], astronaut()[:250, 90:340][:, ::-1])
    photo = np.ascontiguousarray(photo)
    first, second = find_faces(photo)
    matte, people = matte_of(photo, first, [second])
    assert matte[110, 140] == 255
    assert matte[:, 340:].max() < 60
    assert people[110, 360]
    assert not people[110, 140]


def test_nothing_but_a_person_has_a_background_too() -> None:
    photo = astronaut()[:60, :80]
    plate = plate_of(photo, np.full(photo.shape[:2], 255, np.uint8), np.zeros(photo.shape[:2], bool))
    assert plate.shape == photo.shape
    assert np.isfinite(plate).all()


def test_a_sliver_of_background_is_enough() -> None:
    photo = astronaut()[:120, :100]
    matte = np.full(photo.shape[:2], 255, np.uint8)
    matte[-8:, :8] = 0
    plate = plate_of(photo, matte, np.zeros(matte.shape, bool))
    low, high = photo[-8:, :8].min(axis=(0, 1)).astype(int) - 3, photo[-8:, :8].max(axis=(0, 1)).astype(int) + 3
    assert ((low <= plate) & (plate <= high)).all()


@pytest.mark.parametrize("size", [(16, 300), (300, 16), (17, 19)])
def test_pictures_of_any_size_are_filled(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(100, 140, (*size, 3), np.uint8)
    matte = np.zeros(size, np.uint8)
    matte[size[0] // 3 : -1, size[1] // 3 : size[1] // 2] = 255
    plate = plate_of(photo, matte, np.zeros(size, bool))
    assert 95 < plate.min() <= plate.max() < 145
