"""The mark: invisible, the same every time, and read again after what people do to pictures."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marked_pictures import PROVENANCE, TAKE, as_jpeg, cropped, decode, encode, psnr, scaled, swaying, textured
from skimage.data import astronaut

from vlogger_backend.provenance.code import BITS, SYMBOLS, Payload, groups, pattern, payload_of, words_of
from vlogger_backend.provenance.mark import Marker
from vlogger_backend.provenance.reading import LEAST_SCORE, read_mark


def read(*pictures: np.ndarray) -> str:
    reading = read_mark(pictures)
    return reading.payload.take if reading else ""


PINNED = (0.56722, -0.32908, -0.49602, 0.0906)
takes = st.integers(0, 2**32 - 1).map(lambda number: f"{number:08x}")


@given(takes)
def test_what_is_said_is_what_is_read(take):
    words = words_of(Payload(take))
    assert len(words) == SYMBOLS
    assert all(0 <= word < 1 << BITS for word in words)
    assert payload_of(words) == Payload(take)


@given(takes, st.integers(0, SYMBOLS - 1), st.integers(1, (1 << BITS) - 1))
def test_one_wrong_word_is_hardly_ever_taken_for_right(take, symbol, change):
    words = words_of(Payload(take))
    words[symbol] ^= change
    read_as = payload_of(words)
    assert read_as is None or read_as.take != take


@pytest.mark.parametrize("take", ["", "123", "1234567g", "123456789"])
def test_a_take_that_can_not_be_said_is_refused(take):
    with pytest.raises(ValueError, match=r"can't be said|invalid literal"):
        words_of(Payload(take))


def test_the_pattern_never_changes():
    """Marks of today must be read by the program of tomorrow."""
    assert [len(group) for group in groups()] == [380] * 5
    square = pattern(Payload("00000001"))
    assert square.mean() == pytest.approx(0, abs=1e-3)
    assert square.std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(square[[0, 5, 64, 127], [0, 77, 64, 1]], PINNED, atol=1e-4)


@settings(max_examples=3)
@given(takes)
def test_any_payload_is_read_from_a_picture(take):
    picture = textured(512, 512)
    assert read(Marker(Payload(take)).mark(picture)) == take


def test_it_can_not_be_seen():
    for picture in (astronaut(), textured(360, 640), np.full((256, 256, 3), 128, np.uint8)):
        marked = PROVENANCE.mark_frame(picture)
        assert psnr(picture, marked) > (44.4 if min(picture.shape[:2]) >= 512 else 42)
    flat = np.full((256, 256, 3), 128, np.uint8)
    added = PROVENANCE.mark_frame(flat).astype(float) - flat
    assert np.abs(added).max() <= 3
    assert abs(added.mean()) < 0.02
    blocks = added[..., 0].reshape(16, 16, 16, 16).mean((1, 3))
    assert np.abs(blocks).max() < 0.2, "something coarse could be seen"


def test_beside_a_lone_edge_it_is_as_faint_as_elsewhere():
    picture = np.full((512, 512, 3), 40, np.uint8)
    picture[:, 256:] = 210
    added = PROVENANCE.mark_frame(picture).astype(float)[..., 0] - picture[..., 0]
    near, far = added[:, 246:266], added[:, 20:200]
    assert near.std() < 1.5 * far.std()


def test_it_does_not_flicker():
    frames = swaying(astronaut(), 6)
    added = [PROVENANCE.mark_frame(frame).astype(int) - frame for frame in frames]
    for one, other in pairwise(added):
        assert np.abs(one - other).mean() < 0.3
    still = PROVENANCE.mark_frame(frames[0])
    np.testing.assert_array_equal(still, PROVENANCE.mark_frame(frames[0].copy()))


@pytest.mark.parametrize(
    ("what", "attack"),
    [
        ("nothing", lambda p: p),
        ("jpeg 70", lambda p: as_jpeg(p, 70)),
        ("jpeg 50", lambda p: as_jpeg(p, 50)),
        ("half the size", lambda p: scaled(p, 0.5)),
        ("71 %", lambda p: scaled(p, 0.71)),
        ("137 %", lambda p: scaled(p, 1.37)),
        ("200 %", lambda p: scaled(p, 2)),
        ("unequally scaled", lambda p: cv2.resize(p, (430, 432))),
        ("10 % cut off", lambda p: cropped(p, 0.1)),
        ("20 % cut off", lambda p: cropped(p, 0.2)),
        ("20 % cut off, jpeg 70", lambda p: as_jpeg(cropped(p, 0.2), 70)),
        ("darker, less contrast", lambda p: np.clip(p * 0.6 + 20, 0, 255).astype(np.uint8)),
        ("brighter, more contrast", lambda p: np.clip(p * 1.3, 0, 255).astype(np.uint8)),
        ("gamma", lambda p: (255 * (p / 255) ** 1.6).astype(np.uint8)),
        ("mirrored", lambda p: p[:, ::-1]),
        ("grey", lambda p: np.repeat(p.mean(2, keepdims=True), 3, 2).astype(np.uint8)),
        ("noise", lambda p: np.clip(p + np.random.default_rng(0).normal(0, 6, p.shape), 0, 255).astype(np.uint8)),
        ("blur", lambda p: cv2.GaussianBlur(p, (0, 0), 1)),
    ],
)
def test_it_is_read_from_one_picture_after(what, attack):
    assert read(attack(PROVENANCE.mark_frame(astronaut()))) == TAKE[:8]


@pytest.mark.parametrize("size", [(128, 128), (128, 300), (200, 150), (512, 400), (720, 1280), (1080, 1920)])
def test_any_size_can_be_marked_and_read(size):
    marked = PROVENANCE.mark_frame(textured(*size))
    assert read(marked) == TAKE[:8]
    if min(size) > 500:
        assert read(scaled(marked, 360 / min(size))) == TAKE[:8]


def test_4k_is_read_at_any_smaller_size():
    marked = PROVENANCE.mark_frame(cv2.resize(textured(1080, 1920), (3840, 2160), interpolation=cv2.INTER_CUBIC))
    assert read(marked) == read(scaled(marked, 0.25)) == TAKE[:8]


def test_alpha_stays_and_only_the_opaque_is_marked():
    picture = np.dstack([textured(512, 512), np.zeros((512, 512), np.uint8)])
    picture[100:420, 90:430, 3] = 255
    picture[95:100, 90:430, 3] = 120
    marked = PROVENANCE.mark_frame(picture)
    np.testing.assert_array_equal(marked[..., 3], picture[..., 3])
    np.testing.assert_array_equal(marked[picture[..., 3] < 255], picture[picture[..., 3] < 255])
    assert read(marked) == TAKE[:8]
    behind = textured(512, 512, seed=3)
    part = marked[..., 3:] / 255
    assert read((marked[..., :3] * part + behind * (1 - part)).astype(np.uint8)) == TAKE[:8]
    clear = np.zeros((64, 64, 4), np.uint8)
    np.testing.assert_array_equal(PROVENANCE.mark_frame(clear), clear)


def test_it_survives_half_the_bitrate(tmp_path):
    frames = swaying(astronaut(), 40)
    first = encode(tmp_path / "a.mp4", [PROVENANCE.mark_frame(frame) for frame in frames], 18)
    again = decode(first)
    second = next(
        path
        for crf in (20, 22, 24, 26)
        if (path := encode(tmp_path / f"{crf}.mp4", again, crf)).stat().st_size < 0.5 * first.stat().st_size
    )
    pictures = decode(second)
    assert read(*pictures[::5]) == TAKE[:8]
    assert read(pictures[0]) == TAKE[:8]


def test_no_mark_is_found_where_there_is_none():
    for picture in (astronaut(), textured(128, 300), np.zeros((256, 256, 3), np.uint8)):
        assert read(picture) == ""
    assert read(np.zeros((20, 20, 3), np.uint8)) == ""
    assert read_mark([]) is None
    assert np.log(2.0**58 * 1e8) < LEAST_SCORE**2 / 2


def test_without_a_mark_a_picture_is_as_it_was():
    picture = textured(128, 128)
    assert replace(PROVENANCE, marked=False).mark_frame(picture) is picture
