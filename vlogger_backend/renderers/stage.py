"""The stage: an OpenGL context off screen with an avatar in it, of which cameras take pictures (pyrender's parts).

Mesa without a GPU is enough.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..avatars.avatar import Avatar, Floats, Material
from ..errors import InputError

Picture = NDArray[np.uint8]

_SHADERS = Path(__file__).parent / "shaders"
_SUBSURFACE = dict.fromkeys(("skin", "face"), (0.24, 0.09, 0.06))  # how far light wraps round (see shaders/mesh.frag)
_NEAREST = 0.01
"""What is nearer to the camera than this many metres is cut off."""


class Stage:
    """An OpenGL context with an avatar's mesh. `pose` moves the mesh, `draw` takes pictures of it as it stands.

    To be closed after use. Raises InputError if no OpenGL can be opened.
    """

    def __init__(self, avatar: Avatar) -> None:
        self._mesh = _RenderMesh(avatar)
        self._offscreen = _open()
        try:
            self._fill(avatar)
        except BaseException:
            self.close()
            raise

    def _fill(self, avatar: Avatar) -> None:
        import pyrender

        normals = self._mesh.normals(avatar.vertices)
        self._primitives = [
            pyrender.Primitive(
                positions=avatar.vertices[vertices],
                normals=normals[vertices],
                texcoord_0=uvs,
                indices=faces,
                material=_material(material),
            )
            for material, vertices, uvs, faces in self._mesh.surfaces
        ]
        self._scene = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
        self._camera = pyrender.PerspectiveCamera(yfov=1.0, znear=_NEAREST)
        self._eye = self._scene.add(self._camera)
        self._scene.add(pyrender.Mesh(primitives=self._primitives))
        self._vertices = avatar.vertices
        self.draw((16, 16), np.eye(4), 1.0)  # puts the buffers in the context, to be overwritten from now on

    def pose(self, vertices: Floats) -> None:
        """Put the avatar's vertices (V, 3) where they are to be."""
        from OpenGL import GL

        self._vertices = vertices
        normals = self._mesh.normals(vertices)
        self._offscreen._platform.make_current()
        for primitive, (_, chosen, uvs, _) in zip(self._primitives, self._mesh.surfaces, strict=True):
            data = np.hstack([vertices[chosen], normals[chosen], uvs])
            GL.glBindBuffer(GL.GL_ARRAY_BUFFER, primitive._buffers[0])
            GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, data.nbytes, data)

    def draw(self, size: tuple[int, int], pose: NDArray[np.float64], field: float) -> Picture:
        """The picture (height, width, 4), sRGB times alpha, and alpha, from a camera at `pose` (4, 4).

        `size` is width and height, `field` the vertical field of view in radians.
        """
        distances = (pose[:3, 3] - self._vertices) @ pose[:3, 2]
        far = float(distances.max())
        # As close round the body as may be, so that what lies closely over something else is never seen through.
        self._camera.zfar = None
        self._camera.znear = max(_NEAREST, 0.99 * float(distances.min()))
        self._camera.zfar = max(1.01 * far, 2 * self._camera.znear)
        self._camera.yfov = field
        self._scene.set_pose(self._eye, pose)
        self._offscreen.viewport_width, self._offscreen.viewport_height = size
        picture: Picture = self._offscreen.render(self._scene)
        return picture

    def close(self) -> None:
        platform = self._offscreen._platform
        if not hasattr(platform, "_egl_display"):
            self._offscreen.delete()
            return
        # On EGL pyrender would end the whole display, and with it every other context of this process.
        from OpenGL import EGL

        platform.make_current()
        self._offscreen._renderer.delete()
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
            if not chosen.any():
                continue
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


def _open() -> Any:
    """An offscreen renderer with our shaders, which reads colour and alpha back and no depth."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # must be set before OpenGL is first imported
    try:
        import pyrender
        from pyrender.renderer import Renderer
        from pyrender.shader_program import ShaderProgramCache

        offscreen = pyrender.OffscreenRenderer(16, 16)
    except Exception as error:
        raise InputError(
            "No OpenGL could be opened to draw the preview; install a graphics driver or Mesa "
            f"(on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri). OpenGL said: {error or type(error).__name__}"
        ) from error

    class PictureRenderer(Renderer):  # type: ignore[misc]
        def _read_main_framebuffer(self, scene: object, flags: int) -> Picture:
            from OpenGL import GL

            width, height = self._main_fb_dims
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb_ms)
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._main_fb)
            GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_LINEAR)
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb)
            GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
            data = GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
            return np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1]

    renderer = PictureRenderer(16, 16)
    renderer._program_cache = ShaderProgramCache(str(_SHADERS))
    offscreen._renderer = renderer
    return offscreen


def _material(material: Material) -> Any:
    import pyrender
    from OpenGL import GL
    from PIL import Image

    texture = None
    if material.texture is not None:
        mode = "RGBA" if material.alpha != "opaque" else "RGB"
        # Trilinear is slow in Mesa.
        sampler = pyrender.Sampler(minFilter=GL.GL_LINEAR_MIPMAP_NEAREST, magFilter=GL.GL_LINEAR)
        pixels = np.asarray(Image.open(io.BytesIO(material.texture)).convert(mode))
        texture = pyrender.Texture(source=pixels, source_channels=mode, sampler=sampler)
    return pyrender.MetallicRoughnessMaterial(
        baseColorFactor=material.color,
        baseColorTexture=texture,
        roughnessFactor=material.roughness,
        metallicFactor=material.metallic,
        emissiveFactor=_SUBSURFACE.get(material.name, (0.0, 0.0, 0.0)),
        alphaMode="BLEND" if material.alpha == "blend" else "OPAQUE",
        doubleSided=material.double_sided,
    )
