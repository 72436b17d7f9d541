"""People who don't exist: the built-in avatar with other heads, skins, eyes, teeth, hair and light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..avatars.avatar import Avatar, Floats, Material
from ..avatars.bake import jpeg, png
from ..avatars.mouth import evenly_lit, lower_teeth
from ..portraits.head import load_head
from ..renderers.builtin.colour import linear, srgb
from ..renderers.lighting import Lighting

_HAIR = ("hair", "brows", "lashes")


@dataclass(frozen=True, eq=False)
class Person:
    """Someone.

    avatar : with this person's vertices, at rest, and materials
    light  : that falls on them; the mouth's opening is not in it
    """

    avatar: Avatar
    light: Lighting


def random_person(rng: np.random.Generator) -> Person:
    """Someone new."""
    head = load_head()
    shape = rng.normal(0, 0.9, len(head.basis))
    avatar = head.avatar
    melanin = rng.uniform()
    skin = _skin_gain(rng, melanin)
    materials = tuple(_material(material, rng, skin, melanin) for material in avatar.materials)
    vertices = head.shaped(shape)
    vertices = _teeth(avatar, vertices, rng)
    kept = np.ones(len(avatar.faces), bool)
    if rng.uniform() < 0.25:
        kept = avatar.face_material != [m.name for m in avatar.materials].index("hair")
    person = replace(
        avatar,
        vertices=vertices.astype(np.float32),
        faces=avatar.faces[kept],
        uvs=avatar.uvs[kept],
        face_material=avatar.face_material[kept],
        materials=materials,
    )
    return Person(person, random_light(rng))


def random_light(rng: np.random.Generator) -> Lighting:
    """From soft to hard, from all sides, from warm to cold."""
    exposure = np.exp(rng.normal(0, 0.18))
    warmth = rng.normal(0, 0.10)
    tint = np.array([1 + warmth, 1 + rng.normal(0, 0.02), 1 - warmth])
    hardness = rng.uniform(0.1, 1.2)
    directions: list[tuple[float, float, float]] = []
    colors: list[tuple[float, float, float]] = []
    for strength in (2.4, rng.uniform(0, 1.2), rng.uniform(0, 1.5)):
        direction = np.array([rng.normal(0, 0.8), rng.normal(0.45, 0.4), abs(rng.normal(0.7, 0.35)) + 0.05])
        if len(directions) == 2:
            direction[2] *= -1
        direction /= np.linalg.norm(direction)
        directions.append(_three(direction))
        color = strength * hardness * exposure * tint * (1 + rng.normal(0, 0.06, 3))
        colors.append(_three(np.clip(color, 0, None)))
    soft = (2.2 - hardness) * 0.42 * exposure
    sky = soft * tint * (1 + rng.normal(0, 0.05, 3))
    ground = sky * rng.uniform(0.2, 0.8) * (1 + rng.normal(0, 0.06, 3))
    sky, ground = (np.clip(light, 0, None) for light in (sky, ground))
    return Lighting(
        (directions[0], directions[1], directions[2]),
        (colors[0], colors[1], colors[2]),
        _three(sky),
        _three(ground),
        thrown_back=float(rng.uniform(0.4, 0.75)),
    )


def _three(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = values
    return float(first), float(second), float(third)


def _skin_gain(rng: np.random.Generator, melanin: float) -> NDArray[np.float64]:
    """Factor on the avatar's linear skin colour, which is fair."""
    dark = np.array([0.17, 0.11, 0.075]) / np.array([0.60, 0.38, 0.28])
    gain = np.exp(np.log(np.maximum(dark, 1e-3)) * melanin**1.5)
    return np.asarray(gain * np.exp(rng.normal(0, 0.08, 3)))


def _material(material: Material, rng: np.random.Generator, skin: NDArray[np.float64], melanin: float) -> Material:
    name = material.name
    if name in ("face", "skin"):
        return replace(material, texture=jpeg(_blotched(_picture(material), rng, skin), 90))
    if name == "eyes":
        return replace(material, texture=png(_coloured_iris(_picture(material), rng)))
    if name == "teeth":
        shade = np.array([1.0, rng.uniform(0.92, 1.0), rng.uniform(0.74, 1.0)]) * rng.uniform(0.7, 1.12)
        return replace(material, texture=jpeg(_tinted(_toothy(evenly_lit(_picture(material)), rng), shade), 90))
    if name in ("mouth", "tongue"):
        flesh = np.array([0.40, 0.15, 0.14]) if name == "mouth" else np.array([0.55, 0.25, 0.235])
        flesh = flesh * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.07, 3))
        speckled = flesh * (1 + 0.12 * ndimage.gaussian_filter(rng.normal(0, 3, (64, 64, 1)), (2, 2, 0)))
        return replace(material, color=(1.0, 1.0, 1.0, 1.0), texture=jpeg(srgb(speckled).astype(np.float32), 90))
    if name in _HAIR:
        # Hair, brows and lashes go together: from black to blond, some grey.
        tone = rng.choice([0.25, 0.6, 1.0, 2.5, 4.0]) * (1 - 0.7 * melanin) + 0.05
        red, green, blue, alpha = material.color
        return replace(material, color=(min(1, red * tone), min(1, green * tone), min(1, blue * tone), alpha))
    colour = np.clip(rng.uniform(0.05, 1.0, 3), 0, 1)
    return replace(material, color=(*colour.tolist(), 1.0)) if name == "jumper" else material


def _blotched(picture: Floats, rng: np.random.Generator, gain: NDArray[np.float64]) -> Floats:
    """Skin of another colour, uneven as skin is, with some freckles or stubble."""
    size = picture.shape[:2]
    light = linear(picture) * gain
    for scale, strength in ((40, 0.05), (8, 0.035), (1.2, 0.03)):
        noise = _fitted(rng.normal(0, 1, (max(2, int(size[0] / scale)), max(2, int(size[1] / scale)), 3)), size)
        light = light * np.exp(strength * rng.uniform(0.2, 1.6) * noise * (0.6, 1.0, 1.0))
    if rng.uniform() < 0.3:
        spots = ndimage.gaussian_filter((rng.uniform(size=size) > 0.995).astype(float), rng.uniform(0.6, 1.5))
        light *= 1 - np.clip(spots * rng.uniform(0.5, 4), 0, 0.6)[..., None] * (0.6, 0.9, 1.0)
    return np.asarray(srgb(light), np.float32)


def _fitted(noise: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float64]:
    import cv2

    return np.asarray(cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC))


def _coloured_iris(picture: Floats, rng: np.random.Generator) -> Floats:
    """The irises in another colour; the whites a little off white."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    saturation = picture.max(axis=2) - picture.min(axis=2)
    inside = np.hypot(xs / width - 0.5, ys / height - 0.5) < 0.2
    iris = np.clip((saturation - 0.06) / 0.08, 0, 1) * inside
    grey = picture.mean(axis=2, keepdims=True)
    colour = rng.dirichlet(np.array([1.6, 1.5, 1.6])) * 3
    tinted = np.clip(grey * colour * rng.uniform(0.4, 1.6), 0, 1)
    white = picture * (1 - rng.uniform(0, 0.12, 3) * (0.3, 0.8, 1.0)) * rng.uniform(0.8, 1.0)
    return np.asarray(white * (1 - iris[..., None]) + tinted * iris[..., None], np.float32)


def _toothy(picture: Floats, rng: np.random.Generator) -> Floats:
    """The teeth's texture stretched unevenly, so that their widths and lengths differ."""
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(float)
    wave = ndimage.gaussian_filter1d(rng.normal(0, 1, width), width / 14, mode="wrap")
    xs += wave / max(np.abs(wave).max(), 1e-6) * rng.uniform(0, 0.02) * width
    ys += ndimage.gaussian_filter1d(rng.normal(0, 1, width), width / 25)[None] * rng.uniform(0, 0.25) * height * 0.2
    channels = [ndimage.map_coordinates(picture[..., c], [ys, xs], order=1, mode="nearest") for c in range(3)]
    return np.asarray(np.stack(channels, axis=-1), np.float32)


def _teeth(avatar: Avatar, vertices: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Upper teeth that show more or less, lower ones too, arches that are wider or narrower."""
    vertices = vertices.copy()
    used = np.unique(avatar.faces_of("teeth"))
    lower = np.isin(used, lower_teeth(avatar))
    for chosen, drop in ((used[~lower], rng.uniform(-0.0005, 0.0055)), (used[lower], rng.normal(0, 0.0012))):
        middle = vertices[chosen].mean(axis=0)
        vertices[chosen] = middle + (vertices[chosen] - middle) * (rng.normal(1, 0.05), rng.normal(1, 0.06), 1.0)
        vertices[chosen, 1] -= drop
        vertices[chosen, 2] += rng.normal(0, 0.001)
    return vertices


def _tinted(picture: Floats, gain: NDArray[np.float64]) -> Floats:
    return np.asarray(srgb(np.clip(linear(picture) * gain, 0, 1)), np.float32)


def _picture(material: Material) -> Floats:
    """The texture (h, w, 3), sRGB 0 to 1."""
    return np.asarray(material.pixels() / np.float32(255), np.float32)
