"""The stage: an OpenGL context off screen with an avatar in it, of which cameras take pictures (pyrender's parts).

Mesa without a GPU is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..avatars.avatar import Avatar, Floats, Material
from ..camera import Pinhole
from .lighting import STUDIO, Lighting
from .opengl import Context

Picture = NDArray[np.uint8]

_SHADERS = Path(__file__).parent / "shaders"
_SUBSURFACE = dict.fromkeys(("skin", "face"), (0.24, 0.09, 0.06))  # how far light wraps round (see shaders/mesh.frag)
_STRANDS = ("hair", "brows", "lashes")
_INSIDE = ("mouth", "tongue", "teeth")
NEAREST = 0.01
"""What is nearer to the camera than this many metres is cut off."""
_AT_ONCE = 1 << 22
"""Pixels. What is larger is drawn in bands, since a pixel takes some 40 bytes of the driver's memory."""
_STEP = 64


class Stage:
    """An OpenGL context with an avatar's mesh. `pose` moves the mesh, `draw` takes pictures of it as it stands.

    To be closed after use. Raises InputError if no OpenGL can be opened.
    """

    def __init__(self, avatar: Avatar) -> None:
        self._mesh = _RenderMesh(avatar)
        self.lighting = STUDIO
        self._context = Context()
        self._renderer = _renderer()
        try:
            self._fill()
            self.pose(avatar.vertices)
        except BaseException:
            self.close()
            raise

    def _fill(self) -> None:
        """Put the buffers and textures in the context."""
        import pyrender

        self._primitives, self._data = [], []
        for material, chosen, uvs, faces in self._mesh.surfaces:
            nowhere = np.zeros((len(chosen), 3), np.float32)
            primitive = pyrender.Primitive(
                positions=nowhere, normals=nowhere, texcoord_0=uvs, indices=faces, material=_material(material)
            )
            primitive._add_to_context()
            for texture in primitive.material.textures:
                texture._add_to_context()
            self._primitives.append(primitive)
            self._data.append(np.hstack([nowhere, nowhere, uvs]))

    def pose(self, vertices: Floats) -> None:
        """Put the avatar's vertices (V, 3) where they are to be."""
        from OpenGL import GL

        self._vertices = vertices
        placed = np.hstack([vertices, self._mesh.normals(vertices)])
        self._context.make_current()
        for primitive, data, (_, chosen, _, _) in zip(self._primitives, self._data, self._mesh.surfaces, strict=True):
            data[:, :6] = placed[chosen]
            GL.glBindBuffer(GL.GL_ARRAY_BUFFER, primitive._buffers[0])
            GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, data.nbytes, data)

    def draw(self, size: tuple[int, int], pose: NDArray[np.float64], field: float) -> Picture:
        """The picture (height, width, 4), sRGB times alpha, and alpha, from a camera at `pose` (4, 4).

        `size` is width and height, `field` the vertical field of view in radians.
        """
        width, height = size
        view = np.linalg.inv(pose)
        places = self._vertices @ view[:3, :3].T + view[:3, 3]
        distances = -places[:, 2]
        # As close round the body as may be, so that what lies closely over something else is never seen through.
        near, far = max(NEAREST, 0.99 * float(distances.min())), 1.01 * float(distances.max())
        left, top, right, bottom = _bounds(places, size, field)
        picture = np.zeros((height, width, 4), np.uint8)
        if far <= near or left == right or top == bottom:
            return picture
        across = min(_rounded(right - left), width)
        rows = min(_rounded(bottom - top), height, _AT_ONCE // across)
        projection = projection_matrix(field, width / height, near, far) @ view
        self._context.make_current()
        for above in range(top, bottom, rows):
            crop = np.eye(4)
            crop[0, 0], crop[0, 3] = width / across, (width - 2 * left - across) / across
            crop[1, 1], crop[1, 3] = height / rows, (2 * above + rows - height) / rows
            drawn = self._renderer.draw(self._primitives, (across, rows), pose[:3, 3], crop @ projection, self.lighting)
            picture[above : above + rows, left : left + across] = drawn[: height - above, : width - left]
        return picture

    def close(self) -> None:
        self._context.make_current()
        self._renderer.delete()
        self._context.close()


class _RenderMesh:
    """The avatar's mesh as OpenGL wants it: per material, one vertex for each pair of place and uv."""

    def __init__(self, avatar: Avatar) -> None:
        self.normals = SurfaceNormals(avatar)
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


class SurfaceNormals:
    """Unit vertex normals (V, 3) of an avatar's posed vertices (V, 3), the faces' weighted by area."""

    def __init__(self, avatar: Avatar) -> None:
        self._faces = avatar.faces
        count = len(self._faces)
        self._corner_sum = sparse.csr_matrix(
            (np.ones(count * 3, np.float32), (self._faces.ravel(), np.repeat(np.arange(count), 3))),
            shape=(len(avatar.vertices), count),
        )

    def __call__(self, vertices: Floats) -> Floats:
        a, b, c = (vertices[self._faces[:, i]] for i in range(3))
        u, v = b - a, c - a
        across = np.empty_like(u)
        across[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        across[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        across[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        sums: Floats = self._corner_sum @ across
        lengths = np.sqrt(np.einsum("vi,vi->v", sums, sums))[:, None]
        return np.asarray(sums / np.maximum(lengths, 1e-12), np.float32)


def _renderer() -> Any:
    """Pyrender's, for the current context, with our shaders, which reads colour and alpha back and no depth."""
    from pyrender.constants import ProgramFlags, RenderFlags
    from pyrender.renderer import Renderer
    from pyrender.shader_program import ShaderProgramCache

    class PictureRenderer(Renderer):  # type: ignore[misc]
        """Pyrender's, drawing a few posed surfaces: colours times alpha, so that what is see-through is right too."""

        dpscale = property(lambda self: 1, lambda self, value: None)  # a pixel is a pixel, on a Mac too

        def draw(
            self,
            primitives: Sequence[Any],
            size: tuple[int, int],
            eye: NDArray[Any],
            projection: NDArray[Any],
            lighting: Lighting,
        ) -> Picture:
            from OpenGL import GL

            self.viewport_width, self.viewport_height = size
            self._configure_forward_pass_viewport(RenderFlags.OFFSCREEN)
            GL.glClearColor(0.0, 0.0, 0.0, 0.0)
            GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
            GL.glEnable(GL.GL_MULTISAMPLE)
            GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
            GL.glActiveTexture(GL.GL_TEXTURE0)
            for primitive in primitives:
                material = primitive.material
                program = self._get_primitive_program(primitive, RenderFlags.NONE, ProgramFlags.USE_MATERIAL)
                program._bind()
                program.set_uniform("projection", projection)
                program.set_uniform("cam_pos", eye)
                program.set_uniform("material.wrap", np.array(_SUBSURFACE.get(material.name, (0.0, 0.0, 0.0))))
                program.set_uniform("material.strands", int(material.name in _STRANDS))
                program.set_uniform("material.inside", int(material.name in _INSIDE))
                for index in range(3):
                    program.set_uniform(f"lights[{index}]", np.array(lighting.directions[index]))
                    program.set_uniform(f"light_colors[{index}]", np.array(lighting.colors[index]))
                program.set_uniform("sky", np.array(lighting.sky))
                program.set_uniform("ground", np.array(lighting.ground))
                opening = lighting.opening
                program.set_uniform("opening", np.array((*opening.middle, opening.area)))
                program.set_uniform("half_opening", np.array(opening.half))
                program.set_uniform("thrown_back", lighting.thrown_back)
                program.set_uniform("material.base_color_factor", material.baseColorFactor)
                program.set_uniform("material.metallic_factor", material.metallicFactor)
                program.set_uniform("material.roughness_factor", material.roughnessFactor)
                if material.baseColorTexture is not None:
                    material.baseColorTexture._bind()
                (GL.glEnable if material.alphaMode == "BLEND" else GL.glDisable)(GL.GL_BLEND)
                (GL.glDisable if material.doubleSided else GL.glEnable)(GL.GL_CULL_FACE)
                primitive._bind()
                GL.glDrawElements(GL.GL_TRIANGLES, primitive.indices.size, GL.GL_UNSIGNED_INT, None)
                primitive._unbind()
            return self._read()

        def _read(self) -> Picture:
            from OpenGL import GL

            width, height = self._main_fb_dims
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb_ms)
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._main_fb)
            GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_LINEAR)
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb)
            data = GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
            return np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1]

    renderer = PictureRenderer(16, 16)
    renderer._program_cache = ShaderProgramCache(str(_SHADERS))
    return renderer


def _bounds(places: NDArray[np.float64], size: tuple[int, int], field: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in pixels, of what the picture shows of vertices at `places` (V, 3) of the camera.

    Right and bottom are outside it. All of the picture, where the camera is so close that something is cut off.
    """
    width, height = size
    if places[:, 2].max() > -NEAREST:
        return 0, 0, width, height
    pixels, _ = Pinhole(np.eye(4), field, size).seen(places)
    low, high = np.floor(pixels.min(axis=0)) - 1, np.ceil(pixels.max(axis=0)) + 1
    (left, top), (right, bottom) = (np.clip(corner, 0, size).astype(int).tolist() for corner in (low, high))
    return left, top, max(left, right), max(top, bottom)


def _rounded(pixels: int) -> int:
    """Up to a multiple, so that a size serves many frames."""
    return -(-pixels // _STEP) * _STEP


def projection_matrix(field: float, aspect: float, near: float, far: float) -> NDArray[np.float64]:
    """OpenGL's perspective projection (4, 4)."""
    focal = 1 / np.tan(field / 2)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1], matrix[3, 2] = focal / aspect, focal, -1
    matrix[2, 2], matrix[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    return matrix


def _material(material: Material) -> Any:
    import pyrender
    from OpenGL import GL

    texture, blend = None, material.alpha == "blend"
    if material.texture is not None:
        # Trilinear is slow in Mesa.
        sampler = pyrender.Sampler(minFilter=GL.GL_LINEAR_MIPMAP_NEAREST, magFilter=GL.GL_LINEAR)
        texture = pyrender.Texture(
            source=material.pixels(alpha=blend), source_channels="RGBA" if blend else "RGB", sampler=sampler
        )
    return pyrender.MetallicRoughnessMaterial(
        name=material.name,
        baseColorFactor=material.color if blend else (*material.color[:3], 1.0),
        baseColorTexture=texture,
        roughnessFactor=material.roughness,
        metallicFactor=material.metallic,
        alphaMode="BLEND" if blend else "OPAQUE",
        doubleSided=material.double_sided,
    )
