"""Set bones and shape keys by hand in the panel's lists, keep that, and reset it: `correct_rig.py OUT.npz`."""

from __future__ import annotations

from typing import Any

import bpy
from leave import leave
from odd_rigs import own_skeleton
from pose_rigs import build
from use_panel import PACKAGE, refused


def main() -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.ui.mapping import mapping_of

    armature, panel = build(own_skeleton(arms_down=45)), bpy.ops.vlogger
    for name, keys in (("Head", ("jawOpen", "mouthPucker", "eyeBlinkLeft", "Lid R")), ("Teeth", ("Zaehne",))):
        data = bpy.data.meshes.new(name)
        data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        mesh = bpy.data.objects.new(name, data)
        bpy.context.collection.objects.link(mesh)
        for key in ("Basis", *keys):
            mesh.shape_key_add(name=key)
        mesh.parent = armature
    bpy.context.view_layer.objects.active = armature
    settings = armature.vlogger

    def row(part: str, mesh: str = "Head") -> Any:
        return next(row for row in settings.keys if row.mesh == mesh and row.name == part)

    def driven() -> list[str]:
        face = mapping_of(armature)[1].face
        return sorted(f"{mesh} {key} {sorted(parts.items())}" for (mesh, key), parts in face.items() if parts)

    found: dict[str, Any] = {"too_soon": refused(panel.keep_correction)}
    panel.match_rig()
    found["first"] = driven()
    found["missing_first"] = [row.doubt for row in settings.keys]
    found["meshes"] = [settings.face_mesh, *dict.fromkeys(row.mesh for row in settings.keys)]
    found["nothing_to_reset"] = refused(panel.forget_correction)

    row("eyeBlinkRight").key = "Lid R"
    row("jawOpen", "Teeth").key = "Zaehne"
    row("mouthFunnel").key = "mouthPucker"  # it was taken for another
    found["taken_from"] = row("mouthPucker").key
    foot = next(bone for bone in settings.bones if bone.name == "left_foot")
    foot.bone = ""
    panel.keep_correction()
    found["kept"], found["foot_left"] = driven(), "left_foot" in mapping_of(armature)[1].bones
    found["reason"] = row("eyeBlinkRight").reason
    found["corrected"] = settings.corrected

    panel.keep_correction()
    found["kept_again"] = driven()
    row("mouthFunnel").key = ""
    panel.keep_correction()
    found["without"] = driven()
    panel.forget_correction()
    found["reset"], found["foot_right"] = driven(), "left_foot" in mapping_of(armature)[1].bones
    return found


if __name__ == "__main__":
    leave(main)
