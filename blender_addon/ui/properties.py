"""What the add-on keeps in the blend file: the choices of the panel, and the takes of each rig.

Properties are annotations, as Blender wants them, so this module must not postpone their evaluation.
"""

from collections import Counter
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.portrait import AFFIRMED
from ..scene.fbx import PRESETS
from ..scene.sound import sounds_in
from .by_name import Item, choice_by_name
from .portraits import CHARACTER, PHOTO

LANGUAGES = (
    ("en", "English", ""), ("de", "German", ""), ("fr", "French", ""), ("es", "Spanish", ""), ("it", "Italian", ""),
    ("pt", "Portuguese", ""), ("pt-br", "Portuguese (Brazil)", ""), ("nl", "Dutch", ""), ("sv", "Swedish", ""),
    ("da", "Danish", ""), ("nb", "Norwegian", ""), ("fi", "Finnish", ""), ("pl", "Polish", ""), ("cs", "Czech", ""),
    ("hu", "Hungarian", ""), ("ro", "Romanian", ""), ("el", "Greek", ""), ("tr", "Turkish", ""),
    ("ru", "Russian", ""), ("uk", "Ukrainian", ""), ("ar", "Arabic", ""), ("he", "Hebrew", ""), ("fa", "Persian", ""),
    ("hi", "Hindi", ""), ("ja", "Japanese (kana)", ""), ("ko", "Korean", ""), ("cmn", "Chinese (Mandarin)", ""),
    ("vi", "Vietnamese", ""), ("id", "Indonesian", ""), ("sw", "Swahili", ""),
)  # fmt: skip


OVERRIDABLE = {"LIBRARY_OVERRIDABLE"}
LISTS = {"LIBRARY_OVERRIDABLE", "USE_INSERTION"}
"""So that rigs that are library overrides have takes too. Of a group of properties, 5.0 and later keep nothing then."""


def _dial(name: str, description: str, **more: Any) -> Any:
    return FloatProperty(name=name, description=description, default=1.0, min=0.0, max=2.0, subtype="FACTOR", **more)


def _dials_turned(rig: Any, context: Any) -> None:
    from .session import session

    session().keying.dials_turned(rig.id_data)


def _take_chosen(armature: Any, context: Any) -> None:
    from .takes import show_take

    show_take(context, armature)


def _key_chosen(row: Any, context: Any) -> None:
    from .mapping import key_chosen

    key_chosen(row)


_meshes_shown: list[tuple[str, str, str]] = []
"""As for `_strips_shown`."""


def _meshes(rig: Any, context: Any) -> list[tuple[str, str, str]]:
    found = Counter(row.mesh for row in rig.keys if row.found)
    found.update(dict.fromkeys((row.mesh for row in rig.keys), 0))
    _meshes_shown[:] = [(name, name, "") for name, _ in found.most_common()] or [("", "None", "")]
    return _meshes_shown


_strips_shown: list[tuple[str, str, str]] = []
"""Blender keeps no copy of the words of a dynamic list; without this they are freed while they are drawn."""


def _strips(settings: Any, context: Any) -> list[tuple[str, str, str]]:
    found = [(sound.name, sound.name, str(sound.path or "packed into the blend file"))
             for sound in sounds_in(context.scene) if sound.source == "strip"]  # fmt: skip
    _strips_shown[:] = found or [("", "No sound strip in the sequencer", "")]
    return _strips_shown


def _another_person(settings: Any, context: Any) -> None:
    settings.affirmed = False


def _renderers() -> list[Item]:
    from .renderers import renderers

    return [(renderer.name, renderer.label, renderer.detail) for renderer in renderers()]


def _models() -> list[Item]:
    automatic = "That of which the rig was made, or of its kind; for other rigs the first that there is"
    return [("", "Automatic", automatic), *_expressive()]


def _faces() -> list[Item]:
    return [("", "Built-in", "All of the face moves"), *_expressive()]


def _expressive() -> list[Item]:
    from .models import models

    return [(model.name, model.name, model.detail) for model in models() if model.expressive]


class VloggerExportSettings(bpy.types.PropertyGroup):
    """How takes are exported."""

    preset: EnumProperty(
        name="For",
        description="The engine that reads the files",
        items=[(name, preset.label, preset.description) for name, preset in PRESETS.items()],
    )
    folder: StringProperty(name="Folder", description="Where the files go", subtype="DIR_PATH", default="//")
    overwrite: BoolProperty(name="Overwrite", description="Replace files of the same names")
    textures: BoolProperty(
        name="Textures",
        description="Put the textures into every file; else they stay where they are",
        default=True,
    )


class VloggerFramesSettings(bpy.types.PropertyGroup):
    """How pictures of takes are made."""

    painter: EnumProperty(
        name="Painted From",
        items=(
            (CHARACTER, "3D Character", "Frames of the 3D character, as a preview"),
            (PHOTO, "Photo", "Frames of the person in the rig's photo, who performs the take"),
        ),
        default=CHARACTER,
    )
    renderer: StringProperty(default="builtin", description="The renderer's name, as the service knows it")
    renderers: choice_by_name("renderer", _renderers, "Renderer", "What paints the person")
    body: StringProperty(description="The model as which the photo moves, by its name; empty is the built-in avatar")
    bodies: choice_by_name("body", _faces, "Moves As", "Whose face the photo moves as: the built-in one's is the best")
    background: EnumProperty(
        name="Background",
        items=(
            ("none", "None", "With alpha: the scene, or what else is below, shows behind the person"),
            ("photo", "The Photo's", "What the photo shows behind the person"),
        ),
        default="none",
    )
    strip: BoolProperty(
        name="Add Strip",
        description="When they are done, lay them over what is in the sequencer. Renders come from the sequencer then",
    )


class VloggerPhotoSettings(bpy.types.PropertyGroup):
    """The photo that a portrait is to be made of."""

    file: StringProperty(
        name="Photo",
        description="A photo of one person who looks towards the camera: JPEG, PNG or WebP",
        subtype="FILE_PATH",
        update=_another_person,
    )
    person: IntProperty(
        name="Person",
        description="Who is meant where the photo shows several people, counted from the left. 0 is the only one, or "
        "the one by far the nearest",
        min=0,
        max=99,
        update=_another_person,
    )
    affirmed: BoolProperty(name="Affirm", description=AFFIRMED)


class VloggerSceneSettings(bpy.types.PropertyGroup):
    """The panel's choices for the next take."""

    source: EnumProperty(
        name="Sound",
        items=(
            ("strip", "Strip", "A sound strip of the sequencer", "SEQUENCE", 0),
            ("speaker", "Speaker", "A speaker object", "SPEAKER", 1),
            ("file", "File", "A sound or video file", "FILE_FOLDER", 2),
        ),
        default="file",
    )
    strip: EnumProperty(name="Strip", description="The sound strip that is spoken", items=_strips)
    speaker: PointerProperty(
        name="Speaker", type=bpy.types.Object, poll=lambda self, thing: bool(thing.type == "SPEAKER")
    )
    file: StringProperty(name="File", description="A sound or video file", subtype="FILE_PATH")
    text: StringProperty(name="Text", description="What is said, if you know it: the lips follow it exactly")
    language: EnumProperty(name="Language", items=LANGUAGES, default="en")
    rig: PointerProperty(
        name="Rig",
        description="The armature that performs; empty is the active one",
        type=bpy.types.Object,
        poll=lambda self, thing: bool(thing.type == "ARMATURE"),
    )
    model: StringProperty(description="The model for which takes are made, by its name; empty is automatic")
    models: choice_by_name(
        "model", _models, "Model", "Of your SMPL-X and FLAME models, the one whose expression the next take has"
    )
    seed: IntProperty(name="Seed", description="Another seed is another take of the same line", min=0, max=2**31 - 1)
    energy: _dial("Energy", "How lively the whole performance is")
    gesture: _dial("Gesture", "How much the hands and arms do")
    head: _dial("Head", "How much the head moves")
    gaze: _dial("Gaze", "How much the eyes wander")
    blink: _dial("Blink", "How often the eyes blink")
    place_sound: BoolProperty(
        name="Place Sound", description="Put the sound into the sequencer, if it is not heard yet", default=True
    )
    export: PointerProperty(type=VloggerExportSettings)
    photo: PointerProperty(type=VloggerPhotoSettings)
    frames: PointerProperty(type=VloggerFramesSettings)


class VloggerFaceAction(bpy.types.PropertyGroup):
    """The Action of one face mesh in a take, where body and faces can't share one (Blender before 4.4)."""

    mesh: PointerProperty(type=bpy.types.Object)
    action: PointerProperty(type=bpy.types.Action)


class VloggerTake(bpy.types.PropertyGroup):
    """One take of a rig: its Actions, the file that it is keyed from, and the dials as they are set for it."""

    id: StringProperty(description="Names the take for good, whatever it and its rig are called")
    action: PointerProperty(type=bpy.types.Action)
    faces: CollectionProperty(type=VloggerFaceAction, override=LISTS)
    path: StringProperty(name="Take File", subtype="FILE_PATH")
    image: PointerProperty(type=bpy.types.Image, description="The frames of the 3D character")
    painted: PointerProperty(type=bpy.types.Image, description="The frames of the person in the photo")
    start: FloatProperty(description="The scene's frame on which it begins")
    job: StringProperty(description="The service's name of the job that makes it; empty when it is made")
    asked: StringProperty(description="What it was asked for with, as JSON (see asked.py)")
    said: StringProperty(description="Why it did not come, empty if it did or still may")
    jaw: _dial("Jaw", "How far the mouth opens; where the lips touch they still touch", update=_dials_turned)
    lips: _dial("Lips", "How much the lips purse, spread and show the teeth", update=_dials_turned)
    head: _dial("Head", "How far the head moves", update=_dials_turned)
    gaze: _dial("Gaze", "How far the eyes turn", update=_dials_turned)
    gesture: _dial("Gesture", "How far arms and hands move", update=_dials_turned)
    blink: _dial("Blink", "How far the lids come down", update=_dials_turned)
    smoothing: FloatProperty(
        name="Smoothing",
        description="Calms the motion; the lips still close and the eyes still blink",
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_dials_turned,
    )


class VloggerBone(bpy.types.PropertyGroup):
    """A joint of the take, and the bone that performs it; `name` is the joint."""

    bone: StringProperty(name="Bone", description="The bone that performs this joint; empty is none")
    reason: StringProperty()


class VloggerKey(bpy.types.PropertyGroup):
    """A part of the face on one mesh, and the shape key that performs it; `name` is the part."""

    mesh: StringProperty()
    key: StringProperty(
        name="Shape Key", description="The shape key that performs this; empty is none", update=_key_chosen
    )
    found: StringProperty(description="The key as it was read")
    reason: StringProperty()
    doubt: IntProperty()


class VloggerRigSettings(bpy.types.PropertyGroup):
    """How one rig is read. Its takes are properties of the object itself, so that an override keeps them."""

    bones: CollectionProperty(type=VloggerBone)
    bone: IntProperty(name="Joint")
    keys: CollectionProperty(type=VloggerKey)
    key: IntProperty(name="Part of the Face")
    face_mesh: EnumProperty(name="Mesh", description="The mesh whose shape keys are listed", items=_meshes)
    corrected: BoolProperty(description="Whether something of it was set by hand")
    kind: StringProperty()
    face_kind: StringProperty()
    face_keys: IntProperty()
    score: FloatProperty()
    problems: StringProperty(description="Sentences, one a line")


CLASSES = (
    VloggerExportSettings,
    VloggerFramesSettings,
    VloggerPhotoSettings,
    VloggerSceneSettings,
    VloggerFaceAction,
    VloggerTake,
    VloggerBone,
    VloggerKey,
    VloggerRigSettings,
)


def register() -> None:
    bpy.types.Scene.vlogger = PointerProperty(type=VloggerSceneSettings)
    thing = bpy.types.Object
    thing.vlogger = PointerProperty(type=VloggerRigSettings)
    thing.vlogger_takes = CollectionProperty(type=VloggerTake, override=LISTS)
    thing.vlogger_take = IntProperty(
        name="Take", description="The take that is shown", update=_take_chosen, override=OVERRIDABLE
    )
    thing.vlogger_portrait = StringProperty(
        name="Portrait",
        description="The fitted photo of the person who performs this rig's takes: a .portrait file",
        subtype="FILE_PATH",
        override=OVERRIDABLE,
    )
    thing.vlogger_pin_reach = IntProperty(
        name="Reach",
        description="Frames around a pinned key over which the take bends to it",
        default=8,
        min=1,
        max=250,
        override=OVERRIDABLE,
    )


def unregister() -> None:
    del bpy.types.Scene.vlogger
    for name in ("vlogger", "vlogger_takes", "vlogger_take", "vlogger_portrait", "vlogger_pin_reach"):
        delattr(bpy.types.Object, name)
