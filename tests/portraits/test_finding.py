"""The people in a photo: who is found, who is meant, and who can't be used."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import pytest
from people import Picture, astronaut, avatar_from, beside, drawing, with_dark_glasses

from vlogger_backend.errors import InputError
from vlogger_backend.portraits.finding import Face, find_faces
from vlogger_backend.portraits.judging import choose_face
from vlogger_backend.portraits.landmarks import LEFT_PUPIL, RIGHT_PUPIL


@lru_cache
def her() -> Face:
    (face,) = find_faces(astronaut())
    return face


def test_the_astronaut_is_found_where_she_is() -> None:
    face = choose_face(astronaut(), [her()])
    assert face.landmarks.shape == (478, 3)
    np.testing.assert_allclose(face.landmarks[[RIGHT_PUPIL, LEFT_PUPIL], :2], [(203, 101), (247, 103)], atol=2)
    assert max(map(abs, face.turned)) < 8


def test_the_same_picture_has_the_same_landmarks() -> None:
    np.testing.assert_array_equal(find_faces(astronaut())[0].landmarks, her().landmarks)


@pytest.mark.parametrize("yaw", [-38, -20, 20, 38])
def test_turned_faces_are_found_and_how_far_they_are_turned(yaw: float) -> None:
    picture = avatar_from(yaw)
    face = choose_face(picture, find_faces(picture))
    assert abs(face.turned[0]) == pytest.approx(abs(yaw), abs=4)
    assert np.sign(face.turned[0]) == -np.sign(yaw)


def test_a_small_face_in_a_large_photo_is_found() -> None:
    photo = np.full((1100, 1600, 3), 130, np.uint8)
    photo += np.random.default_rng(0).integers(0, 9, photo.shape, np.uint8)
    photo[500:1012, 1000:1512] = astronaut()
    face = choose_face(photo, find_faces(photo))
    np.testing.assert_allclose(face.landmarks[:, :2], her().landmarks[:, :2] + (1000, 500), atol=2)


def test_a_face_that_fills_the_photo_is_found() -> None:
    close = np.ascontiguousarray(astronaut()[55:190, 165:290])
    large = cv2.resize(close, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    assert choose_face(large, find_faces(large)).size == pytest.approx(6 * her().size, rel=0.03)


def test_of_several_people_the_user_picks() -> None:
    photo = beside(astronaut(), avatar_from(0))
    faces = find_faces(photo)
    assert len(faces) == 2
    with pytest.raises(
        InputError, match=r"2 faces, counted from the left: 1 .*92 pixels wide.*, 2 .*; say which one is meant"
    ):
        choose_face(photo, faces)
    assert choose_face(photo, faces, 1).box[0] < 300 < choose_face(photo, faces, 2).box[0]
    with pytest.raises(InputError, match="no face 3"):
        choose_face(photo, faces, 3)


def test_the_largest_by_far_is_meant_and_so_is_the_only_one_that_can_be_used() -> None:
    large = cv2.resize(astronaut(), None, fx=2.5, fy=2.5)
    photo = beside(large, avatar_from(0))
    assert choose_face(photo, find_faces(photo)).box[0] < 1000
    photo = beside(astronaut(), avatar_from(65))
    assert choose_face(photo, find_faces(photo)).box[0] < 400


def smaller(factor: float) -> Picture:
    photo = np.full((512, 512, 3), 130, np.uint8)
    reduced = cv2.resize(astronaut(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    photo[100 : 100 + len(reduced), 100 : 100 + len(reduced)] = reduced
    return photo


def posterised() -> Picture:
    picture = astronaut()
    for _ in range(5):
        picture = cv2.bilateralFilter(picture, 9, 60, 9)
    return np.asarray(cv2.medianBlur(picture // 48 * 48, 5))


def masked(colour: tuple[int, int, int]) -> Picture:
    """Cloth of a colour, with folds, from the nose down."""
    picture, points = astronaut().copy(), her().landmarks[:, :2]
    outline = points[[116, 118, 197, 347, 345, 361, 397, 379, 400, 152, 176, 150, 172, 132]].round().astype(np.int32)
    cloth = cv2.fillPoly(np.zeros(picture.shape[:2], np.uint8), [outline], (1,)) > 0
    folds = 1 + 0.15 * np.sin(np.arange(len(picture)) / 3)[:, None, None]
    picture[cloth] = np.rint(folds * colour * np.ones_like(picture))[cloth]
    return picture


REFUSED: dict[str, tuple[Callable[[], Picture], str]] = {
    "nobody": (lambda: np.full((300, 400, 3), 128, np.uint8), "No face is found"),
    "a back": (lambda: avatar_from(180), "No face is found"),
    "a profile": (lambda: avatar_from(60), "turned .* degrees to the side and at most 40"),
    "from above": (lambda: avatar_from(0, pitch=48), "which is too far"),
    "59.6 pixels": (lambda: smaller(59.6 / 92), "is only 59 pixels wide and at least 60"),
    "40 pixels": (lambda: smaller(40 / 92), "is only .* pixels wide and at least 60"),
    "cut at the left": (lambda: np.ascontiguousarray(astronaut()[:, 212:]), "cut off by the left edge"),
    "cut at the bottom": (lambda: np.ascontiguousarray(astronaut()[:150]), "cut off by the bottom edge"),
    "asleep": (lambda: avatar_from(0, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}), "eyes are closed"),
    "dark glasses": (
        lambda: with_dark_glasses(astronaut(), her().landmarks[[RIGHT_PUPIL, LEFT_PUPIL], :2]),
        "behind the dark glasses",
    ),
    "a mask": (lambda: masked((150, 190, 215)), "mouth is covered"),
    "a black scarf": (lambda: masked((28, 28, 30)), "mouth is covered"),
    "a drawing": (drawing, "is drawn"),
    "posterised": (posterised, "is drawn"),
    "upside down": (lambda: np.ascontiguousarray(astronaut()[::-1, ::-1]), "upside down; rotate"),
    "on its side": (lambda: np.ascontiguousarray(np.rot90(astronaut())), "on its side or upside down; rotate"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_face_that_can_t_be_used_is_refused_in_a_sentence(kind: str) -> None:
    make, said = REFUSED[kind]
    picture = make()
    with pytest.raises(InputError, match=said) as error:
        choose_face(picture, find_faces(picture))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", ["jpeg", "blurred", "noisy", "dark"])
def test_poor_photos_are_no_drawings(change: str) -> None:
    picture = astronaut()
    if change == "jpeg":
        picture = cv2.imdecode(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 12])[1], 1)[
            ..., ::-1
        ]
    elif change == "blurred":
        picture = cv2.GaussianBlur(picture, (0, 0), 2)
    elif change == "noisy":
        noise = np.random.default_rng(0).normal(0, 12, picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    else:
        picture = picture // 4
    picture = np.ascontiguousarray(picture)
    choose_face(picture, find_faces(picture))
