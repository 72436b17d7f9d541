"""Pictures to mark, what people do to pictures, and videos of them."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from vlogger_backend.provenance.provenance import Provenance, Source

TAKE = "5eed0001" + "ab" * 28
PROVENANCE = Provenance(TAKE, 7, "builtin", Source.PHOTO_AND_PAINTED, "cd" * 32, "She agreed.")


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) like a photo in its spectrum: noise of all sizes over a slope, with a camera's own."""
    random = np.random.default_rng(seed)
    grey = np.linspace(60, 190, width)[None] + np.zeros((height, 1))
    for size in (1, 2, 4, 8, 16, 32):
        layer = gaussian_filter(random.standard_normal((height, width)), size, mode="wrap")
        grey = grey + 3.5 * size**0.5 * layer / layer.std()
    return np.clip(grey[..., None] + random.normal(0, 1.5, (height, width, 3)) + [8, 0, -8], 0, 255).astype(np.uint8)


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def scaled(picture: np.ndarray, part: float) -> np.ndarray:
    how = cv2.INTER_AREA if part < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=part, fy=part, interpolation=how)


def cropped(picture: np.ndarray, part: float) -> np.ndarray:
    """Without `part` of its height and width, unequally at both ends."""
    height, width = picture.shape[:2]
    top, left = int(height * part * 0.37), int(width * part * 0.61)
    return picture[top : top + int(height * (1 - part)), left : left + int(width * (1 - part))]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def encode(path: Path, pictures: Sequence[np.ndarray], crf: float, preset: str = "veryfast") -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": preset})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        out.mux(stream.encode())
    return path


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def swaying(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """The picture, its middle moving as a speaker's head does, its rim still."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    near = np.exp(-(((x - width / 2) / (width / 5)) ** 2) - ((y - height / 2) / (height / 4)) ** 2)
    return [
        cv2.remap(
            picture,
            x + 6 * np.sin(i / 5).astype(np.float32) * near,
            y + 3 * np.sin(i / 3).astype(np.float32) * near,
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
        for i in range(count)
    ]
