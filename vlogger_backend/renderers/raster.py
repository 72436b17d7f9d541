"""The posed avatar as numbers: what each pixel of a camera's picture shows of it, and what the photo knows of that.

One pass of OpenGL (Mesa without a GPU is enough). Pixels are sampled at their centres and not blended, since numbers
such as places must not be mixed with what is behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Floats
from ..avatars.posing import posed_vertices
from ..camera import focal_length
from ..motion.names import JOINT_NAMES
from ..portraits.portrait import Portrait
from .figure import Figure
from .opengl import Context
from .regions import STRANDS
from .stage import NEAREST, SurfaceNormals, projection_matrix

_SHADERS = Path(__file__).parent / "shaders"
_PHOTO_SIDE = 2048
"""Pixels of the photo's depth map at most; what is hidden in the photo needs no more."""


@dataclass(frozen=True, eq=False)
class Raster:
    """What a camera sees of a figure, pixel by pixel, (height, width, …); zeros where it sees none of it.

    template : (…, 3) the place in the default avatar in its rest pose, metres, so a point of the body keeps its number
               whatever it does and whoever it is (VLOGGER's dense coordinates)
    depth    : (…) metres from the camera along its axis
    normals  : (…, 3) unit normals in the camera's frame: x to the right, y up, z towards the camera
    regions  : (…) which part of the body, an index into `regions.REGIONS`; 0 is none
    warp     : (…, 4) sRGB and straight alpha: the photo's pixel of that point of the body, if the photo shows it
    """

    template: Floats
    depth: Floats
    normals: Floats
    regions: NDArray[np.uint8]
    warp: NDArray[np.uint8]


class Rasterizer:
    """An OpenGL context with a figure and a portrait's photo. `draw` looks at one frame.

    To be closed after use. Raises InputError if no OpenGL can be opened.
    """

    def __init__(self, figure: Figure, portrait: Portrait) -> None:
        self.avatar = figure.avatar
        self._normals = SurfaceNormals(self.avatar)
        self._context = Context()
        self._target: _Target | None = None
        try:
            self._context.make_current()
            self._fill(figure, portrait)
        except BaseException:
            self.close()
            raise

    def _fill(self, figure: Figure, portrait: Portrait) -> None:
        from OpenGL import GL
        from OpenGL.GL import shaders

        avatar = self.avatar
        still = np.zeros((len(JOINT_NAMES), 3), np.float32)
        photo = posed_vertices(self.avatar, still, np.zeros(3, np.float32), portrait.fit.arkit)
        double = np.array([m.double_sided for m in avatar.materials])[avatar.face_material]
        order = np.argsort(double, kind="stable")
        regions, first = figure.regions[order], figure.borders[order]
        corners, pairs = avatar.faces[order].ravel(), np.repeat(regions, 3, axis=0)
        keys = (corners.astype(np.int64) << 16) + (pairs[:, 0].astype(np.int64) << 8) + pairs[:, 1]
        _, places, numbered = np.unique(keys, return_index=True, return_inverse=True)
        self._chosen = corners[places]
        self._single, self._corners = 3 * int((~double).sum()), len(corners)
        template, placed, facing = (values[self._chosen] for values in (figure.template, photo, self._normals(photo)))
        static = np.hstack([template, placed, facing, pairs[places], first.reshape(-1, 1)[places]])
        self._program = shaders.compileProgram(
            shaders.compileShader((_SHADERS / "raster.vert").read_text(), GL.GL_VERTEX_SHADER),
            shaders.compileShader((_SHADERS / "raster.frag").read_text(), GL.GL_FRAGMENT_SHADER),
            validate=False,
        )
        self._array, self._moving = _upload(static, numbered.reshape(-1))
        self._load_photo(portrait, photo)

    def _load_photo(self, portrait: Portrait, vertices: Floats) -> None:
        """The photo and its matte as a texture, and how far from its camera it shows each pixel of the body."""
        from OpenGL import GL

        GL.glActiveTexture(GL.GL_TEXTURE0)
        self._photo = _texture(np.dstack([portrait.foreground, portrait.matte]))
        camera = portrait.fit.camera
        taken = camera.pinhole()
        self._photo_view = np.linalg.inv(taken.pose)
        reduced = min(1.0, _PHOTO_SIDE / max(camera.width, camera.height))
        size = max(1, round(camera.width * reduced)), max(1, round(camera.height * reduced))
        self._photo_lens = _lens(vertices, self._photo_view, taken.field, camera.width / camera.height)
        self._photo_pixel = 1 / focal_length(size[1], taken.field)
        self._head = np.unique(self.avatar.faces_of("face"))
        self._photo_scale = self._pixels_per_metre(vertices, self._photo_view, camera.height, taken.field)
        seen = _Target(size)
        self._render(seen, vertices, self._photo_view, self._photo_lens, None)
        self._seen = seen

    def _pixels_per_metre(self, vertices: Floats, view: NDArray[np.float64], height: int, field: float) -> float:
        """How large a picture shows the head."""
        distance = -float(vertices[self._head].mean(axis=0) @ view[2, :3] + view[2, 3])
        return focal_length(height, field) / max(distance, NEAREST)

    def draw(self, vertices: Floats, size: tuple[int, int], pose: NDArray[np.float64], field: float) -> Raster:
        """The frame in which the avatar's vertices are at `vertices` (V, 3).

        `size` is width and height, `pose` (4, 4) the camera's in the world, `field` its vertical field of view in
        radians.
        """
        self._context.make_current()
        if self._target is None or self._target.size != size:
            if self._target is not None:
                self._target.discard()
            self._target = _Target(size)
        view = np.linalg.inv(pose)
        lens = _lens(vertices, view, field, size[0] / size[1])
        scale = self._pixels_per_metre(vertices, view, size[1], field)
        self._render(self._target, vertices, view, lens, self._seen, np.log2(self._photo_scale / scale))
        places, facing, warp = self._target.read()
        return Raster(places[..., :3], facing[..., 3], facing[..., :3], np.rint(places[..., 3]).astype(np.uint8), warp)

    def _render(
        self,
        target: _Target,
        vertices: Floats,
        view: NDArray[np.float64],
        lens: NDArray[np.float64],
        seen: _Target | None,
        reduction: float = 0.0,
    ) -> None:
        from OpenGL import GL

        moving = np.hstack([vertices, self._normals(vertices)])[self._chosen]
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, self._moving)
        GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, moving.nbytes, np.ascontiguousarray(moving, np.float32))
        target.clear()
        GL.glUseProgram(self._program)
        for name, matrix in (
            ("view", view), ("lens", lens), ("photo_view", self._photo_view), ("photo_lens", self._photo_lens)
        ):  # fmt: skip
            GL.glUniformMatrix4fv(self._uniform(name), 1, True, matrix.astype(np.float32))
        GL.glUniform1f(self._uniform("photo_pixel"), self._photo_pixel)
        GL.glUniform1f(self._uniform("reduction"), max(reduction, 0.0))
        GL.glUniform2f(self._uniform("strands"), *STRANDS)
        GL.glUniform1i(self._uniform("warped"), int(seen is not None))
        GL.glUniform1i(self._uniform("photo"), 0)
        GL.glUniform1i(self._uniform("seen"), 1)
        GL.glActiveTexture(GL.GL_TEXTURE0)
        GL.glBindTexture(GL.GL_TEXTURE_2D, self._photo)
        GL.glActiveTexture(GL.GL_TEXTURE1)
        GL.glBindTexture(GL.GL_TEXTURE_2D, seen.textures[1] if seen is not None else 0)
        GL.glBindVertexArray(self._array)
        GL.glEnable(GL.GL_CULL_FACE)
        GL.glDrawElements(GL.GL_TRIANGLES, self._single, GL.GL_UNSIGNED_INT, None)
        GL.glDisable(GL.GL_CULL_FACE)
        rest = self._corners - self._single
        GL.glDrawElements(GL.GL_TRIANGLES, rest, GL.GL_UNSIGNED_INT, _at(4 * self._single))
        GL.glBindVertexArray(0)

    def _uniform(self, name: str) -> int:
        from OpenGL import GL

        return int(GL.glGetUniformLocation(self._program, name))

    def close(self) -> None:
        self._context.close()


class _Target:
    """A framebuffer of numbers: places and regions, normals and depths, and the photo's colours."""

    def __init__(self, size: tuple[int, int]) -> None:
        from OpenGL import GL

        self.size = size
        self.frame = GL.glGenFramebuffers(1)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.frame)
        self.textures = [int(t) for t in np.atleast_1d(GL.glGenTextures(3))]
        kinds = ((GL.GL_RGBA32F, GL.GL_FLOAT), (GL.GL_RGBA32F, GL.GL_FLOAT), (GL.GL_RGBA8, GL.GL_UNSIGNED_BYTE))
        for index, (texture, (kind, number)) in enumerate(zip(self.textures, kinds, strict=True)):
            GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
            GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, kind, *size, 0, GL.GL_RGBA, number, None)
            GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MIN_FILTER, GL.GL_NEAREST)
            GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MAG_FILTER, GL.GL_NEAREST)
            attachment = GL.GL_COLOR_ATTACHMENT0 + index
            GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, attachment, GL.GL_TEXTURE_2D, texture, 0)
        self.depth = GL.glGenRenderbuffers(1)
        GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, self.depth)
        GL.glRenderbufferStorage(GL.GL_RENDERBUFFER, GL.GL_DEPTH_COMPONENT24, *size)
        GL.glFramebufferRenderbuffer(GL.GL_FRAMEBUFFER, GL.GL_DEPTH_ATTACHMENT, GL.GL_RENDERBUFFER, self.depth)
        GL.glDrawBuffers(3, [GL.GL_COLOR_ATTACHMENT0 + index for index in range(3)])

    def clear(self) -> None:
        from OpenGL import GL

        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.frame)
        GL.glViewport(0, 0, *self.size)
        GL.glDisable(GL.GL_BLEND)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glClearColor(0.0, 0.0, 0.0, 0.0)
        GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)

    def read(self) -> list[NDArray[Any]]:
        """The three pictures, from their top left."""
        from OpenGL import GL

        width, height = self.size
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self.frame)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        pictures = []
        for index, (number, kind) in enumerate(
            ((GL.GL_FLOAT, np.float32), (GL.GL_FLOAT, np.float32), (GL.GL_UNSIGNED_BYTE, np.uint8))
        ):
            GL.glReadBuffer(GL.GL_COLOR_ATTACHMENT0 + index)
            picture = np.empty((height, width, 4), kind)
            GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, number, picture)
            pictures.append(picture[::-1])
        return pictures

    def discard(self) -> None:
        from OpenGL import GL

        GL.glDeleteFramebuffers(1, [self.frame])
        GL.glDeleteRenderbuffers(1, [self.depth])
        GL.glDeleteTextures(self.textures)


def _upload(static: NDArray[Any], corners: NDArray[Any]) -> tuple[int, int]:
    """The vertex array, and the buffer of places and normals that moves."""
    from OpenGL import GL

    array = GL.glGenVertexArrays(1)
    GL.glBindVertexArray(array)
    moving, fixed, indices = (int(b) for b in GL.glGenBuffers(3))
    data = np.ascontiguousarray(static, np.float32)
    GL.glBindBuffer(GL.GL_ARRAY_BUFFER, moving)
    GL.glBufferData(GL.GL_ARRAY_BUFFER, len(data) * 24, None, GL.GL_STREAM_DRAW)
    _attributes(0, (3, 3))
    GL.glBindBuffer(GL.GL_ARRAY_BUFFER, fixed)
    GL.glBufferData(GL.GL_ARRAY_BUFFER, data.nbytes, data, GL.GL_STATIC_DRAW)
    _attributes(2, (3, 3, 3, 3))
    faces = np.ascontiguousarray(corners, np.uint32)
    GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, indices)
    GL.glBufferData(GL.GL_ELEMENT_ARRAY_BUFFER, faces.nbytes, faces, GL.GL_STATIC_DRAW)
    GL.glBindVertexArray(0)
    return int(array), moving


def _attributes(first: int, widths: tuple[int, ...]) -> None:
    """Say how the numbers of a vertex lie in the bound buffer, one after the other."""
    from OpenGL import GL

    place = 0
    for index, width in enumerate(widths, first):
        GL.glEnableVertexAttribArray(index)
        GL.glVertexAttribPointer(index, width, GL.GL_FLOAT, False, 4 * sum(widths), _at(4 * place))
        place += width


def _at(offset: int) -> Any:
    import ctypes

    return ctypes.c_void_p(offset)


def _texture(picture: NDArray[np.uint8]) -> int:
    from OpenGL import GL

    texture = int(GL.glGenTextures(1))
    GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
    GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
    height, width = picture.shape[:2]
    data = np.ascontiguousarray(picture)
    GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, data)
    GL.glGenerateMipmap(GL.GL_TEXTURE_2D)
    # Trilinear is slow in Mesa.
    GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR_MIPMAP_NEAREST)
    GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_MAG_FILTER, GL.GL_LINEAR)
    GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_WRAP_S, GL.GL_CLAMP_TO_EDGE)
    GL.glTexParameteri(GL.GL_TEXTURE_2D, GL.GL_TEXTURE_WRAP_T, GL.GL_CLAMP_TO_EDGE)
    return texture


def _lens(vertices: Floats, view: NDArray[np.float64], field: float, aspect: float) -> NDArray[np.float64]:
    """The projection whose near and far planes lie closely round the body."""
    distances = -(vertices @ view[2, :3] + view[2, 3])
    near = max(NEAREST, 0.99 * float(distances.min()))
    return projection_matrix(field, aspect, near, max(1.01 * float(distances.max()), 2 * near))
