"""Files of SMPL-X, SMPL-H and FLAME become models, and whatever is wrong with one is a sentence with the remedy."""

import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from licensed_files import STYLES, Style, entries_of, small_model, write_entries, write_model
from licensed_models import made

from vlogger_backend.avatars.licensed.body_model import BodyModel
from vlogger_backend.avatars.licensed.reading import read_model
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import JOINT_NAMES

model_of = lru_cache(maxsize=8)(small_model)


def assert_same(found: BodyModel, model: BodyModel) -> None:
    assert found.kind == model.kind
    assert found.joints == model.joints
    for name in ("template", "faces", "correctives", "weights", "parents"):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name), err_msg=name)
    assert abs(found.regressor - model.regressor).max() == 0
    for name in ("shapes", "expressions"):
        components = getattr(model, name)
        padded = getattr(found, name)
        np.testing.assert_array_equal(padded[..., : components.shape[2]], components, err_msg=name)
        assert not padded[..., components.shape[2] :].any()
    assert (found.landmarks is None) == (model.landmarks is None)
    if model.landmarks and found.landmarks:
        np.testing.assert_array_equal(found.landmarks.faces, model.landmarks.faces)
        np.testing.assert_array_equal(found.landmarks.shares, model.landmarks.shares)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["smplx", "smplh", "flame"])
def test_what_is_written_is_read(tmp_path: Path, kind: Any, style: Style) -> None:
    model = model_of(kind)
    suffix = ".npz" if style == "npz" else ".pkl"
    assert_same(read_model(write_model(tmp_path / f"model{suffix}", model, style)), model)


@pytest.mark.parametrize("style", ["npz", "python 2 with chumpy"])
@pytest.mark.parametrize("kind", ["smplx", "flame"])
def test_three_hundred_and_a_hundred_components(tmp_path: Path, kind: Any, style: Style) -> None:
    model = small_model(kind, identity=300)
    found = read_model(write_model(tmp_path / "model", model, style))
    assert found.shapes.shape[2] == 300
    assert found.expressions.shape[2] == 100
    assert_same(found, model)


@pytest.mark.parametrize("components", [10, 50])
def test_a_model_with_a_face_comes_back(tmp_path: Path, components: int) -> None:
    model = made("flame", components).model
    assert_same(read_model(write_model(tmp_path / "generic_model.pkl", model, "python 2 with chumpy")), model)


def test_amass_has_sixteen_betas(tmp_path: Path) -> None:
    model = model_of("smplh", 16)
    found = read_model(write_model(tmp_path / "model.npz", model, "npz"))
    assert found.shapes.shape[2] == 16
    assert found.expressions.shape[2] == 0
    assert found.joints == (*JOINT_NAMES[:22], *JOINT_NAMES[25:])
    assert found.landmarks is None


def test_the_smplx_library_reads_the_same(tmp_path: Path) -> None:
    """So the files that these tests make are such files."""
    smplx = pytest.importorskip("smplx", reason="the smplx library is not installed: pip install vlogger[models]")
    torch = pytest.importorskip("torch")
    model = model_of("smplx")
    folder = tmp_path / "smplx"
    folder.mkdir()
    write_model(folder / "SMPLX_NEUTRAL.npz", model, "npz")
    theirs = smplx.create(tmp_path, "smplx", num_betas=10, num_expression_coeffs=10, use_pca=False, ext="npz")
    betas, expression = np.linspace(-1, 1, 10), np.linspace(1, -1, 10)
    posed = theirs(
        betas=torch.tensor(betas[None], dtype=torch.float32),
        expression=torch.tensor(expression[None], dtype=torch.float32),
        left_hand_pose=-theirs.left_hand_mean[None],  # it adds the mean, ours is of flat hands
        right_hand_pose=-theirs.right_hand_mean[None],
    )
    ours = model.template + model.shapes @ betas + model.expressions @ expression
    np.testing.assert_allclose(posed.vertices[0].detach().numpy(), ours, atol=1e-5)
    np.testing.assert_allclose(posed.joints[0, :55].detach().numpy(), model.regressor @ ours, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("SMPLX_NEUTRAL_2020.npz", "smplx", "SMPL-X neutral 2020"),
        ("SMPLX_FEMALE.pkl", "smplx", "SMPL-X female"),
        ("FLAME2020/generic_model.pkl", "flame", "FLAME 2020 generic"),
        ("flame2023_Open.pkl", "flame", "FLAME 2023 Open"),
        ("flame2023.pkl", "flame", "FLAME 2023"),
        ("smplh/male/model.npz", "smplh", "SMPL-H male"),
        ("body.npz", "smplx", "SMPL-X"),
    ],
)
def test_the_title_goes_by_the_name(tmp_path: Path, name: str, kind: Any, title: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_model(path, model_of(kind), "npz" if name.endswith("npz") else "python 3")
    assert read_model(path).title == title


def test_a_file_under_another_suffix_is_read_all_the_same(tmp_path: Path) -> None:
    model = model_of("flame")
    assert_same(read_model(write_model(tmp_path / "flame.npz", model, "python 2")), model)
    assert_same(read_model(write_model(tmp_path / "flame.pkl", model, "npz")), model)


def test_landmarks_may_be_missing(tmp_path: Path) -> None:
    for kind in ("smplx", "flame"):
        model = replace(model_of(kind), landmarks=None)
        path = write_model(tmp_path / f"{kind}.npz", model, "npz")
        assert read_model(path).landmarks is None


def wrong(change: Callable[[dict[str, Any]], None], kind: Any = "smplx") -> dict[str, Any]:
    entries = entries_of(model_of(kind))
    change(entries)
    return entries


def put(name: str, place: Any, value: float) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        entries[name] = entries[name].copy()
        entries[name][place] = value

    return change


def cut(name: str, axis: int, size: int) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        entries[name] = np.take(entries[name], range(size), axis=axis)

    return change


WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no number": (put("shapedirs", (5, 1, 3), np.nan), "not finite"),
    "infinite": (put("v_template", (5, 1), np.inf), "not finite"),
    "millimetres": (lambda e: e.update(v_template=e["v_template"] * 1000), "metres"),
    "too few components": (cut("shapedirs", 2, 15), "15 components of shape instead of 20"),
    "betas of SMPL": (cut("shapedirs", 2, 10), "10 components of shape instead of 20"),
    "correctives of fewer joints": (cut("posedirs", 2, 207), "posedirs has the shape"),
    "shapes of fewer vertices": (cut("shapedirs", 0, 6890), "shapedirs has the shape"),
    "flat shapes": (lambda e: e.update(shapedirs=e["shapedirs"].reshape(-1, 20)), "shapedirs has the shape"),
    "triangles elsewhere": (put("f", (0, 0), 20000), "refers to what is not there"),
    "weights": (put("weights", (3, 1), 0.7), "add up to one"),
    "negative weights": (lambda e: e.update(weights=-e["weights"]), "add up to one"),
    "tree": (put("kintree_table", (0, 4), 50), "hang together"),
    "tree of fewer joints": (cut("kintree_table", 1, 24), "kintree_table has the shape"),
    "regressor": (lambda e: e.update(J_regressor=2 * e["J_regressor"]), "among the vertices"),
    "regressor of other joints": (cut("J_regressor", 0, 52), "J_regressor has the shape"),
    "no regressor": (lambda e: e.pop("J_regressor"), "has no J_regressor"),
    "no correctives": (lambda e: e.pop("posedirs"), "has no posedirs"),
    "words": (lambda e: e.update(v_template=e["v_template"].astype(str)), "something else than numbers"),
    "landmarks elsewhere": (put("lmk_faces_idx", 3, 10**6), "refers to what is not there"),
    "landmarks outside": (put("lmk_bary_coords", (3, 1), 5), "outside of their triangles"),
    "landmarks of another scheme": (cut("lmk_faces_idx", 0, 17), "lmk_faces_idx has the shape"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_the_remedy(tmp_path: Path, case: str) -> None:
    change, words = WRONG[case]
    path = write_entries(tmp_path / "SMPLX_NEUTRAL.pkl", wrong(change), "python 3")
    with pytest.raises(InputError, match=words) as error:
        read_model(path)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(path))
    for part in ("SMPLX_NEUTRAL.npz", "https://smpl-x.is.tue.mpg.de", "non-commercial", "modellicense"):
        assert part in sentence


def test_an_altered_flame_is_sent_to_flames_makers(tmp_path: Path) -> None:
    path = write_entries(tmp_path / "f.pkl", wrong(put("weights", (3, 1), 0.7), "flame"), "python 3")
    with pytest.raises(InputError, match=r"https://flame\.is\.tue\.mpg\.de"):
        read_model(path)
    path = write_entries(tmp_path / "f.pkl", wrong(put("weights", (3, 1), 0.7), "smplh"), "python 3")
    with pytest.raises(InputError, match=r"https://mano\.is\.tue\.mpg\.de"):
        read_model(path)


def other(vertices: int, joints: int) -> dict[str, Any]:
    return {"v_template": np.zeros((vertices, 3)), "weights": np.zeros((vertices, joints)), "f": np.zeros((9, 3), int)}


@pytest.mark.parametrize("style", ["npz", "python 2"])
@pytest.mark.parametrize(
    ("counts", "words"),
    [((6890, 24), "SMPL, a body without"), ((778, 16), "MANO, a hand"), ((100, 7), "100 vertices and 7 joints")],
)
def test_other_models_are_known_for_what_they_are(tmp_path: Path, counts: Any, words: str, style: Style) -> None:
    entries = {**other(*counts), "J_regressor": np.zeros((counts[1], counts[0]))}
    path = write_entries(tmp_path / "SMPLX_MALE.npz", entries, style)
    with pytest.raises(InputError, match=words) as error:
        read_model(path)
    assert "SMPLX_NEUTRAL.npz" in str(error.value)


def test_what_is_no_model_at_all(tmp_path: Path) -> None:
    files = {
        "take.npz": lambda path: np.savez(path, poses=np.zeros((3, 165))),
        "page.pkl": lambda path: path.write_text("<!DOCTYPE html><html>Please log in</html>"),
        "models.zip": write_zip,
        "empty.pkl": lambda path: path.write_bytes(b""),
        "list.pkl": lambda path: path.write_bytes(pickle.dumps([1, 2])),
        "folder": lambda path: path.mkdir(),
        "pipe": lambda path: os.mkfifo(path) if hasattr(os, "mkfifo") else path.mkdir(),
    }
    for name, make in files.items():
        make(tmp_path / name)
    for name in (*files, "absent.npz"):
        with pytest.raises(InputError) as error:
            read_model(tmp_path / name)
        assert "\n" not in str(error.value)
        assert name in str(error.value)


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("models/smplx/SMPLX_NEUTRAL.npz", b"x")


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    write_zip(tmp_path / "models_smplx_v1_1.zip")
    with pytest.raises(InputError, match=r"unpack it and name models/smplx/SMPLX_NEUTRAL\.npz"):
        read_model(tmp_path / "models_smplx_v1_1.zip")


@pytest.mark.parametrize("style", ["npz", "python 2 with chumpy"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
def test_truncated_files(tmp_path: Path, style: Style, share: float) -> None:
    path = write_model(tmp_path / "model", model_of("flame"), style)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="Download it again"):
        read_model(path)


def test_objects_where_numbers_should_be_are_never_unpickled(tmp_path: Path) -> None:
    entries = wrong(lambda e: e.update(v_template=np.array([{"a": 1}], object)))
    with pytest.raises(InputError, match="pickle, which might run a program"):
        read_model(write_entries(tmp_path / "model.npz", entries, "npz"))


def test_flames_landmarks_as_a_dictionary_that_numpy_saved(tmp_path: Path) -> None:
    """With tensors in it, which are not looked at."""
    torch = pytest.importorskip("torch")
    model = model_of("flame")
    path = write_model(tmp_path / "flame.pkl", replace(model, landmarks=None), "python 2")
    assert model.landmarks is not None
    embedding = {
        "static_lmk_faces_idx": model.landmarks.faces.astype(np.int64),
        "static_lmk_bary_coords": model.landmarks.shares,
        "dynamic_lmk_faces_idx": torch.zeros(79, 17, dtype=torch.long),
        "full_lmk_faces_idx": np.zeros((1, 68), int),
    }
    np.save(tmp_path / "landmark_embedding.npy", np.array(embedding, object))
    assert_same(read_model(path), model)
    np.save(tmp_path / "landmark_embedding.npy", np.zeros(3))
    with pytest.raises(InputError, match="an array alone"):
        read_model(path)


def test_a_damaged_embedding_beside_flame_is_named(tmp_path: Path) -> None:
    path = write_model(tmp_path / "flame.pkl", model_of("flame"), "python 3")
    (tmp_path / "flame_static_embedding.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match=r"flame_static_embedding\.pkl is refused"):
        read_model(path)
