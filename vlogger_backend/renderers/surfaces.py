"""Textured surfaces drawn off screen: each vertex has a place in the world and one in its picture.

No light is added: the pictures are photos, which have theirs in them. Mesa without a GPU is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .opengl import Context

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Picture = NDArray[np.uint8]

_SAMPLES = 4

_VERTEX = """#version 330 core
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 place;
layout(location = 2) in float light;
layout(location = 3) in float share;
uniform mat4 projection;
out vec3 homogeneous;
centroid out vec3 inside;
out float brightness;
out float other;
void main()
{
    gl_Position = projection * vec4(position, 1.0);
    homogeneous = place;
    inside = place;
    brightness = light;
    other = share;
}
"""

# Catmull-Rom in nine fetches (Sigg and Hadwiger, GPU Gems 2, chapter 20; here with weights that interpolate): where
# nothing moves, a pixel of the photo comes out as it went in.
_FRAGMENT = """#version 330 core
uniform sampler2D picture;
uniform sampler2D under;
uniform int flat_id;
in vec3 homogeneous;
centroid in vec3 inside;
in float brightness;
in float other;
out vec4 color;
vec4 sampled(vec2 at)
{
    vec2 size = vec2(textureSize(picture, 0));
    vec2 place = at * size;
    vec2 centre = floor(place - 0.5) + 0.5;
    vec2 f = place - centre;
    vec2 w0 = f * (-0.5 + f * (1.0 - 0.5 * f));
    vec2 w1 = 1.0 + f * f * (-2.5 + 1.5 * f);
    vec2 w2 = f * (0.5 + f * (2.0 - 1.5 * f));
    vec2 w3 = f * f * (-0.5 + 0.5 * f);
    vec2 w12 = w1 + w2;
    vec2 p0 = (centre - 1.0) / size, p3 = (centre + 2.0) / size, p12 = (centre + w2 / w12) / size;
    return clamp(
        (texture(picture, vec2(p0.x, p0.y)) * w0.x + texture(picture, vec2(p12.x, p0.y)) * w12.x
            + texture(picture, vec2(p3.x, p0.y)) * w3.x) * w0.y
        + (texture(picture, vec2(p0.x, p12.y)) * w0.x + texture(picture, vec2(p12.x, p12.y)) * w12.x
            + texture(picture, vec2(p3.x, p12.y)) * w3.x) * w12.y
        + (texture(picture, vec2(p0.x, p3.y)) * w0.x + texture(picture, vec2(p12.x, p3.y)) * w12.x
            + texture(picture, vec2(p3.x, p3.y)) * w3.x) * w3.y, 0.0, 1.0);
}
void main()
{
    if (flat_id > 0) {
        color = vec4(float(flat_id) / 255.0, clamp(other, 0.0, 1.0), 0.0, 1.0);
        return;
    }
    // The middle of a pixel that a triangle covers in part may be beside it: far away in the picture if the triangle
    // is steep. Then the colour is of a place inside; else of the middle, so that the photo is not blurred.
    vec2 at = homogeneous.xy / homogeneous.z;
    vec2 within = inside.xy / inside.z;
    if (distance(at, within) * float(textureSize(picture, 0).x) > 1.0)
        at = within;
    float share = clamp(other, 0.0, 1.0);
    vec4 texel = sampled(at);
    if (share > 0.0)
        texel = mix(texel, texture(under, at), share);
    if (texel.a < 0.003)
        discard;
    color = vec4(min(texel.rgb * brightness, texel.aaa), texel.a);
}
"""


@dataclass(frozen=True, eq=False)
class Surface:
    """A sheet with a picture on it.

    faces   : (F, 3) vertices of its triangles
    uv      : (N, 3) where each vertex is in the picture, 0 to 1 from its top left, both times a depth, and that depth:
              a picture that a camera threw on the surface is drawn as that camera saw it
    picture : (h, w, 4) sRGB times alpha, and alpha
    under   : (h, w, 4) what is to be seen where the picture is worn: a `Look` says where
    """

    faces: Ints
    uv: Floats
    picture: Picture
    under: Picture | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """How a surface looks in one frame.

    places : (N, 3) where its vertices are
    light  : (N,) factor on its picture
    worn   : (N,) 0 to 1, how much `under` is seen in place of the picture
    number : 1 to 255, by which it is told in `draw_numbers`, or 0, which leaves it out there
    """

    places: Floats
    light: Floats
    worn: Floats
    number: int = 1


class Canvas:
    """An OpenGL context with surfaces. To be closed after use. Raises InputError if no OpenGL can be opened."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        self._context = Context()
        self._buffers: tuple[int, int] | None = None
        self._frame: list[int] = []
        try:
            self._fill(surfaces)
        except BaseException:
            self.close()
            raise

    def _fill(self, surfaces: Sequence[Surface]) -> None:
        from OpenGL import GL
        from OpenGL.GL import shaders

        self._program = shaders.compileProgram(
            shaders.compileShader(_VERTEX, GL.GL_VERTEX_SHADER),
            shaders.compileShader(_FRAGMENT, GL.GL_FRAGMENT_SHADER),
            validate=False,
        )
        self._sheets = [_upload(surface) for surface in surfaces]

    def draw(self, size: tuple[int, int], projection: NDArray[np.float64], looks: Sequence[Look]) -> Picture:
        """The picture (height, width, 4), sRGB times alpha, and alpha, of the surfaces.

        `projection` (4, 4) takes the world to OpenGL's clip space.
        """
        return self._draw(size, projection, looks, _SAMPLES)

    def draw_numbers(self, size: tuple[int, int], projection: NDArray[np.float64], looks: Sequence[Look]) -> Picture:
        """The picture (height, width, 2) of the surfaces' numbers, 0 where there is none, and of how worn they are."""
        return self._draw(size, projection, looks, 0)[..., :2]

    def _draw(
        self, size: tuple[int, int], projection: NDArray[np.float64], looks: Sequence[Look], samples: int
    ) -> Picture:
        from OpenGL import GL

        self._context.make_current()
        frame = _framebuffer(size, samples)
        try:
            GL.glViewport(0, 0, *size)
            GL.glClearColor(0, 0, 0, 0)
            GL.glClear(GL.GL_COLOR_BUFFER_BIT | GL.GL_DEPTH_BUFFER_BIT)
            GL.glEnable(GL.GL_DEPTH_TEST)
            GL.glDisable(GL.GL_CULL_FACE)
            (GL.glEnable if samples else GL.glDisable)(GL.GL_BLEND)
            GL.glBlendFunc(GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
            GL.glUseProgram(self._program)
            GL.glUniformMatrix4fv(self._uniform("projection"), 1, True, projection.astype(np.float32))
            GL.glUniform1i(self._uniform("picture"), 0)
            GL.glUniform1i(self._uniform("under"), 1)
            for sheet, look in zip(self._sheets, looks, strict=True):
                if not (samples or look.number):
                    continue
                GL.glUniform1i(self._uniform("flat_id"), 0 if samples else look.number)
                for buffer, data in zip(sheet.moving, (look.places, look.light, look.worn), strict=True):
                    _replace(buffer, data)
                for unit, texture in enumerate(sheet.textures):
                    GL.glActiveTexture(GL.GL_TEXTURE0 + unit)
                    GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
                GL.glBindVertexArray(sheet.array)
                GL.glDrawElements(GL.GL_TRIANGLES, sheet.corners, GL.GL_UNSIGNED_INT, None)
            return _read(frame, size, samples)
        finally:
            _discard(frame)

    def _uniform(self, name: str) -> int:
        from OpenGL import GL

        return int(GL.glGetUniformLocation(self._program, name))

    def close(self) -> None:
        self._context.close()


@dataclass(frozen=True)
class _Sheet:
    array: int
    moving: tuple[int, int, int]
    textures: tuple[int, int]
    corners: int


def _upload(surface: Surface) -> _Sheet:
    from OpenGL import GL

    array = GL.glGenVertexArrays(1)
    GL.glBindVertexArray(array)
    count = len(surface.uv)
    buffers = []
    for location, width in enumerate((3, 3, 1, 1)):
        data = np.ascontiguousarray(surface.uv if location == 1 else np.zeros((count, width)), np.float32)
        buffer = GL.glGenBuffers(1)
        GL.glBindBuffer(GL.GL_ARRAY_BUFFER, buffer)
        GL.glBufferData(GL.GL_ARRAY_BUFFER, data.nbytes, data, GL.GL_STREAM_DRAW)
        GL.glEnableVertexAttribArray(location)
        GL.glVertexAttribPointer(location, width, GL.GL_FLOAT, False, 0, None)
        buffers.append(int(buffer))
    corners = np.ascontiguousarray(surface.faces, np.uint32)
    GL.glBindBuffer(GL.GL_ELEMENT_ARRAY_BUFFER, GL.glGenBuffers(1))
    GL.glBufferData(GL.GL_ELEMENT_ARRAY_BUFFER, corners.nbytes, corners, GL.GL_STATIC_DRAW)
    GL.glBindVertexArray(0)
    picture = _texture(surface.picture)
    under = picture if surface.under is None else _texture(surface.under)
    return _Sheet(int(array), (buffers[0], buffers[2], buffers[3]), (picture, under), corners.size)


def _texture(picture: Picture) -> int:
    from OpenGL import GL

    texture = GL.glGenTextures(1)
    GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
    for name, value in (
        (GL.GL_TEXTURE_MIN_FILTER, GL.GL_LINEAR),
        (GL.GL_TEXTURE_MAG_FILTER, GL.GL_LINEAR),
        (GL.GL_TEXTURE_WRAP_S, GL.GL_MIRRORED_REPEAT),
        (GL.GL_TEXTURE_WRAP_T, GL.GL_MIRRORED_REPEAT),
    ):
        GL.glTexParameteri(GL.GL_TEXTURE_2D, name, value)
    picture = np.ascontiguousarray(picture)
    height, width = picture.shape[:2]
    GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
    GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, picture)
    return int(texture)


def _replace(buffer: int, data: Floats) -> None:
    from OpenGL import GL

    data = np.ascontiguousarray(data, np.float32)
    GL.glBindBuffer(GL.GL_ARRAY_BUFFER, buffer)
    GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, data.nbytes, data)


def _framebuffer(size: tuple[int, int], samples: int) -> tuple[int, list[int]]:
    from OpenGL import GL

    frame = GL.glGenFramebuffers(1)
    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, frame)
    stores = []
    for kind, attachment in ((GL.GL_RGBA8, GL.GL_COLOR_ATTACHMENT0), (GL.GL_DEPTH_COMPONENT24, GL.GL_DEPTH_ATTACHMENT)):
        store = GL.glGenRenderbuffers(1)
        GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, store)
        GL.glRenderbufferStorageMultisample(GL.GL_RENDERBUFFER, samples, kind, *size)
        GL.glFramebufferRenderbuffer(GL.GL_FRAMEBUFFER, attachment, GL.GL_RENDERBUFFER, store)
        stores.append(int(store))
    return int(frame), stores


def _discard(frame: tuple[int, list[int]]) -> None:
    from OpenGL import GL

    GL.glDeleteFramebuffers(1, [frame[0]])
    GL.glDeleteRenderbuffers(len(frame[1]), frame[1])


def _read(frame: tuple[int, list[int]], size: tuple[int, int], samples: int) -> Picture:
    from OpenGL import GL

    width, height = size
    resolved = None
    if samples:
        resolved = _framebuffer(size, 0)
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, frame[0])
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, resolved[0])
        GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
    GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, resolved[0] if resolved else frame[0])
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    data = GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
    if resolved:
        _discard(resolved)
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)[::-1]
