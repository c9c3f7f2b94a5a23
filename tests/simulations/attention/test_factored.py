from __future__ import annotations

import numpy as np
import pytest
from small_models import random_model, symmetric

from simulations import FactoredAttention


def small_attention(seed: int, sites: int = 5, colors: int = 3) -> FactoredAttention:
    rng = np.random.default_rng(seed)
    attention = rng.standard_normal((sites, sites))
    np.fill_diagonal(attention, 0.0)
    return FactoredAttention(attention, rng.standard_normal((colors, colors)))


@pytest.mark.parametrize("seed", range(3))
def test_gradient_against_finite_differences(seed):
    model = small_attention(seed)
    tokens = np.random.default_rng(seed).integers(3, size=(7, 5))
    step = 1e-5
    for name, slope in zip(("attention", "values"), model.gradient(tokens), strict=True):
        point = getattr(model, name)
        for index in np.ndindex(*point.shape):
            if name == "attention" and index[0] == index[1]:
                assert slope[index] == 0
                continue
            losses = []
            for sign in (1, -1):
                moved = point.copy()
                moved[index] += sign * step
                other = {"attention": model.attention, "values": model.values} | {name: moved}
                losses.append(FactoredAttention(**other).loss(tokens))
            numeric = (losses[0] - losses[1]) / (2 * step)
            assert slope[index] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_loss_is_minus_the_log_pseudo_likelihood():
    model = random_model(3)
    tokens = np.random.default_rng(0).integers(3, size=(50, 4))
    seen = np.take_along_axis(model.conditionals(tokens), tokens[..., None], -1)[..., 0]
    expected = -np.log(seen).sum(axis=1).mean()
    attention = FactoredAttention(model.teacher, model.values)
    assert attention.loss(tokens) == pytest.approx(expected, rel=1e-13)


def test_invariances():
    model = small_attention(1)
    tokens = np.random.default_rng(0).integers(3, size=(6, 5))
    scaled = FactoredAttention(3 * model.attention, model.values / 3)
    shifted = FactoredAttention(model.attention, model.values + np.array([1.0, -2.0, 0.5]))
    for other in (scaled, shifted):
        assert other.loss(tokens) == pytest.approx(model.loss(tokens), rel=1e-13)


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"attention = .*zero diagonal"):
        FactoredAttention(symmetric(rng, 4), np.eye(3))
    with pytest.raises(ValueError, match=r"values = .*square"):
        FactoredAttention(symmetric(rng, 4, hollow=True), np.ones((2, 3)))
