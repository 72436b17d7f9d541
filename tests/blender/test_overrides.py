"""A linked character that is a library override is animated, body and face, and its takes outlive the session."""

from __future__ import annotations

import numpy as np
import pytest
from odd_rigs import talking_take


@pytest.fixture(scope="module")
def found(blender, tmp_path_factory):
    return blender("use_override.py", tmp_path_factory.mktemp("override"))


@pytest.fixture(scope="module")
def jaw():
    take = talking_take()
    return take.face[:, take.face_names.index("jawOpen")]


def test_body_and_face_are_keyed(found, jaw):
    assert "Linked" not in str(found["said"])
    assert len(found["now 1 body"]) == len(jaw)
    np.testing.assert_allclose(found["now 1 face"], jaw, atol=1e-5)


def test_two_of_one_character_have_faces_of_their_own(found):
    assert found["now 0 face"].max() < 0.6 * found["now 1 face"].max()


def test_takes_and_what_they_animate_are_there_when_the_file_is_opened_again(found):
    assert list(found["now 0 takes"]) == ["line 0.5", "line 2 1"]
    assert found["now 0 reach"] == 21
    for name in ("0 takes", "0 shown", "0 reach", "0 body", "0 face", "1 takes", "1 body", "1 face"):
        np.testing.assert_array_equal(found[f"then {name}"], found[f"now {name}"], err_msg=name)


def test_they_still_obey_their_dials_and_a_click(found, jaw):
    np.testing.assert_allclose(found["dialled face"], jaw, atol=1e-5)
    np.testing.assert_allclose(found["switched"], jaw, atol=1e-5)


def test_that_overrides_keep_no_ranges_of_signed_keys_is_told(found):
    assert "Widen the ranges in the library's own file" in str(found["expression said"])
