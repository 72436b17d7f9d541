"""Pictures of a take in the scene: an image sequence that follows the scene's frame and grows as pictures come.

It is shown in Image Editors, laid into the sequencer, or made a node of the compositor. What it needs to be played at
the right time is kept with the image, so that this can also be done after the file was opened again. Single pictures
are shown in the same editors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import AddonError
from .compat import compositor_nodes, set_strip_end, strip_frames, strips_of

PREFIX = "VLOGGER "
_SPAN = "vlogger_span"
_SINGLE = "vlogger_single"


@dataclass(frozen=True)
class Span:
    """The pictures `first` to `last` of a take, and the scene's frame on which the first one is seen."""

    first: int
    last: int
    start: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def picture(folder: Path, number: int) -> Path:
    """The file of a picture."""
    return folder / f"{number:06}.png"


def sequence_of(image: Any, name: str, path: Path, span: Span) -> Any:
    """The image of a take, `name`, made if there is none. `path` is any picture of it."""
    if image is None:
        image = bpy.data.images.load(str(path))
        image.name = PREFIX + name
    image.source, image.alpha_mode = "SEQUENCE", "STRAIGHT"
    image.filepath = _kept_path(path)
    image[_SPAN] = [span.first, span.last, span.start]
    return image


def single(path: Path, name: str) -> Any:
    """The image of one picture. Raises AddonError if it is not there."""
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        raise AddonError(f"There is no picture at {path} any more, or it can't be read.") from error
    image.name = PREFIX + name
    image.filepath = _kept_path(path)
    image[_SINGLE] = True
    return image


def span_of(image: Any) -> Span:
    """Raises AddonError if the image is none of ours."""
    if image is None or image.get(_SPAN) is None:
        raise AddonError("This take has no pictures yet. Press Render Frames.")
    first, last, start = image[_SPAN]
    return Span(int(first), int(last), int(start))


def refresh(image: Any) -> None:
    """Show what came meanwhile."""
    image.reload()
    for area in _editors():
        if area.spaces.active.image == image:
            area.tag_redraw()


def show_in_editors(image: Any, held: int | None = None) -> bool:
    """Show it in the Image Editors that show nothing, or other pictures of ours; False if there are none.

    A sequence follows the scene's frame, unless one of its pictures is `held`.
    """
    shown = [area for area in _editors() if _is_free(area.spaces.active)]
    for area in shown:
        _show(area, image, held)
        area.tag_redraw()
    return bool(shown)


def show_beside(context: Any, image: Any) -> None:
    """Show it in an Image Editor, for which the area that one is in is split if need be."""
    if show_in_editors(image):
        return
    before = set(context.screen.areas)
    bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    for area in set(context.screen.areas) - before:
        area.type = "IMAGE_EDITOR"
        _show(area, image)


def add_strip(scene: Any, image: Any) -> Any:
    """Lay the pictures into the sequencer, over what is there, on the frames that they belong to.

    Raises AddonError if a picture is missing.
    """
    span, folder = span_of(image), _folder(image)
    paths = [picture(folder, number) for number in range(span.first, span.last + 1)]
    _check_all_there(paths)
    editor = scene.sequence_editor_create()
    above = [strip.channel for strip in strips_of(scene)
             if strip_frames(strip).seen < span.start + len(span) and strip_frames(strip).end > span.start]  # fmt: skip
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image(
        image.name, _kept_path(paths[0]), min(max(above, default=0) + 1, 128), span.start, fit_method="FIT"
    )
    for path in paths[1:]:
        strip.elements.append(path.name)
    set_strip_end(strip, span.start + len(span))
    strip.blend_type, strip.alpha_mode = "ALPHA_OVER", "STRAIGHT"
    return strip


def add_node(scene: Any, image: Any) -> Any:
    """Make the pictures an Image node of the scene's compositor, playing on the frames that they belong to."""
    span = span_of(image)
    nodes = compositor_nodes(scene)
    node = next((node for node in nodes if node.type == "IMAGE" and node.image == image), None)
    if node is None:
        node = nodes.new("CompositorNodeImage")
        node.location = (min((other.location.x for other in nodes), default=0), _below(nodes))
        node.image, node.label = image, image.name
    _play(node, span)
    for other in nodes:
        other.select = other == node
    nodes.active = node
    return node


def _editors() -> Iterator[Any]:
    """The areas of all windows that are Image Editors, and neither paint nor edit UVs."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.ui_type == "IMAGE_EDITOR" and area.spaces.active.mode == "VIEW":
                yield area


def _is_free(space: Any) -> bool:
    return space.image is None or any(space.image.get(mark) is not None for mark in (_SPAN, _SINGLE))


def _show(area: Any, image: Any, held: int | None = None) -> None:
    """Show it; whole, if it or what was there is a single picture, or nothing was there."""
    space, before = area.spaces.active, area.spaces.active.image
    space.image = image
    if image.get(_SPAN) is not None:
        _play(space.image_user, span_of(image) if held is None else Span(held, held, span_of(image).start))
    if before != image and (before is None or any(shown.get(_SINGLE) for shown in (before, image))):
        _fit_view(area)


def _fit_view(area: Any) -> None:
    region = next(region for region in area.regions if region.type == "WINDOW")
    for window in bpy.context.window_manager.windows:
        if area in list(window.screen.areas):
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.image.view_all(fit_view=True)


def _play(user: Any, span: Span) -> None:
    """Blender plays the file numbered `frame - frame_start + 1 + frame_offset`."""
    user.frame_start, user.frame_duration, user.frame_offset = span.start, len(span), span.first - 1
    user.use_auto_refresh, user.use_cyclic = True, False


def _folder(image: Any) -> Path:
    return Path(bpy.path.abspath(image.filepath)).parent


def _check_all_there(paths: list[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise AddonError(
            f"{len(missing)} of {len(paths)} pictures are missing, the first is {missing[0].name}. Press Render Frames."
        )


def _kept_path(path: Path) -> str:
    """Relative to the blend file where it lies below it, so that both can be moved together."""
    home = Path(bpy.data.filepath).parent if bpy.data.filepath else None
    if home is not None and home in path.parents:
        return bpy.path.relpath(str(path))  # type: ignore[no-any-return]
    return str(path)


def _below(nodes: Any) -> float:
    return min((node.location.y for node in nodes), default=300.0) - 300.0
