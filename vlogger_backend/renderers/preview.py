"""Preview: a take played by an avatar, drawn off screen with OpenGL (pyrender; Mesa without a GPU is enough)."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..avatars.avatar import Avatar, Floats, Material
from ..avatars.posing import posed_vertices
from ..errors import InputError
from ..motion.motion import Motion
from ..motion.names import JOINT_INDEX
from ..progress import Progress, no_progress

Shot = Literal["body", "face"]
Picture = NDArray[np.uint8]

_SHADERS = Path(__file__).parent / "shaders"
_FIELD_OF_VIEW = np.radians(18)  # a portrait lens
_SUBSURFACE = dict.fromkeys(("skin", "face"), (0.24, 0.09, 0.06))  # how far light wraps round (see shaders/mesh.frag)
_BACKDROP = ((196, 200, 206), (118, 124, 134))  # sRGB, centre and corners


@dataclass(frozen=True)
class View:
    """A camera on the avatar: `shot` "body" shows head, torso and gesturing hands, "face" the head alone."""

    shot: Shot
    size: tuple[int, int]
    """Width and height in pixels."""


def render_frames(
    avatar: Avatar,
    motion: Motion,
    size: tuple[int, int] = (720, 720),
    shot: Shot = "body",
    progress: Progress = no_progress,
) -> Iterator[Picture]:
    """Yield the pictures (height, width, 3) of every frame of `motion` in one view, as `render_views` does."""
    for pictures in render_views(avatar, motion, [View(shot, size)], progress):
        yield pictures[0]


def render_views(
    avatar: Avatar, motion: Motion, views: Sequence[View], progress: Progress = no_progress
) -> Generator[list[Picture], None, None]:
    """Yield, frame by frame, a picture (height, width, 3) of each view. One OpenGL context serves them all.

    The context lives as long as the generator.

    Raises InputError if no OpenGL can be opened.
    """
    stage = _Stage(avatar, views)
    try:
        for frame in range(len(motion)):
            posed = posed_vertices(avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame])
            yield stage.pictures(posed)
            progress("Drawing the preview", (frame + 1) / len(motion))
    finally:
        stage.close()


class _Stage:
    """An OpenGL context with the avatar's mesh, and a camera and a backdrop for each view.

    The mesh's positions are replaced every frame.
    """

    def __init__(self, avatar: Avatar, views: Sequence[View]) -> None:
        self.mesh = _RenderMesh(avatar)
        self.views = views
        self.offscreen = _open(views[0].size)
        try:
            self._fill(avatar)
        except BaseException:
            self.close()
            raise

    def _fill(self, avatar: Avatar) -> None:
        import pyrender

        normals = self.mesh.normals(avatar.vertices)
        self.primitives = [
            pyrender.Primitive(
                positions=avatar.vertices[vertices],
                normals=normals[vertices],
                texcoord_0=uvs,
                indices=faces,
                material=_material(material),
            )
            for material, vertices, uvs, faces in self.mesh.surfaces
        ]
        self.scene = pyrender.Scene()
        self.cameras, self.backdrops = [], []
        for view in self.views:
            pose, far = _camera(avatar, view)
            camera = pyrender.PerspectiveCamera(yfov=_FIELD_OF_VIEW, znear=0.05, zfar=far * 2)
            self.backdrops.append(pyrender.Mesh(primitives=[_backdrop(pose, far, view.size)]))
            self.scene.add(self.backdrops[-1])
            self.cameras.append(self.scene.add(camera, pose=pose))
        self.scene.add(pyrender.Mesh(primitives=self.primitives))
        self._draw()  # puts the buffers in the context, to be overwritten from now on

    def pictures(self, vertices: Floats) -> list[Picture]:
        from OpenGL import GL

        normals = self.mesh.normals(vertices)
        self.offscreen._platform.make_current()
        for primitive, (_, chosen, uvs, _) in zip(self.primitives, self.mesh.surfaces, strict=True):
            data = np.hstack([vertices[chosen], normals[chosen], uvs])
            GL.glBindBuffer(GL.GL_ARRAY_BUFFER, primitive._buffers[0])
            GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, data.nbytes, data)
        return self._draw()

    def _draw(self) -> list[Picture]:
        pictures = []
        for view, camera, backdrop in zip(self.views, self.cameras, self.backdrops, strict=True):
            self.scene.main_camera_node = camera
            for other in self.backdrops:
                other.is_visible = other is backdrop
            self.offscreen.viewport_width, self.offscreen.viewport_height = view.size
            pictures.append(np.ascontiguousarray(self.offscreen.render(self.scene)))
        return pictures

    def close(self) -> None:
        platform = self.offscreen._platform
        if not hasattr(platform, "_egl_display"):
            self.offscreen.delete()
            return
        # On EGL pyrender would end the whole display, and with it every other context of this process.
        from OpenGL import EGL

        platform.make_current()
        self.offscreen._renderer.delete()
        EGL.eglDestroyContext(platform._egl_display, platform._egl_context)
        platform._egl_display = None


class _RenderMesh:
    """The avatar's mesh as OpenGL wants it: per material, one vertex for each pair of place and uv."""

    def __init__(self, avatar: Avatar) -> None:
        self.faces = avatar.faces
        self.surfaces: list[tuple[Material, NDArray[np.int32], Floats, NDArray[np.int32]]] = []
        order = sorted(range(len(avatar.materials)), key=lambda i: avatar.materials[i].alpha == "blend")
        for index in order:
            chosen = avatar.face_material == index
            corners = avatar.faces[chosen].ravel()
            uvs = avatar.uvs[chosen].reshape(-1, 2)
            keys = np.column_stack([corners, np.rint(uvs * 65535).astype(np.int64)])
            _, first, numbered = np.unique(keys, axis=0, return_index=True, return_inverse=True)
            faces = numbered.reshape(-1, 3).astype(np.int32)
            self.surfaces.append((avatar.materials[index], corners[first], uvs[first].astype(np.float32), faces))
        count = len(self.faces)
        self.corner_sum = sparse.csr_matrix(
            (np.ones(count * 3, np.float32), (self.faces.ravel(), np.repeat(np.arange(count), 3))),
            shape=(len(avatar.vertices), count),
        )

    def normals(self, vertices: Floats) -> Floats:
        """Unit vertex normals (V, 3), the faces' weighted by area."""
        a, b, c = (vertices[self.faces[:, i]] for i in range(3))
        u, v = b - a, c - a
        across = np.empty_like(u)
        across[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        across[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        across[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        sums: Floats = self.corner_sum @ across
        lengths = np.sqrt(np.einsum("vi,vi->v", sums, sums))[:, None]
        return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


def _open(size: tuple[int, int]) -> Any:
    """An offscreen renderer with our shaders, which reads colour back and no depth."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # must be set before OpenGL is first imported
    try:
        import pyrender
        from pyrender.renderer import Renderer
        from pyrender.shader_program import ShaderProgramCache

        offscreen = pyrender.OffscreenRenderer(*size)
    except Exception as error:
        raise InputError(
            "No OpenGL could be opened to draw the preview; install a graphics driver or Mesa "
            f"(on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri). OpenGL said: {error or type(error).__name__}"
        ) from error

    class ColorRenderer(Renderer):  # type: ignore[misc]
        def _read_main_framebuffer(self, scene: object, flags: int) -> Picture:
            from OpenGL import GL

            width, height = self._main_fb_dims
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb_ms)
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._main_fb)
            GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_LINEAR)
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb)
            GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
            data = GL.glReadPixels(0, 0, width, height, GL.GL_RGB, GL.GL_UNSIGNED_BYTE)
            return np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1]

    renderer = ColorRenderer(*size)
    renderer._program_cache = ShaderProgramCache(str(_SHADERS))
    offscreen._renderer = renderer
    return offscreen


def _material(material: Material) -> Any:
    import pyrender
    from PIL import Image

    texture = None
    if material.texture is not None:
        image = Image.open(io.BytesIO(material.texture)).convert("RGBA" if material.alpha != "opaque" else "RGB")
        texture = np.asarray(image)
    return pyrender.MetallicRoughnessMaterial(
        baseColorFactor=material.color,
        baseColorTexture=None if texture is None else _texture(texture),
        roughnessFactor=material.roughness,
        metallicFactor=material.metallic,
        emissiveFactor=_SUBSURFACE.get(material.name, (0.0, 0.0, 0.0)),
        alphaMode="BLEND" if material.alpha == "blend" else "OPAQUE",
        doubleSided=material.double_sided,
    )


def _texture(pixels: NDArray[np.uint8]) -> Any:
    import pyrender
    from OpenGL import GL

    sampler = pyrender.Sampler(
        minFilter=GL.GL_LINEAR_MIPMAP_NEAREST, magFilter=GL.GL_LINEAR
    )  # trilinear is slow in Mesa
    return pyrender.Texture(source=pixels, source_channels="RGBA" if pixels.shape[2] == 4 else "RGB", sampler=sampler)


def _camera(avatar: Avatar, view: View) -> tuple[NDArray[np.float64], float]:
    """The camera's pose (4, 4) and the distance of the backdrop behind the avatar."""
    top = float(avatar.vertices[:, 1].max())
    head = avatar.joints[JOINT_INDEX["head"]]
    hips = avatar.joints[JOINT_INDEX["left_hip"]]
    if view.shot == "face":
        low, high, width = float(head[1]) - 0.12, top + 0.035, 0.28
    else:
        low, high, width = float(hips[1]) - 0.20, top + 0.07, 0.95
    height = max(high - low, width * view.size[1] / view.size[0])
    distance = height / 2 / np.tan(_FIELD_OF_VIEW / 2)
    pose = np.eye(4)
    pose[:3, 3] = [0.0, high - height / 2 if view.shot == "body" else (low + high) / 2, distance + 0.1]
    return pose, float(distance + 1.5)


def _backdrop(pose: NDArray[np.float64], far: float, size: tuple[int, int]) -> Any:
    """A wall that fills the picture, with a soft glow at its middle."""
    import pyrender

    half = far * np.tan(_FIELD_OF_VIEW / 2) * 1.01
    x, y = half * size[0] / size[1], half
    corners = np.array([[-x, -y, -far], [x, -y, -far], [x, y, -far], [-x, y, -far]]) + pose[:3, 3]
    u, v = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128))
    mix = np.clip(np.hypot(u, v + 0.15) / 1.35, 0, 1)[..., None] ** 1.6
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, mix.shape)  # keeps the gradient from banding
    glow = np.rint((1 - mix) * _BACKDROP[0] + mix * _BACKDROP[1] + noise).astype(np.uint8)
    material = pyrender.MetallicRoughnessMaterial(emissiveTexture=_texture(glow), doubleSided=True)
    return pyrender.Primitive(
        positions=corners.astype(np.float32),
        normals=np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        texcoord_0=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
        indices=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        material=material,
    )
