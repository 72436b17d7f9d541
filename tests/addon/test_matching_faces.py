"""Which shape keys say what, in every spelling; and whether lips that a take closes stay closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import characters
import numpy as np
import pytest
from characters import DESCRIPTIONS, bone, face, faces
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.faces import FaceMatch, match_face
from blender_addon.core.matching import match_rig
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.rig import Rig, RigMapping
from blender_addon.core.shapes import jaw_angles, shape_values
from blender_addon.core.take import Take, read_take
from blender_addon.core.visemes import POSES, VISEMES
from vlogger_backend.motion.names import ARKIT_NAMES

CONVENTIONS = {description.name: description for description in DESCRIPTIONS.faces}
_OPENING = np.array([34.8, -2.4, 13.1, -1.4, 8.0, 0.0])
"""Millimetres that the built-in face's lips part for a unit of each feature of a viseme."""
_LIPS = {"jawOpen": 34.8, "mouthClose": -34.8, "mouthFunnel": 13.1, "mouthPucker": -2.4}


def _match(*meshes: characters.FaceMesh) -> FaceMatch:
    return match_face(faces(*meshes), DESCRIPTIONS.faces)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _short(mark: str) -> Callable[[str], str]:
    def change(name: str) -> str:
        for side in ("Left", "Right"):
            if name.endswith(side) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
                return name.removesuffix(side) + mark + side[0]
        return name

    return change


SPELLINGS: dict[str, Callable[[str], str]] = {
    "Apple's": str,
    "capitals first": lambda name: name[0].upper() + name[1:],
    "lower": str.lower,
    "upper": str.upper,
    "_L": _short("_"),
    ".L": _short("."),
    "all sides short": lambda name: name.replace("Left", "_L").replace("Right", "_R"),
    "_Left": lambda name: name.replace("Left", "_Left").replace("Right", "_Right"),
    "snake": _snake,
    "VRoid's prefix": lambda name: f"Face.M_F00_000_00_{name}",
    "Maya's prefix": lambda name: f"blendShape1.{name}",
    "MetaHuman's prefix": lambda name: f"head_lod0_mesh__{name}",
    "prefix and side": lambda name: "ARKit_" + _short("_")(name),
    "copies": lambda name: f"{name}.001",
    "side first": lambda name: next((side + name.removesuffix(side)[0].upper() + name.removesuffix(side)[1:]
                                     for side in ("Left", "Right") if name.endswith(side)), name),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_in_every_spelling(spelling: str) -> None:
    change = SPELLINGS[spelling]
    found = _match(face("Basis2", *(change(name) for name in ARKIT_NAMES)))
    assert found.kind == "face-arkit"
    assert found.drives == {("Face", change(name)): {name: 1.0} for name in ARKIT_NAMES}
    assert found.jaw is None
    assert found.opens


def test_shared_halves_of_arkit_keys_are_both_driven() -> None:
    names = [name for name in ARKIT_NAMES if name != "browInnerUp"]
    found = _match(face(*names, "browInnerUp_L", "browInnerUp_R"))
    assert found.drives["Face", "browInnerUp_L"] == found.drives["Face", "browInnerUp_R"] == {"browInnerUp": 1.0}


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("viseme_sil viseme_PP viseme_FF viseme_TH viseme_DD viseme_kk viseme_CH viseme_SS viseme_nn viseme_RR "
         "viseme_aa viseme_E viseme_I viseme_O viseme_U", "face-oculus"),
        ("vrc.v_sil vrc.v_pp vrc.v_ff vrc.v_th vrc.v_dd vrc.v_kk vrc.v_ch vrc.v_ss vrc.v_nn vrc.v_rr vrc.v_aa vrc.v_e "
         "vrc.v_ih vrc.v_oh vrc.v_ou Blink", "face-oculus"),
        ("Face.M_F00_000_00_Fcl_MTH_A Face.M_F00_000_00_Fcl_MTH_I Face.M_F00_000_00_Fcl_MTH_U "
         "Face.M_F00_000_00_Fcl_MTH_E Face.M_F00_000_00_Fcl_MTH_O Face.M_F00_000_00_Fcl_EYE_Close "
         "Face.M_F00_000_00_Fcl_ALL_Joy", "face-vrm"),
        ("A I U E O Blink Blink_L Blink_R Joy", "face-vrm"),
        ("aa ih ou ee oh blink blinkLeft blinkRight happy", "face-vrm"),
        ("あ い う え お まばたき ウィンク２ ウィンク２右 笑い", "face-mmd"),
        ("V_Open V_Explosive V_Dental_Lip V_Tight_O V_Tight V_Wide V_Affricate V_Lip_Open",
         "face-character-creator-visemes"),
        ("A B C D E F G H", "face-rhubarb"),
        ("AI E etc FV L MBP O rest U WQ", "face-preston-blair"),
        ("Genesis8Female__eCTRLvAA Genesis8Female__eCTRLvEE Genesis8Female__eCTRLvM Genesis8Female__eCTRLvF "
         "Genesis8Female__eCTRLvOW Genesis8Female__eCTRLvUW", "face-daz-visemes"),
        ("Mouth Open|Smile|Blink_L|Blink_R|Brows Up", "face-plain"),
    ],
)  # fmt: skip
def test_conventions_are_recognised(keys: str, kind: str) -> None:
    found = _match(face(*(keys.split("|") if "|" in keys else keys.split())))
    assert found.kind == kind
    assert found.opens or CONVENTIONS[kind].jaw is not None
    assert all(found.reasons[place] for place in found.drives)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_recognises_its_own_names(name: str) -> None:
    found = _match(face(*(key.names[0] for key in CONVENTIONS[name].keys)))
    assert found.kind == name


def test_character_creator_opens_its_jaw_bone_too() -> None:
    keys = [key.names[0] for key in CONVENTIONS["face-character-creator"].keys]
    rig = faces(face(*keys), bones=[bone("jaw", "head", (0, 0, 1.6))])
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    assert mapping.jaw == pytest.approx(np.radians(30), abs=0.01)
    assert any("driver" in problem for problem in mapping.problems)


def test_muscles_are_preferred_to_whole_mouths() -> None:
    """Ready Player Me has both: driving both would open the mouth twice."""
    found = _match(face(*ARKIT_NAMES, *VISEMES, "mouthOpen", "mouthSmile", "eyesClosed"))
    assert {key for _, key in found.drives} == set(ARKIT_NAMES)


def test_mouth_and_lids_may_have_different_conventions() -> None:
    found = _match(
        face("viseme_PP", "viseme_aa", "viseme_E", "viseme_O", "viseme_U", "まばたき", "eyeBlinkLeft", "eyeBlinkRight")
    )
    assert found.kind == "face-oculus"
    assert found.drives["Face", "eyeBlinkLeft"] == {"eyeBlinkLeft": 1.0}
    assert ("Face", "まばたき") not in found.drives


def test_a_blink_of_both_eyes_is_their_mean() -> None:
    found = _match(face("A", "I", "U", "E", "O", "Blink"))
    assert found.drives["Face", "Blink"] == {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}


def test_all_meshes_of_a_character_are_driven_alike() -> None:
    head = face(*ARKIT_NAMES, "viseme_aa", name="Head")
    teeth = face("jawOpen", "tongueOut", "viseme_aa", name="Teeth")
    lashes = face("eyeBlink_L", "eyeBlink_R", name="Lashes")
    beard = face("viseme_aa", name="Beard")
    found = _match(head, teeth, lashes, beard)
    assert found.drives["Teeth", "jawOpen"] == {"jawOpen": 1.0}
    assert ("Teeth", "viseme_aa") not in found.drives
    assert found.drives["Lashes", "eyeBlink_L"] == {"eyeBlinkLeft": 1.0}
    assert found.drives["Beard", "viseme_aa"]  # the only one it has


def test_names_that_say_nothing_are_told() -> None:
    found = _match(face("Key 1", "Key 2", "Fat", "Muscles"))
    assert not found.drives
    assert any("Key 1" in problem for problem in found.problems)


def test_a_word_within_a_word_is_not_a_mouth() -> None:
    found = _match(face("Chest_Open", "Hand_A", "Skirt_E", "Corrective_O", "EyesOpen", "HairBlink"))
    assert not any(
        "mouth" in str(parts) or "viseme" in str(parts) or "jaw" in str(parts) for parts in found.drives.values()
    )


def test_combinations_and_correctives_are_left_alone() -> None:
    found = _match(face(*ARKIT_NAMES, "jawOpen_mouthSmileLeft", "cor_jawOpen_mouthFunnel", "jawOpen50"))
    assert {key for _, key in found.drives} == set(ARKIT_NAMES)


def _take(weights: Iterable[dict[str, float]]) -> Take:
    rows = list(weights)
    values = np.array([[row.get(name, 0.0) for name in ARKIT_NAMES] for row in rows], np.float32)
    return Take(
        fps=30.0,
        poses=np.zeros((len(rows), len(JOINT_NAMES), 3), np.float32),
        trans=np.zeros((len(rows), 3), np.float32),
        face=values,
        face_names=ARKIT_NAMES,
    )


def _apertures(take: Take, name: str) -> np.ndarray:
    """How far (T,) the lips of a face with all keys of a convention are apart, in millimetres."""
    convention = CONVENTIONS[name]
    keys = {key.names[0]: key for key in convention.keys}
    rig = faces(face(*keys), bones=[bone("jaw", "head", (0, 0, 1.6))])
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    values, _ = shape_values(take, rig, mapping)
    alike = {key: sum(other.drive == keys[key].drive for _, k in values for other in [keys[k]]) for _, key in values}
    total = np.zeros(len(take))
    for (_, key), track in values.items():
        if keys[key].looks:
            look = sum(w * np.array(POSES[v]) for v, w in keys[key].looks.items() if v in POSES)
            opened = float(np.dot(look, _OPENING)) if np.ndim(look) else 0.0
            total += track * (0 if convention.jaw and "jaw" in mapping.bones else opened)
        elif not (convention.jaw and "jawOpen" in keys[key].drive):
            total += track * sum(_LIPS.get(part, 0) * w for part, w in keys[key].drive.items()) / alike[key]
    if mapping.jaw is not None:
        total += jaw_angles(take, mapping) / mapping.jaw * _LIPS["jawOpen"]
    return np.maximum(total, 0)


@pytest.mark.parametrize("name", CONVENTIONS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_lips_that_a_take_closes_are_closed(name: str, data: object) -> None:
    weight = st.floats(0, 1, width=32)
    rows = []
    for _ in range(4):
        jaw = data.draw(st.floats(0.03125, 0.5, width=32))  # type: ignore[attr-defined]
        lips = {n: 0.4 * data.draw(weight) for n in ("mouthStretchLeft", "mouthSmileLeft", "mouthPucker")}  # type: ignore[attr-defined]
        rows.append({**lips, "jawOpen": jaw, "mouthClose": jaw, "mouthPressLeft": 0.2, "mouthPressRight": 0.2})
    assert _apertures(_take(rows), name).max() < 0.6


def test_the_jaw_alone_closes_for_closed_lips() -> None:
    rig = faces(bones=[bone("jaw", "head", (0, 0, 1.6))])
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    angles = jaw_angles(_take([{"jawOpen": 0.4}, {"jawOpen": 0.4, "mouthClose": 0.4}]), mapping)
    assert angles[0] > 0.1
    assert angles[1] == pytest.approx(0)


def test_a_face_without_mouth_close_closes_its_jaw_key() -> None:
    found = _match(face(*(name for name in ARKIT_NAMES if name != "mouthClose")))
    assert found.drives["Face", "jawOpen"] == {"jawOpen": 1.0, "mouthClose": -1.0}


def _viseme_take(viseme: str) -> Take:
    """The ARKit weights that the takes have for a viseme."""
    opened, pucker, funnel, spread, teeth, tongue = POSES[viseme]
    both = {"mouthStretch": spread, "mouthLowerDown": teeth, "mouthUpperUp": 0.85 * teeth, "mouthSmile": 0.7 * spread}
    return _take([{
        "jawOpen": opened, "mouthPucker": pucker, "mouthFunnel": funnel, "tongueOut": tongue,
        **{f"{part}{side}": value for part, value in both.items() for side in ("Left", "Right")},
    }])  # fmt: skip


@pytest.mark.parametrize("viseme", POSES)
def test_each_viseme_of_a_take_shows_most_in_its_own_key(viseme: str) -> None:
    rig = faces(face(*VISEMES))
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    values, _ = shape_values(_viseme_take(viseme), rig, mapping)
    best = max(values, key=lambda place: float(values[place][0]))
    assert best == ("Face", viseme)
    assert values[best][0] > 0.6


@pytest.mark.parametrize(
    ("viseme", "key"), [("aa", "A"), ("I", "I"), ("U", "U"), ("E", "E"), ("O", "O"), ("SS", "I"), ("kk", "A")]
)
def test_five_vowels_stand_in_for_all_visemes(viseme: str, key: str) -> None:
    rig = faces(face("Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E", "Fcl_MTH_O"))
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    values, _ = shape_values(_viseme_take(f"viseme_{viseme}"), rig, mapping)
    assert max(values, key=lambda place: float(values[place][0])) == ("Face", f"Fcl_MTH_{key}")


@pytest.fixture(scope="module")
def spoken(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Take:
    from vlogger_backend.animate import Animator
    from vlogger_backend.request import Request

    path = tmp_path_factory.mktemp("take") / "take.npz"
    Animator().animate(Request(audio=str(line)), path)
    return read_take(path)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_faces_of_every_kind_open_with_a_real_take(name: str, spoken: Take) -> None:
    truth = np.maximum(sum(spoken.face[:, ARKIT_NAMES.index(part)] * w for part, w in _LIPS.items()), 0)
    opened = _apertures(spoken, name)
    assert np.corrcoef(truth, opened)[0, 1] > 0.9
    jaw, close = (spoken.face[:, ARKIT_NAMES.index(part)] for part in ("jawOpen", "mouthClose"))
    sealed = close > 0.98 * np.maximum(jaw, 0.02)
    assert sealed.any()
    assert opened[sealed].max() < 0.6
    assert opened[truth > 5].mean() > 0.6 * truth[truth > 5].mean()


def test_blinks_close_the_eyes_on_every_face(spoken: Take) -> None:
    blink = spoken.face[:, ARKIT_NAMES.index("eyeBlinkLeft")]
    for keys in (
        ["Fcl_MTH_A", "Fcl_EYE_Close"],
        ["あ", "まばたき"],
        ["jawOpen", "eyesClosed"],
        ["Eye_Blink_L", "Eye_Blink_R"],
    ):
        rig = faces(face(*keys))
        mapping = match_rig(rig, DESCRIPTIONS)[0]
        values, _ = shape_values(spoken, rig, mapping)
        lids = next(track for (_, key), track in values.items() if key == keys[1])
        assert lids.max() > 0.9 * blink.max()


def test_a_mapping_knows_its_face(spoken: Take) -> None:
    rig = Rig("x", (bone("a", None, (0, 0, 0)),), (face(*ARKIT_NAMES),))
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    assert isinstance(mapping, RigMapping)
    assert mapping.face_kind == "face-arkit"
    assert mapping.face_reasons["Face", "jawOpen"] == "jawOpen of ARKit"


@pytest.mark.parametrize(
    "spelt", ["{}Shape", "SHP_{}_grp", "Head_{}_Mesh", "Face.{}", "01_{}", "{}.001", "char:bs.{}", "<{}> (new)"]
)
def test_decorations_that_all_keys_share_don_t_matter(spelt: str) -> None:
    names = {spelt.replace("{}", name).replace("<", "").replace(">", ""): name for name in ARKIT_NAMES}
    found = _match(face(*names))
    assert {key: max(parts, key=lambda part: parts[part]) for (_, key), parts in found.drives.items()} == names


def test_sides_may_stand_in_brackets() -> None:
    found = _match(face("jawOpen", "eyeBlink (Left)", "eyeBlink[Right]", "mouthSmile (Right)"))
    assert found.drives["Face", "eyeBlink (Left)"] == {"eyeBlinkLeft": 1}
    assert found.drives["Face", "eyeBlink[Right]"] == {"eyeBlinkRight": 1}


def test_a_letter_alone_is_no_mouth() -> None:
    found = _match(face("Fat", "Muscle", "A", "L", "Young"))
    assert not found.drives
    assert _match(face("A", "I", "U", "E", "O")).drives


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("face-unified", "JawOpen MouthClosed LipPucker LipFunnel EyeClosedLeft EyeClosedRight MouthCornerPullLeft"),
        ("face-sranipal", "Jaw_Open Mouth_Ape_Shape Mouth_Pout Mouth_Smile_Left Eye_Left_Blink Eye_Right_Blink"),
        ("face-meta", "JawDrop LipsToward LipPuckerL LipPuckerR EyesClosedL EyesClosedR LipCornerPullerL"),
        ("face-roblox", "JawDrop LipsTogether Pucker Funneler LeftEyeClosed RightEyeClosed LeftLipCornerPuller"),
        ("face-plain", "Open Close Wide Narrow Blink_L Blink_R"),
    ],
)
def test_faces_that_have_some_keys_of_a_kind(kind: str, keys: str) -> None:
    found = _match(face(*keys.split()))
    assert found.kind == kind
    assert found.opens
    shut = _take([{"jawOpen": 0.4, "mouthClose": 0.4}])
    rig = faces(face(*keys.split()))
    values, _ = shape_values(shut, rig, match_rig(rig, DESCRIPTIONS)[0])
    opened = sum(float(values.get(("Face", key), [0])[0]) for key in ("JawOpen", "Jaw_Open", "JawDrop", "Open"))
    closed = sum(float(values.get(("Face", key), [0])[0]) for key in ("MouthClosed", "LipsToward", "LipsTogether"))
    assert opened == pytest.approx(closed)


def test_each_mesh_of_a_face_has_what_it_has() -> None:
    found = _match(face("jawOpen", "mouthClose", "eyeBlinkLeft", name="Skin"), face("jawOpen", "Fat", name="Teeth"),
                   face("eyeBlinkLeft", name="Lashes"), face("Big", name="Hat"))  # fmt: skip
    assert found.drives["Teeth", "jawOpen"] == {"jawOpen": 1}
    assert found.drives["Lashes", "eyeBlinkLeft"] == {"eyeBlinkLeft": 1}
    assert not any(mesh == "Hat" for mesh, _ in found.drives)
