"""Every difference between Blender versions, so that nothing else asks for the version.

4.2 keeps F-curves in the Action, which animates one kind of data-block. 4.4 and later keep them in the Action's
slots, one for each data-block, so that body and face share an Action; 5.0 removed the old way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blf
import bpy

SLOTS = "slots" in bpy.types.Action.bl_rna.properties


@dataclass(frozen=True)
class Animation:
    """What animates a data-block: an Action, and the slot of it (None before 4.4), or nothing."""

    action: Any
    slot: Any = None


def animation_of(id_block: Any) -> Animation:
    """What animates a data-block now, its NLA tracks left out."""
    animation = id_block.animation_data
    if animation is None:
        return Animation(None)
    return Animation(animation.action, animation.action_slot if SLOTS else None)


def give_animation(id_block: Any, animation: Animation) -> None:
    """Make an Action, or nothing, animate a data-block."""
    data = id_block.animation_data_create()
    data.action = animation.action
    if SLOTS and animation.action is not None:
        data.action_slot = animation.slot


def animate(name: str, id_blocks: list[Any], shared: Any = None) -> None:
    """Give all of `id_blocks` a new Action called `name`: one for all where that is possible, else one for each.

    Where it is possible, `shared` may be an Action that others have already.
    """
    if SLOTS and shared is None:
        shared = bpy.data.actions.new(name)
    for id_block in id_blocks:
        action = shared if SLOTS else bpy.data.actions.new(name)
        slot = action.slots.new(id_block.id_type, id_block.name) if SLOTS else None
        give_animation(id_block, Animation(action, slot))


def put_on_track(id_block: Any, name: str, start: float, end: float) -> None:
    """Make the Action that animates a data-block an NLA strip on a track of its own.

    A strip picks no slot if the Action has several, and its length is then that of nothing: all of it is set.
    """
    animation = animation_of(id_block)
    track = id_block.animation_data.nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, round(start), animation.action)
    if SLOTS:
        strip.action_slot = animation.slot
    strip.action_frame_start, strip.action_frame_end = start, end
    strip.frame_start, strip.frame_end = start, end
    strip.extrapolation = "NOTHING"


@dataclass(frozen=True)
class Home:
    """Where the curves of a data-block are: an Action, and the handle of its slot there (None before 4.4).

    It may be kept while other things go on: whoever uses it gets a ReferenceError if the Action is gone.
    """

    action: Any
    slot: int | None = None


def home_of(id_block: Any) -> Home:
    """Where the curves are that animate a data-block, which is animated."""
    animation = animation_of(id_block)
    return Home(animation.action, animation.slot.handle if SLOTS and animation.slot is not None else None)


def at_home(home: Home) -> Animation:
    """The Action with the slot."""
    if not SLOTS:
        return Animation(home.action)
    return Animation(home.action, next((slot for slot in home.action.slots if slot.handle == home.slot), None))


def curves_in(home: Home) -> tuple[Any, Any]:
    """The F-curves, and the groups of F-curves, of a data-block. Both can be added to."""
    action, slot = home.action, at_home(home).slot
    if not SLOTS:
        return action.fcurves, action.groups
    if slot is None:
        raise ReferenceError(f"a slot of {action.name} is gone")
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    bag = strip.channelbag(slot, ensure=True)
    return bag.fcurves, bag.groups


def curves_of(id_block: Any) -> tuple[Any, Any]:
    """Those by which its Action animates a data-block."""
    return curves_in(home_of(id_block))


def keyed_curves(id_block: Any) -> list[Any]:
    """The F-curves that animate a data-block now, the NLA left out; none if no Action, or nothing of one, does."""
    animation = animation_of(id_block)
    if animation.action is None or (SLOTS and animation.slot is None):
        return []
    return list(curves_of(id_block)[0])


@dataclass(frozen=True)
class StripFrames:
    """Where a strip is: the frame on which its content would start and end, and those between which it is seen."""

    content: float
    content_end: float
    seen: float
    end: float


def strips_of(scene: Any) -> list[Any]:
    """The strips of the scene's sequencer, those inside of metastrips too. 4.4 renamed `sequences_all`."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def strip_frames(strip: Any) -> StripFrames:
    """Where a strip is. 5.1 renamed the properties, and warns of the old ones from 5.2 on."""
    if hasattr(strip, "left_handle"):
        return StripFrames(strip.content_start, strip.content_end, strip.left_handle, strip.right_handle)
    return StripFrames(
        strip.frame_start,
        strip.frame_start + strip.frame_duration,
        strip.frame_final_start,
        strip.frame_final_end,
    )


def is_retimed(strip: Any) -> bool:
    """Whether a strip plays at another speed than its file. Since 4.0 by keys, before that by one factor."""
    return bool(len(getattr(strip, "retiming_keys", ()))) or getattr(strip, "speed_factor", 1.0) != 1.0


def slot_for(action: Any, id_block: Any) -> Any:
    """The slot of an Action that was made for a data-block; None before 4.4, or if it has none."""
    if not SLOTS or action is None:
        return None
    fitting = [slot for slot in action.slots if slot.target_id_type == id_block.id_type]
    only = fitting[0] if len(fitting) == 1 else None
    return next((slot for slot in fitting if slot.name_display == id_block.name), only)


def set_font_size(points: float) -> None:
    """Set the size in which `blf` measures the interface's font. Until 4.0 it asked for the resolution too."""
    if bpy.app.version < (4, 0, 0):
        blf.size(0, points, 72)
    else:
        blf.size(0, points)


def user_folder() -> Path:
    """The folder for what the add-on keeps outside of blend files; it survives updates of the add-on.

    An extension has one of its own since 4.2.
    """
    package = __package__.rpartition(".")[0]
    if package.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(package, path="", create=True))
    return Path(bpy.utils.user_resource("DATAFILES", path="vlogger", create=True))


def draw_progress(layout: Any, done: float, text: str) -> None:
    """A progress bar in a panel; before 4.0 there was none, and it is a line of text."""
    if hasattr(layout, "progress"):
        layout.progress(factor=done, type="BAR", text=text)
    else:
        layout.label(text=f"{done:.0%}  {text}", icon="SORTTIME")


def window_of(scene: Any) -> Any:
    """A `with` block in which `bpy.context` is that of a window that shows the scene, as in a timer it is of none."""
    windows = (window for window in bpy.context.window_manager.windows if window.scene == scene)
    window = next(windows, None)
    if window is None:
        return bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0])
    return bpy.context.temp_override(window=window)


def why_offline(what: str = "installing needs the internet") -> str:
    """Why this Blender may not use the network for `what`, "" if it may. Before 4.2 there was nothing to forbid it."""
    if getattr(bpy.app, "online_access", True):
        return ""
    if bpy.app.online_access_override:
        return f"Blender was started with --offline-mode, and {what}: start it without"
    return f"Online access is off in Blender's preferences (System > Network), and {what}"


def draw_online_switch(layout: Any, context: Any) -> None:
    """Blender's own switch for online access, unless the command line has decided that."""
    if not getattr(bpy.app, "online_access_override", True):
        layout.prop(context.preferences.system, "use_online_access", text="Allow Online Access")


def set_strip_end(strip: Any, end: int) -> None:
    """Let a strip be seen up to the frame before `end`. 5.1 renamed the property."""
    if hasattr(strip, "right_handle"):
        strip.right_handle = end
    else:
        strip.frame_final_end = end


def compositor_nodes(scene: Any) -> Any:
    """The nodes of the scene's compositor, which is switched on if need be. Since 5.0 it is a node group."""
    if hasattr(scene, "compositing_node_group"):
        if scene.compositing_node_group is None:
            scene.compositing_node_group = _compositor(scene.name)
        return scene.compositing_node_group.nodes
    scene.use_nodes = True
    return scene.node_tree.nodes


def _compositor(name: str) -> Any:
    """A compositor that passes the render on, as older ones begin with."""
    tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, output = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
    output.location = (400, 0)
    tree.links.new(layers.outputs["Image"], output.inputs["Image"])
    return tree


def set_corners(polygons: Any, counts: Any) -> None:
    """Tell how many corners each polygon of a new mesh has. Since 4.1 that follows from where each begins."""
    polygons.foreach_set("loop_start", (counts.cumsum() - counts).astype(counts.dtype))
    if not bpy.types.MeshPolygon.bl_rna.properties["loop_total"].is_readonly:
        polygons.foreach_set("loop_total", counts)


def shape_points(key: Any) -> Any:
    """The points of a shape key; 4.1 got a way to them that is thirty times faster."""
    return key.points if hasattr(key, "points") else key.data
