"""Files as the makers of SMPL-X, SMPL-H and FLAME write them, from models that are made for tests.

Keys, shapes and types of numbers are theirs, with what vlogger has no use for; so the `smplx` library reads them too.
"""

import io
import pickle
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import sparse

from vlogger_backend.avatars.licensed.body_model import STRUCTURES, BodyModel, LandmarkEmbedding

Style = Literal["npz", "python 3", "python 2", "python 2 with chumpy"]
STYLES: tuple[Style, ...] = ("npz", "python 3", "python 2", "python 2 with chumpy")


def small_model(kind: Literal["smplx", "smplh", "flame"], identity: int = 10, seed: int = 0) -> BodyModel:
    """A model of the right sizes with nothing but noise in it, quickly made. `identity` 300 has 100 expressions."""
    rng = np.random.default_rng(seed)
    structure = STRUCTURES[kind]
    vertices, joints = structure.vertices, len(structure.joints)
    weights = rng.random((vertices, joints)) ** 8
    rows = np.zeros((joints, vertices))
    for row in rows:
        row[rng.choice(vertices, 8, replace=False)] = 1 / 8
    expressions = 0 if kind == "smplh" else 100 if identity == 300 else 10
    landmarks = None
    if kind != "smplh":
        shares = rng.random((51, 3))
        landmarks = LandmarkEmbedding(
            rng.integers(0, 2 * vertices - 20, 51).astype(np.int32), shares / shares.sum(axis=1, keepdims=True)
        )
    return BodyModel(
        kind=kind,
        title="made for tests",
        template=rng.normal(0, 0.5, (vertices, 3)),
        faces=rng.integers(0, vertices, (2 * vertices - 20, 3)).astype(np.int32),
        shapes=rng.normal(0, 0.01, (vertices, 3, identity)),
        expressions=rng.normal(0, 0.01, (vertices, 3, expressions)),
        correctives=rng.normal(0, 0.001, (9 * (joints - 1), vertices * 3)),
        regressor=sparse.csr_matrix(rows),
        weights=weights / weights.sum(axis=1, keepdims=True),
        parents=np.array(structure.parents, np.int32),
        joints=structure.joints,
        landmarks=landmarks,
    )


def entries_of(model: BodyModel) -> dict[str, Any]:
    """What a file holds: the model, padded with empty components to a number that such files have, and much else."""
    vertices, joints = model.weights.shape
    identity, expressions = model.shapes.shape[2], model.expressions.shape[2]
    wanted = (identity, 0) if model.kind == "smplh" else (10, 10) if max(identity, expressions) <= 10 else (300, 100)
    shapes = np.zeros((vertices, 3, sum(wanted)))
    shapes[..., :identity] = model.shapes
    shapes[..., wanted[0] : wanted[0] + expressions] = model.expressions
    parents = model.parents.astype(np.int64)
    parents[0] = 2**32 - 1
    entries: dict[str, Any] = {
        "v_template": model.template,
        "f": model.faces.astype(np.uint32),
        "shapedirs": shapes,
        "posedirs": model.correctives.T.reshape(vertices, 3, -1),
        "J_regressor": model.regressor.toarray(),
        "weights": model.weights,
        "kintree_table": np.stack([parents, np.arange(joints)]).astype(np.uint32),
        "J": model.regressor @ model.template,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    if model.kind in ("smplx", "smplh"):
        for side in "lr":
            entries[f"hands_mean{side}"] = np.linspace(-0.1, 0.1, 45)
            entries[f"hands_components{side}"] = np.eye(45)
            entries[f"hands_coeffs{side}"] = np.zeros((10, 45))
    if model.kind == "smplx":
        entries["vt"], entries["ft"] = np.zeros((11313, 2)), model.faces.astype(np.uint32)
        entries["dynamic_lmk_faces_idx"] = np.zeros((79, 17), np.int64)
        entries["dynamic_lmk_bary_coords"] = np.full((79, 17, 3), 1 / 3)
        entries["joint2num"] = {name: number for number, name in enumerate(model.joints)}
        entries["part2num"] = {"Global": 0, "L_Thigh": 1}
        if model.landmarks:
            entries["lmk_faces_idx"] = model.landmarks.faces.astype(np.int64)
            entries["lmk_bary_coords"] = model.landmarks.shares
    return entries


def write_model(path: Path, model: BodyModel, style: Style) -> Path:
    """Write a model as a file of its makers; FLAME's landmarks go beside it, as they have them."""
    write_entries(path, entries_of(model), style)
    if model.kind == "flame" and model.landmarks:
        embedding = {"lmk_face_idx": model.landmarks.faces, "lmk_b_coords": model.landmarks.shares}
        path.with_name("flame_static_embedding.pkl").write_bytes(python_2(embedding))
    return path


def write_entries(path: Path, entries: dict[str, Any], style: Style) -> Path:
    if style == "npz":
        with open(path, "wb") as file:
            np.savez(file, **entries)  # dictionaries become arrays of objects, as in SMPL-X's own
        return path
    if style == "python 3":
        path.write_bytes(pickle.dumps(entries, 4))
        return path
    held = {**entries, "J_regressor": sparse.csc_matrix(entries["J_regressor"])}
    with chumpy() as (ch, select):
        if style == "python 2 with chumpy":
            held["shapedirs"] = _selected(ch, select, entries["shapedirs"])
            held["v_template"] = _wrapped(ch, entries["v_template"])
            held["posedirs"] = _wrapped(ch, entries["posedirs"])
        path.write_bytes(python_2(held).replace(b"scipy.sparse._csc", b"scipy.sparse.csc"))
    return path


def python_2(value: Any) -> bytes:
    """A pickle as Python 2 writes it at its best protocol: text and bytes are both `str`."""
    file = io.BytesIO()
    _Python2(file, 2, fix_imports=True).dump(value)
    return file.getvalue()


class _Python2(pickle._Pickler):
    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_text(self, text: str | bytes) -> None:
        data = text.encode("latin-1") if isinstance(text, str) else text
        if len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_text


@contextmanager
def chumpy() -> Iterator[tuple[type, type]]:
    """chumpy's two classes for as long as something is pickled; what is in them is what chumpy leaves in them."""
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (ch,), {"__module__": "chumpy.reordering"})
    modules = {name: ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    modules["chumpy.ch"].Ch = ch  # type: ignore[attr-defined]
    modules["chumpy.reordering"].Select = select  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield ch, select
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _wrapped(ch: type, array: np.ndarray) -> Any:
    shell = ch()
    shell.__dict__.update(x=array, _dirty_vars={"x"}, _itr=None, _status="new", dterms=("x",), terms=())
    return shell


def _selected(ch: type, select: type, array: np.ndarray) -> Any:
    """The array as the first columns of a wider one, which is how the makers cut theirs."""
    wide = np.concatenate([array, array[..., :2]], axis=2)
    places = np.arange(wide.size).reshape(wide.shape)[..., : array.shape[2]].ravel()
    shell = select()
    shell.__dict__.update(
        a=_wrapped(ch, wide), idxs=places, preferred_shape=array.shape, _dirty_vars={"a"}, dterms=("a",)
    )
    return shell
