"""The models that the other tests are made with are like real ones where it matters."""

import numpy as np
import pytest
from licensed_models import made

from vlogger_backend.motion.names import ARKIT_INDEX


@pytest.mark.parametrize(("kind", "vertices", "joints"), [("flame", 5023, 5), ("smplx", 10475, 55)])
def test_a_made_model_has_the_sizes_of_a_real_one(kind: str, vertices: int, joints: int) -> None:
    model = made(kind, 50).model
    assert model.template.shape == (vertices, 3)
    assert model.expressions.shape == (vertices, 3, 50)
    assert model.weights.shape == (vertices, joints)
    assert np.allclose(model.weights.sum(axis=1), 1)
    assert model.regressor.shape == (joints, vertices)
    assert model.faces.max() < vertices
    assert model.correctives.shape == (9 * (joints - 1), vertices * 3)


@pytest.mark.parametrize("kind", ["flame", "smplx"])
def test_lips_can_part(kind: str) -> None:
    """Triangles near the slit belong to one lip: jawOpen stretches none between them."""
    one = made(kind)
    corners = one.model.landmarks.shares[[45, 49]], one.model.faces[one.model.landmarks.faces[[45, 49]]]

    def gap(places: np.ndarray) -> float:
        upper, lower = np.einsum("lk,lkc->lc", corners[0], places[corners[1]])
        return float(upper[1] - lower[1])

    assert abs(gap(one.model.template)) < 0.004
    assert gap(one.model.template + one.arkit[ARKIT_INDEX["jawOpen"]]) > 0.015


def test_the_same_seed_makes_the_same_model() -> None:
    one, same, other = (made("flame", 10, seed).model for seed in (1, 1, 2))
    assert np.array_equal(one.expressions, same.expressions)
    assert not np.allclose(one.template, other.template, atol=1e-4)
