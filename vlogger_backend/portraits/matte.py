"""Matte: how much of each pixel is the person, down to single hairs, and the person's own colours there.

MediaPipe's selfie segmentation is the rough of it. Where that is unsure, and in a band along its edge that is wide
round the head, the closed form of Levin, Lischinski and Weiss (A Closed-Form Solution to Natural Image Matting, 2008)
decides by the colours. The colours are told apart after Germer et al. (Fast Multi-Level Foreground Estimation, 2020).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from .finding import Face, crop
from .portrait import Bytes, Floats
from .quiet import quiet

_FIRST_FACE = 110.0
"""Pixels of a face at which the closed form is solved first; then at each doubling where hairs and edges were found."""
_HAIR_BAND = (0.14, 0.07)
"""Outwards and inwards from the rough edge, in faces, round the head."""
_BAND = (0.035, 0.03)
"""The same elsewhere."""
_PEOPLE = 0.3
"""From which on the rough mask counts."""
_UNSURE = (0.05, 0.95)
"""What of the rough mask is left to the colours."""
_SMOOTH = 3e-5
"""Levin's epsilon, in squared parts of white: how much noise the photo has."""
_TRUST = 2e-3
"""How strongly the rough mask holds where the colours say nothing."""
_CLEAN = 0.01
"""In pixels with less of the person than the root of it, the colours found by their neighbours count for more."""
_PLAIN = 0.08
"""Less than this, in parts of white, is a halo of the lens or of sharpening round the person, and goes with them."""


def matte_of(picture: Bytes, face: Face, others: list[Face]) -> tuple[Bytes, NDArray[np.bool_]]:
    """The matte (H, W) of the person with this face, 255 where a pixel is all the person; and where other people are.

    `others` are their faces: they are background, but none that may be continued behind the person.
    """
    people = _rough(picture, face)
    rough = _person(picture, people, face, others)
    scale = min(1.0, _FIRST_FACE / _side(face))
    image = picture / np.float32(255)
    guess = _resized(rough, rough.shape, scale)
    alpha = _closed_form(_resized(image, rough.shape, scale), guess, _unknown(guess, face, scale))
    while scale < 1:
        scale = min(1.0, 2 * scale)
        guess = _resized(alpha, rough.shape, scale)
        edge = ndimage.binary_dilation((guess > _UNSURE[0]) & (guess < _UNSURE[1]), iterations=2)
        alpha = _closed_form(_resized(image, rough.shape, scale), guess, edge)
    # What is all but nothing or all is made so, that no veil remains.
    alpha = np.clip((alpha - 0.02) / 0.96, 0, 1)
    return np.asarray(np.rint(alpha * 255), np.uint8), (people > _PEOPLE) & (rough <= _PEOPLE)


def colours_of(picture: Bytes, matte: Bytes, plate: Bytes) -> tuple[Bytes, Bytes]:
    """The person's own colours, clean of what shines through hair and edges, and what is behind; each (H, W, 3).

    What is behind is `plate`, but for places in which the matte is faint and the picture shows plainly something else.
    Mixed by the matte the two are the picture, as nearly as colours can. Where the matte is 255, the first is the
    picture; where it is 0, a continuation of what is near.
    """
    import cv2

    image, alpha = picture / np.float32(255), matte / np.float32(255)
    person = behind = np.zeros((1, 1, 3), np.float32)
    levels = int(np.ceil(np.log2(max(matte.shape))))
    for level in range(levels + 1):
        size = (max(1, matte.shape[1] >> (levels - level)), max(1, matte.shape[0] >> (levels - level)))
        small, part = (_sized(values, size, cv2.INTER_AREA) for values in (image, alpha))
        person, behind = (_sized(values, size, cv2.INTER_NEAREST) for values in (person, behind))
        for _ in range(10 if max(size) <= 32 else 2):
            person, behind = _told_apart(small, part, person, behind)
    a, back = alpha[..., None], plate / np.float32(255)
    rest = image - a * person - (1 - a) * back
    clean = np.clip(person + rest * a / (a * a + _CLEAN), 0, 1)
    rest = image - a * clean - (1 - a) * back
    plain = np.sign(rest) * np.maximum(np.abs(rest) - _PLAIN, 0) * np.clip(2 - 3 * a, 0, 1)
    plain = np.asarray(cv2.medianBlur(plain.astype(np.float32), 5))  # single pixels are noise
    back = np.clip(back + plain / np.maximum(1 - a, 0.3), 0, 1)
    foreground = np.where(matte[..., None] == 255, picture, np.rint(clean * 255))
    return np.asarray(foreground, np.uint8), np.asarray(np.rint(back * 255), np.uint8)


def _side(face: Face) -> float:
    left, top, right, bottom = face.box
    return max(right - left, bottom - top)


def _resized(values: Floats, shape: tuple[int, ...], scale: float) -> Floats:
    """Of `scale` times a picture's `shape`."""
    import cv2

    size = (round(shape[1] * scale), round(shape[0] * scale))
    return _sized(values, size, cv2.INTER_AREA if size[0] < values.shape[1] else cv2.INTER_LINEAR)


def _sized(values: Floats, size: tuple[int, int], how: int) -> Floats:
    import cv2

    shape = (size[1], size[0], *values.shape[2:])
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float32).reshape(shape)


def _rough(picture: Bytes, face: Face) -> Floats:
    """The selfie segmentation (H, W), 0 to 1: of the whole picture, and finer of the upper body and of the head."""
    import mediapipe

    height, width = picture.shape[:2]
    left, top, right, bottom = face.box
    x, y, side = (left + right) / 2, (top + bottom) / 2, _side(face)
    longest = float(max(width, height))
    squares = [(width / 2, height / 2, longest), (x, y + 0.5 * side, 4 * side), (x, y - 0.1 * side, 2.6 * side)]
    rough = np.zeros((height, width), np.float32)
    with quiet(), mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
        for number, square in enumerate(squares):
            if number and square[2] > 0.9 * longest:
                continue  # the whole shows it as finely
            seen = np.asarray(model.process(crop(picture, *square, 512)).segmentation_mask, np.float32)
            window = np.minimum.outer(
                *[np.minimum(np.arange(n) + 0.5, np.arange(n)[::-1] + 0.5) / n for n in seen.shape]
            )
            weight = np.clip(window / 0.12, 0, 1).astype(np.float32) if number else np.ones_like(seen)
            placed, share = (_put_back(values, *square, (width, height)) for values in (seen, weight))
            rough += (placed - rough) * share
    return np.clip(rough, 0, 1)


def _put_back(values: Floats, x: float, y: float, side: float, size: tuple[int, int]) -> Floats:
    """A square's values where it is in a picture of `size`; 0 elsewhere."""
    import cv2

    scale = side / values.shape[0]
    where = np.array([[scale, 0, x - side / 2], [0, scale, y - side / 2]])
    return np.asarray(cv2.warpAffine(values, where, size, flags=cv2.INTER_LINEAR), np.float32)


def _person(picture: Bytes, rough: Floats, face: Face, others: list[Face]) -> Floats:
    """The part of a mask of people that is the one with this face."""
    here = rough > _PEOPLE
    labels, _ = ndimage.label(here)
    middle = _middle(face, here.shape)
    mine = labels == labels[middle] if here[middle] else here
    rivals = [other for other in others if mine[_middle(other, here.shape)]]
    if rivals:
        mine = _shares(picture, mine, [face, *rivals]) == 1
    near = ndimage.binary_dilation(mine, iterations=3) & ~(here & ~mine)
    return np.asarray(rough * near, np.float32)


def _middle(face: Face, shape: tuple[int, ...]) -> tuple[int, int]:
    left, top, right, bottom = face.box
    row, column = np.clip(((top + bottom) / 2, (left + right) / 2), 0, np.array(shape) - 1).astype(int)
    return int(row), int(column)


def _shares(picture: Bytes, people: NDArray[np.bool_], faces: list[Face]) -> NDArray[np.int32]:
    """Whose each pixel of touching people is, by the number of the face from 1: along the edges between what is surely
    one's (head, neck and the middle of the chest) and what is another's, not far from either."""
    from skimage.segmentation import watershed

    rows, columns = np.ogrid[: people.shape[0], : people.shape[1]]
    apart = []
    for face in faces:
        left, top, right, bottom = face.box
        side = _side(face)
        down = rows - (top + bottom) / 2
        along = down - np.clip(down, -0.35 * side, 2.5 * side)
        aside = (columns - (left + right) / 2) / np.where(down > 0.9 * side, 1.6, 1.0)
        apart.append(np.hypot(aside, along) / side)
    nearest = np.argmin(apart, axis=0)
    seeds = np.where(np.min(apart, axis=0) < 0.5, nearest + 1, 0)
    edges = ndimage.gaussian_gradient_magnitude(picture.astype(np.float32), (1.5, 1.5, 0)).max(axis=2)
    return np.asarray(watershed(edges, seeds * people, mask=people), np.int32)  # type: ignore[no-untyped-call]


def _unknown(rough: Floats, face: Face, scale: float) -> NDArray[np.bool_]:
    """Where the rough mask doesn't know: a band along its edge, and whatever it is unsure of near there."""
    left, top, right, bottom = (edge * scale for edge in face.box)
    side = _side(face) * scale
    rows, columns = np.ogrid[: rough.shape[0], : rough.shape[1]]
    x, y = (left + right) / 2, (top + bottom) / 2
    head = ((columns - x) ** 2 + (rows - y + 0.15 * side) ** 2 < (1.15 * side) ** 2) & (rows < bottom + 0.3 * side)
    inside = rough > 0.5
    outwards, inwards = ndimage.distance_transform_edt(~inside), ndimage.distance_transform_edt(inside)
    distance = np.maximum(outwards, inwards)
    out = np.where(head, _HAIR_BAND[0], _BAND[0]) * side
    within = np.where(head, _HAIR_BAND[1], _BAND[1]) * side
    band = np.where(inside, distance < np.maximum(within, 2), distance < np.maximum(out, 2))
    unsure = (rough > _UNSURE[0]) & (rough < _UNSURE[1]) & (distance < 0.3 * side)
    return np.asarray(band | unsure)


def _closed_form(image: Floats, rough: Floats, unknown: NDArray[np.bool_]) -> Floats:
    """Alpha (H, W) by the matting Laplacian in the pixels that are unknown, by the rough mask in the others."""
    from scipy.sparse.linalg import cg

    alpha = np.where(unknown, rough, rough > 0.5).astype(np.float64)
    if not unknown.any():
        return alpha.astype(np.float32)
    number = np.full(rough.shape, -1)
    number[unknown] = np.arange(unknown.sum())
    laplacian = _laplacian(image, unknown)
    flat = unknown.ravel()
    rows = laplacian[flat]
    system = rows[:, flat] + _TRUST * sparse.identity(int(flat.sum()))
    right = _TRUST * rough.ravel()[flat] - rows[:, ~flat] @ alpha.ravel()[~flat]
    inverse = sparse.diags(1 / system.diagonal())
    solved, _ = cg(system, right, x0=alpha.ravel()[flat], rtol=1e-4, maxiter=400, M=inverse)
    alpha[unknown] = np.clip(solved, 0, 1)
    return alpha.astype(np.float32)


def _laplacian(image: Floats, unknown: NDArray[np.bool_]) -> sparse.csr_matrix:
    """The matting Laplacian (N, N) of the 3x3 windows that touch an unknown pixel, N = H W."""
    height, width = unknown.shape
    touched = ndimage.binary_dilation(unknown, np.ones((3, 3)))[1:-1, 1:-1]
    rows, columns = np.nonzero(touched)
    offsets = np.array([(y, x) for y in range(3) for x in range(3)])
    total = sparse.csr_matrix((height * width, height * width))
    for start in range(0, len(rows), 50_000):  # so that memory doesn't grow with the picture
        places = (rows[start : start + 50_000, None] + offsets[:, 0]) * width + (
            columns[start : start + 50_000, None] + offsets[:, 1]
        )
        colours = image.reshape(-1, 3)[places].astype(np.float64)
        centred = colours - colours.mean(axis=1, keepdims=True)
        spread = centred.transpose(0, 2, 1) @ centred / 9 + _SMOOTH / 9 * np.eye(3)
        alike = (1 + centred @ np.linalg.inv(spread) @ centred.transpose(0, 2, 1)) / 9
        values = np.eye(9) - alike
        total = total + sparse.csr_matrix(
            (values.ravel(), (np.repeat(places, 9, axis=1).ravel(), np.tile(places, 9).ravel())), shape=total.shape
        )
    return total


def _told_apart(image: Floats, alpha: Floats, person: Floats, behind: Floats) -> tuple[Floats, Floats]:
    """One Jacobi step: in each pixel the two colours that mix to the image's and are most like their neighbours'."""
    padded = np.pad(alpha, 1, mode="edge")
    person_sum, behind_sum, weights = np.zeros_like(person), np.zeros_like(behind), np.zeros_like(alpha)
    around_person, around_behind = (
        np.pad(colours, ((1, 1), (1, 1), (0, 0)), mode="edge") for colours in (person, behind)
    )
    height, width = alpha.shape
    for y, x in ((0, 1), (2, 1), (1, 0), (1, 2)):
        window = np.s_[y : y + height, x : x + width]
        weight = 5e-3 + 0.1 * np.abs(alpha - padded[window])
        person_sum += weight[..., None] * around_person[window]
        behind_sum += weight[..., None] * around_behind[window]
        weights += weight
    a, b = alpha[..., None], 1 - alpha[..., None]
    total = weights[..., None]
    # The 2x2 normal equations of (a F + b B - I)^2 + total (F - mean)^2 + total (B - mean)^2, solved by hand.
    first, second = a * image + person_sum, b * image + behind_sum
    determinant = (a * a + total) * (b * b + total) - (a * b) ** 2
    new_person = ((b * b + total) * first - a * b * second) / determinant
    new_behind = ((a * a + total) * second - a * b * first) / determinant
    return np.clip(new_person, 0, 1), np.clip(new_behind, 0, 1)
