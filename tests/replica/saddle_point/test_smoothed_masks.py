"""Dynamic masks by points: beside the rule for tilted fields, limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from replica import IndependentTokens, Masking, PottsTokens, Problem, existence_threshold, solve
from replica.channels.channel_of import channel_of
from replica.channels.dynamic_masks import DynamicChannel
from replica.channels.smoothed_by_points import SmoothedPointRule
from replica.ensembles import ensemble_of
from replica.ensembles.masked import MaskedSpectrum
from replica.quadrature.rule import Accuracy

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("colors", "within"), [(2, 1e-10), (3, 1e-10), (4, 3e-8), (5, 1e-5), (7, None)]
)
def test_points_agree_with_a_lattice_of_trained_fields(colors, within):
    """Beyond what rules can, within four of the stated standard errors."""
    ensemble = ensemble_of(PottsTokens(colors, 0.4 * colors))
    context = MaskedSpectrum(ensemble.spectrum, Masking(0.3))
    full = channel_of(ensemble.law, "cross-entropy")
    m, q, V = np.array([0.5, 0.0]), np.array([0.6, 2.5]), np.array([0.8, 1.5])
    channel = DynamicChannel(full, context)
    known = channel.rule(m, q, V)
    rule = SmoothedPointRule(channel, channel.fields(m, q, V))
    expected, found = (each.averages(m, q, V, Accuracy.FINE) for each in (known, rule))
    within = 4.0 * rule.common_error if within is None else within
    assert within < 2e-3
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=within)
    square, other = (each.square(m, q, V, Accuracy.FINE) for each in (rule, known))
    assert square == pytest.approx(other, rel=3.0 * within)


@pytest.mark.parametrize(
    ("bare", "within"),
    [(Problem(3.0, 0.1, PottsTokens(4, 1.0, RING)), 1e-7),
     (Problem(2.0, 0.1, IndependentTokens(3, 1.5)), 1e-9)],
    ids=["modes", "independent"],
)  # fmt: skip
def test_few_masks_are_none(bare, within):
    unmasked, masked = solve(bare), solve(bare.at(masking=Masking(1e-11)))
    for name in ("m", "q", "V", "test_loss", "train_loss", "coupling_error", "norm2"):
        assert getattr(masked, name) == pytest.approx(getattr(unmasked, name), rel=within)
    assert masked.masked_test_loss == pytest.approx(unmasked.test_loss, rel=within)


def test_a_similarity_that_is_nearly_one_number_is_nearly_that():
    """Modes of the eigenvalues 1 + 1e-6 and 1: observables differ by as much."""
    ring, near = np.array(RING), np.eye(4)
    near = near + 1e-6 * (ring - np.trace(ring) / 4 * near)
    bare = Problem(2.0, 0.1, PottsTokens(4, 1.6), masking=Masking(0.4))
    one, modes = solve(bare), solve(bare.at(data=PottsTokens(4, 1.6, near)))
    assert np.size(modes.q) > 1
    assert modes.test_loss == pytest.approx(one.test_loss, rel=1e-5)
    assert modes.train_loss == pytest.approx(one.train_loss, rel=1e-5)
    assert modes.norm2 == pytest.approx(one.norm2, rel=1e-5)


def test_masks_leave_a_minimiser_without_weight_decay():
    data = IndependentTokens(2, 1.5)
    assert existence_threshold(data, masking=Masking(0.2)) == 0.0
    at_zero, near = (
        solve(Problem(1.0, lam, data, masking=Masking(0.2))).test_loss for lam in (0.0, 1e-9)
    )
    assert at_zero == pytest.approx(near, rel=1e-6)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [(PottsTokens(50, 2.0), "colors = 50 is not allowed"),
     (IndependentTokens(9, 1.0), "colors = 9 is not allowed")],
)  # fmt: skip
def test_too_many_colours_are_refused(data, refusal):
    with pytest.raises(ValueError, match=f"^{refusal}: .* dynamic masks and the cross-entropy"):
        solve(Problem(2.0, 0.1, data, masking=Masking(0.2)))
