"""Add > Armature > VLOGGER Character: the built-in avatar, with its sliders, or a body model of the user's."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import FloatProperty, StringProperty

from ..core.character import read_character
from ..core.errors import AddonError
from ..core.jobs import Ended, FileCame
from ..scene.character import Body, build_character, remember_body, units_per_metre
from ..scene.compat import user_folder
from .by_name import Item, choice_by_name
from .models import models
from .operator import Operator
from .session import session
from .takes import safe_name
from .undo import push_undo

_SHIPPED = Path(__file__).parents[1] / "character.npz"
"""The avatar with all sliders at their defaults; an installed extension has it inside."""
DEFAULTS = {
    "gender": 0.0, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.34, "proportions": 0.25, "cupsize": 0.5,
    "firmness": 0.5, "african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3, "skin": 0.35,
}  # fmt: skip


def _slider(name: str, description: str) -> Any:
    label = name.capitalize()
    return FloatProperty(
        name=label, description=description, default=DEFAULTS[name], min=0.0, max=1.0, subtype="FACTOR"
    )


def _bodies() -> list[Item]:
    built_in = ("", "Built-in", "The avatar that comes with VLOGGER")
    return [built_in, *((model.name, model.name, model.detail) for model in models())]


class VLOGGER_OT_add_character(Operator):
    """Add a character: body, face with ARKit's 52 shapes, and a skeleton, ready to be animated"""

    bl_idname = "vlogger.add_character"
    bl_label = "VLOGGER Character"

    model: StringProperty(description="The name of a body model of yours; empty is the built-in avatar")
    models: choice_by_name("model", _bodies, "Body", "The built-in avatar, or a SMPL-X, SMPL-H or FLAME model of yours")
    gender: _slider("gender", "0 is male, 1 is female")
    age: _slider("age", "0 is a baby, a third a child, two thirds a young adult, 1 is old")
    muscle: _slider("muscle", "0.5 is average")
    weight: _slider("weight", "0.5 is average")
    height: _slider("height", "0.5 is average of the model, 0.34 of adults")
    proportions: _slider("proportions", "0 is an artist's ideal")
    cupsize: _slider("cupsize", "0.5 is average")
    firmness: _slider("firmness", "0.5 is average")
    african: _slider("african", "MakeHuman's face and body types: only the ratio of the three counts")
    asian: _slider("asian", "MakeHuman's face and body types: only the ratio of the three counts")
    caucasian: _slider("caucasian", "MakeHuman's face and body types: only the ratio of the three counts")
    skin: _slider("skin", "0 is the lightest, 1 the darkest")

    def invoke(self, context: Any, event: Any) -> set[str]:
        return set(context.window_manager.invoke_props_dialog(self))

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        if self.model or models():
            layout.prop(self, "models")
        for name in DEFAULTS if not self.model else ():
            layout.prop(self, name, slider=True)

    def run(self, context: Any) -> str:
        if self.model:
            _have_built(context, self.model, f"model {self.model}")
            return f"{self.model} is being built; the first time, its face takes half a minute."
        sliders = {name: round(getattr(self, name), 4) for name in DEFAULTS}
        usual = {name: round(value, 4) for name, value in DEFAULTS.items()}
        if sliders == usual and _SHIPPED.is_file():
            add_to_scene(context, _SHIPPED, {})
            return ""
        body = {name: DEFAULTS[name] if sliders[name] == usual[name] else value for name, value in sliders.items()}
        _have_built(context, body, "-".join(f"{value:g}" for value in sliders.values()))
        return "The character is being built; the first one takes a minute or two."


def _have_built(context: Any, body: Body, name: str) -> None:
    """Have the service build a body, and put it into the scene when it comes; its file is kept under this name."""
    place = tuple(context.scene.cursor.location)
    came: list[Path] = []

    def news(update: Any) -> None:
        if isinstance(update, FileCame) and update.name == "character.npz":
            came.append(update.path)
        elif isinstance(update, Ended):
            if update.error is not None:
                session().notices.tell(update.error)
            elif came:
                add_to_scene(bpy.context, came[0], body, place)
                push_undo("Add VLOGGER Character")

    folder = user_folder() / "characters" / safe_name(name)
    session().submit({"kind": "character", "body": body}, folder, "Character", news)


def add_to_scene(context: Any, path: Path, body: Body, place: Any = None) -> None:
    """Build a character's file at the 3D cursor, and make it the active object; `body` is what it was made of."""
    data = read_character(path)
    if context.mode != "OBJECT":
        raise AddonError("A character is added in Object Mode. Leave the mode you are in first.")
    character = build_character(context, data)
    remember_body(character, body, units_per_metre(context.scene))
    character.armature.location = place if place is not None else context.scene.cursor.location
    for thing in context.selected_objects:
        thing.select_set(False)
    character.armature.select_set(True)
    context.view_layer.objects.active = character.armature


def draw_menu(menu: Any, context: Any) -> None:
    menu.layout.operator("vlogger.add_character", icon="OUTLINER_OB_ARMATURE")


CLASSES = (VLOGGER_OT_add_character,)


def register() -> None:
    bpy.types.VIEW3D_MT_armature_add.append(draw_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_armature_add.remove(draw_menu)
