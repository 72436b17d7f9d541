"""The picture of a model's shapes."""

from pathlib import Path

import numpy as np
from PIL import Image

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.licensed.solving import Solution
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.renderers.shape_pictures import write_shape_pictures


def test_both_heads_do_every_shape_side_by_side(tmp_path: Path) -> None:
    nothing, some = np.zeros((52, 3)), np.full(52, 0.001)
    path = tmp_path / "shapes.png"
    avatar = load_avatar()
    write_shape_pictures(path, avatar, avatar, Solution(nothing, nothing, np.eye(6), some, some, some))
    picture = np.asarray(Image.open(path)).astype(int)
    high, wide = picture.shape[0] // 9, picture.shape[1] // 6
    cells = picture.reshape(9, high, 6, wide, 3).transpose(0, 2, 1, 3, 4).reshape(54, high, wide, 3)[:, 24:]
    assert (cells[:53, :, : wide // 2] == cells[:53, :, wide // 2 :]).all()
    changed = np.abs(cells[1:53, :, : wide // 2] - cells[0, :, : wide // 2]).max(axis=-1) > 20
    assert changed.any(axis=(1, 2)).all()
    rows = [np.median(np.nonzero(changed[ARKIT_INDEX[name]])[0]) for name in ("browInnerUp", "eyeBlinkLeft", "jawOpen")]
    assert rows == sorted(rows)
    assert changed[ARKIT_INDEX["jawOpen"]].sum() > changed[ARKIT_INDEX["mouthClose"]].sum()
