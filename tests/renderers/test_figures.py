"""Models of the user's in control images and shots: they are the photo's person, and do what they can."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from licensed_files import small_model, write_model
from licensed_models import made
from PIL import Image
from portraits_of import performing, portrait_of

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.motion.speech import SILENCE, Phone, Speech
from vlogger_backend.motion.take import Take, save_take
from vlogger_backend.painting import painting_from_dict
from vlogger_backend.portraits.head import load_head
from vlogger_backend.portraits.landmarks import OVAL
from vlogger_backend.portraits.portrait import Portrait
from vlogger_backend.portraits.storage import write_portrait
from vlogger_backend.progress import Progress
from vlogger_backend.renderers.alpha import PersonAlpha
from vlogger_backend.renderers.builtin.renderer import BuiltinRenderer
from vlogger_backend.renderers.controlnets import CONTROLNETS
from vlogger_backend.renderers.controls import Controls, ControlStage
from vlogger_backend.renderers.face_video import face_video
from vlogger_backend.renderers.figure import Figure, built_in_figure, figure_of
from vlogger_backend.renderers.paint import paint_shot
from vlogger_backend.renderers.regions import NUMBER
from vlogger_backend.renderers.renderer import Renderer, Scene
from vlogger_backend.renderers.stage import Picture
from vlogger_backend.renderers.warp import Warp
from vlogger_backend.request import Request

SIZE = (320, 320)
SMILE = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.4, "jawOpen": 0.1}
ON_FACE = [NUMBER[name] for name in ("face", "upper_lip", "lower_lip", "left_eye", "right_eye", "mouth", "teeth")]


class Stopped(BaseException):
    """What a progress raises to cancel."""


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A FLAME and an SMPL-X model of the user's, and one without a face; they are prepared once."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLOGGER_DATA", str(folder / "data"))
        patch.setenv("VLOGGER_CACHE", str(folder / "cache"))
        shelf.add(write_model(folder / "flame2023.pkl", made("flame", 50).model, "python 3"), "flame")
        shelf.add(write_model(folder / "SMPLX_NEUTRAL.npz", made("smplx", 50).model, "npz"), "smplx")
        shelf.add(write_model(folder / "SMPLH_MALE.npz", small_model("smplh", 16), "npz"), "smplh")
        yield


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    """Somebody else than the avatar, who smiles."""
    head = load_head()
    shape = np.random.default_rng(4).normal(0, 0.7, len(head.basis))
    return portrait_of(SIZE, yaw=0.15, arkit=SMILE, shaped=head.shaped(shape))


@pytest.fixture(scope="module", params=["flame", "smplx"])
def figure(request: pytest.FixtureRequest, portrait: Portrait) -> Figure:
    return figure_of(portrait, request.param)


def showing(portrait: Portrait, *faces: dict[str, float]) -> Motion:
    """A frame for each face, the head as in the photo."""
    arkit = np.zeros((len(faces), 52), np.float32)
    for weights, face in zip(arkit, faces, strict=True):
        for name, value in face.items():
            weights[ARKIT_INDEX[name]] = value
    zeros = np.zeros((len(faces), 55, 3), np.float32)
    return Motion(25.0, zeros, zeros[:, 0], arkit, np.zeros((len(faces), 0), np.float32))


def drawn(portrait: Portrait, motion: Motion, figure: Figure | None) -> list[Controls]:
    scene = Scene(portrait, motion, portrait.fit.camera, 0, len(motion) - 1, figure=figure)
    with closing(ControlStage(scene)) as stage:
        return [stage.controls(frame) for frame in range(len(motion))]


def painted(renderer: Renderer, portrait: Portrait, motion: Motion, figure: Figure | None) -> list[Picture]:
    scene = Scene(portrait, motion, portrait.fit.camera, 0, len(motion) - 1, figure=figure)
    return [picture for _, picture in renderer.paint(scene)]


def oval(portrait: Portrait) -> np.ndarray:
    """The pixels of the photo's face."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(mask, [np.rint(portrait.fit.landmarks[list(OVAL)]).astype(np.int32)], (1,))
    return mask > 0


def count(controls: Controls, *regions: str) -> int:
    return int(np.isin(controls.raster.regions, [NUMBER[name] for name in regions]).sum())


def test_its_head_is_where_the_photos_is(portrait: Portrait, figure: Figure) -> None:
    (own,) = drawn(portrait, showing(portrait, SMILE), None)
    (found,) = drawn(portrait, showing(portrait, SMILE), figure)
    face = oval(portrait)
    assert np.isin(found.raster.regions[face], ON_FACE).mean() > 0.99
    off = np.linalg.norm(found.points.mesh - portrait.fit.landmarks, axis=1)
    between_eyes = np.linalg.norm(portrait.fit.landmarks[468] - portrait.fit.landmarks[473])
    assert off.mean() < 0.02 * between_eyes
    both = face & own.body & found.body
    depths = np.abs(own.raster.depth - found.raster.depth)[both]
    assert np.median(depths) < 0.002
    alike = np.einsum("yxc,yxc->yx", own.raster.normals, found.raster.normals)[both]
    assert np.median(alike) > np.cos(np.radians(10))


def test_its_surface_has_the_numbers_of_the_built_in_ones(portrait: Portrait, figure: Figure) -> None:
    (own,) = drawn(portrait, showing(portrait, SMILE), None)
    (found,) = drawn(portrait, showing(portrait, SMILE), figure)
    skin = np.isin(own.raster.regions, ON_FACE[:3]) & np.isin(found.raster.regions, ON_FACE[:3])
    away = np.linalg.norm(own.raster.template - found.raster.template, axis=-1)
    assert np.median(away[skin]) < 0.003
    torso, theirs = ((each.raster.regions == NUMBER["torso"]) for each in (own, found))
    assert (torso & theirs).sum() > 0.8 * torso.sum(), "a head has shoulders too"
    assert np.median(away[torso & theirs]) < 0.03


def test_it_opens_its_mouth_and_shuts_its_eyes(portrait: Portrait, figure: Figure) -> None:
    faces: list[dict[str, float]] = [{}, {"jawOpen": 0.4}, {"jawOpen": 0.8}, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}]
    still, half, open_, blink = drawn(portrait, showing(portrait, *faces), figure)
    assert count(still, "mouth") < 0.1 * count(half, "mouth") < 0.1 * count(open_, "mouth")
    assert count(open_, "mouth") > 100
    assert min(count(still, lip) for lip in ("upper_lip", "lower_lip")) > 50
    assert count(blink, "left_eye", "right_eye") < 0.15 * count(still, "left_eye", "right_eye")
    upper, lower = still.points.mesh[[13, 14]]
    assert abs(lower[1] - upper[1]) < 2
    assert np.subtract(*open_.points.mesh[[14, 13], 1]) > 8


def test_it_knows_what_the_photo_shows(portrait: Portrait, figure: Figure) -> None:
    (found,) = drawn(portrait, showing(portrait, SMILE), figure)
    known = (found.raster.warp[..., 3] == 255) & oval(portrait)
    assert known.sum() > 0.85 * oval(portrait).sum()
    off = np.abs(found.raster.warp[..., :3].astype(int) - portrait.picture)[known]
    assert np.median(off) <= 1


def test_its_hands_and_shoulders_are_where_the_take_has_them(portrait: Portrait, figure: Figure) -> None:
    motion = performing(1)
    scene = Scene(portrait, motion, replace(portrait.fit.camera, fields=(1.6,)), 0, 0)
    with closing(ControlStage(scene)) as one, closing(ControlStage(replace(scene, figure=figure))) as other:
        own, found = one.controls(0).points, other.controls(0).points
    seen = np.isfinite(own.body).all(axis=1)
    assert seen[:8].all()
    assert np.nanmax(np.linalg.norm(own.body[seen] - found.body[seen], axis=1)) < 5
    assert (np.isfinite(found.hands) == np.isfinite(own.hands)).mean() > 0.9


@pytest.mark.parametrize("renderer", [BuiltinRenderer(), Warp()], ids=["builtin", "warp"])
def test_the_photo_does_what_the_model_does(renderer: Renderer, portrait: Portrait, figure: Figure) -> None:
    motion = showing(portrait, SMILE, {"jawOpen": 0.7})
    as_in_photo, open_ = painted(renderer, portrait, motion, figure)
    own, own_open = painted(renderer, portrait, motion, None)
    face = oval(portrait)
    assert np.abs(as_in_photo.astype(int) - own)[face].mean() < 1
    assert np.abs(open_.astype(int) - as_in_photo)[face].mean() > 2
    assert 0 < np.abs(open_.astype(int) - own_open)[face].mean() < 4, "as the built-in face, but as the model can"
    assert (np.abs(open_[..., 3].astype(int) - own_open[..., 3]) < 128).mean() > 0.99, "shoulders and hair are there"


def test_its_face_is_in_the_middle_of_the_face_video(portrait: Portrait, figure: Figure) -> None:
    scene = Scene(portrait, performing(6), portrait.fit.camera, 0, 5, figure=figure)
    own = face_video(replace(scene, figure=None), Warp(), 96)
    for face, other in zip(face_video(scene, Warp(), 96), own, strict=True):
        assert np.abs(face.astype(int) - other)[24:72, 24:72].mean() < 12


def test_generative_renderers_know_where_it_is(portrait: Portrait, figure: Figure) -> None:
    scene = Scene(portrait, showing(portrait, SMILE), portrait.fit.camera, 0, 0, figure=figure)
    with closing(ControlStage(scene)) as stage:
        found = stage.controls(0)
        alpha = PersonAlpha(stage).of(0, found) > 127
    there = portrait.matte > 127
    assert (alpha & there).sum() > 0.93 * (alpha | there).sum()
    for kind, draw in CONTROLNETS.items():
        assert draw(found)[oval(portrait)].std() > 0 or kind == "seg"


def test_the_built_in_one_is_what_is_drawn_without_any(portrait: Portrait) -> None:
    motion = performing(2)
    named = built_in_figure(portrait)
    both = (painted(Warp(), portrait, motion, figure) for figure in (None, named))
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def files(portrait: Portrait, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A take and a portrait."""
    folder = tmp_path_factory.mktemp("files")
    speech = Speech(0.2, (Phone(SILENCE, 0.0, 0.2),))
    save_take(folder / "take.npz", Take(performing(5), speech, Request("none.wav", fps=25.0, body="flame")))
    write_portrait(portrait, folder / "me.portrait")
    return folder / "take.npz", folder / "me.portrait"


def test_an_interrupted_shot_goes_on_with_the_same_model_only(files: tuple[Path, Path], tmp_path: Path) -> None:
    def stopping(text: str, done: float) -> None:
        if text.startswith("Warping") and done > 0.5:
            raise Stopped

    def shot(folder: str, body: str | None, progress: Progress = lambda text, done: None) -> tuple[int, list[str]]:
        painting = painting_from_dict({"renderer": "warp", "longest": 160, "body": body})
        told = paint_shot([tmp_path / folder], *files, painting, progress=progress)
        pictures = sorted((tmp_path / folder).glob("*.png"))
        return told.kept, [hashlib.sha256(np.array(Image.open(path)).tobytes()).hexdigest() for path in pictures]

    _, whole = shot("whole", "flame")
    with pytest.raises(Stopped):
        shot("again", "flame", stopping)
    kept, plain = shot("again", None)
    assert kept == 0, "of another body"
    assert plain != whole
    kept, again = shot("again", "flame")
    assert kept > 0
    assert again == whole
    assert not list(tmp_path.glob(".again*"))


def test_a_person_on_a_model_keeps_their_shape(portrait: Portrait) -> None:
    model = shelf.find("flame")
    person = shelf.Person("ann", "flame", model.sha256, (1.5,) * model.identity, "ann.obj", 0.001, 0.002)
    shelf.add_person(person)
    theirs, anybodys = figure_of(portrait, "ann"), figure_of(portrait, "flame")
    assert theirs.made_of != anybodys.made_of
    back = anybodys.avatar.vertices[:, 2] < 0
    apart = np.linalg.norm(theirs.avatar.vertices - anybodys.avatar.vertices, axis=1)
    assert apart[back].max() > 0.001
    (found,) = drawn(portrait, showing(portrait, SMILE), theirs)
    assert np.isin(found.raster.regions[oval(portrait)], ON_FACE).mean() > 0.99


def test_a_take_of_a_model_is_painted_as_ever_unless_one_is_asked_for(
    files: tuple[Path, Path], portrait: Portrait, tmp_path: Path
) -> None:
    paint_shot(
        [tmp_path / "shot"], *files, painting_from_dict({"renderer": "warp", "mark": False, "background": "none"})
    )
    plain = painted(Warp(), portrait, performing(5), None)
    shown = np.array(Image.open(tmp_path / "shot" / "000003.png").resize(SIZE))
    assert np.abs(shown.astype(int) - plain[3])[oval(portrait)].mean() < 8


@pytest.mark.parametrize(
    ("body", "says"), [("anna", "no model anna"), ("smplh", "no expression"), ("", "must be named")]
)
def test_what_cannot_perform_is_one_sentence(
    body: str, says: str, files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=says):
        paint_shot([tmp_path / "shot"], *files, painting_from_dict({"body": body}))
    take, person = map(str, files)
    for command in (["render", take], ["controls", take]):
        with pytest.raises(SystemExit) as end:
            main([*command, "--portrait", person, "-o", str(tmp_path / "out"), "--body", body or "anna"])
        assert end.value.code == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_command_draws_a_model(files: tuple[Path, Path], tmp_path: Path) -> None:
    take, person = map(str, files)
    out = tmp_path / "controls"
    with pytest.raises(SystemExit) as end:
        main(f"controls {take} --portrait {person} -o {out} --body flame --to 0 --kinds parts --size 96x96 -q".split())
    assert end.value.code == 0
    parts = np.array(Image.open(out / "parts" / "000000.png"))
    assert (parts == NUMBER["face"]).sum() > 200
    assert not (parts == NUMBER["hair"]).any()
