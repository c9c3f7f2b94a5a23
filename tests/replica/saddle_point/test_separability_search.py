"""Existence thresholds without a formula: limits that have one, invariances and the solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from mixtures import potts_row, random_mixture
from scipy.special import logsumexp, wrightomega

from replica import (
    ConvergenceError,
    DataModel,
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    existence_threshold,
    solve,
)
from replica.ensembles import ensemble_of
from replica.losses.recession import falls_in_the_cone
from replica.saddle_point.existence_threshold import known_threshold, stated_threshold


def circulant(*row: float) -> list[np.ndarray]:
    return [np.roll(row, shift) for shift in range(len(row))]


MODES = PottsTokens(4, 1.0, circulant(1, 0.3, -0.5, 0.3))


@pytest.mark.parametrize(("colors", "sites"), [(2, 14), (3, 14), (4, 10), (5, 8), (6, 5)])
def test_exact_moments_have_the_threshold_of_the_formula(colors, sites):
    mixture, row, spectrum = potts_row(colors, sites, 3)
    found = stated_threshold(RowTokens.from_moments(*mixture, teacher=row))
    # A row of L - 1 weights.
    expected = existence_threshold(spectrum) * (sites - 1) / sites
    assert found.alpha == pytest.approx(expected, rel=found.error + 1e-10)
    assert found.error < (1e-10 if colors <= 4 else 1e-2)


@pytest.mark.parametrize(("colors", "beta"), [(4, 1.2), (5, -2.0)])
def test_modes_that_are_nearly_one_have_the_threshold_of_one(colors, beta):
    """Over ±ε the first order cancels."""
    near = [
        existence_threshold(PottsTokens(colors, beta, circulant(1, e, *[0] * (colors - 3), e)))
        for e in (1e-4, -1e-4)
    ]
    # U = I + ε R has the trace of I.
    expected = existence_threshold(PottsTokens(colors, beta))
    assert np.mean(near) == pytest.approx(expected, rel=1e-6)


def test_a_unit_of_the_similarity_is_one_of_the_couplings():
    scaled = PottsTokens(4, 0.5, circulant(2, 0.6, -1, 0.6))
    assert existence_threshold(scaled) == pytest.approx(existence_threshold(MODES), rel=1e-11)


def test_a_similarity_that_hides_a_colour_is_refused():
    with pytest.raises(ValueError, match=r"^similarity = .* tells all colours apart"):
        existence_threshold(PottsTokens(4, 1.0, circulant(1, 0, 1, 0)))


MIXTURES = [
    pytest.param(random_mixture(2, 19, 1).row(), False, id="two"),
    pytest.param(random_mixture(3, 9, 1).row(), False, id="three", marks=pytest.mark.slow),
    pytest.param(random_mixture(3, 9, 1).row(), True, id="bias"),
]


def shortness(data: DataModel, distance: float, bias: bool = False) -> float:
    """1/|fields| at this relative distance above the threshold."""
    alpha = (1 + distance) * existence_threshold(data, bias=bias)
    return float(np.abs(solve(Problem(alpha, 0.0, data, bias=bias)).q).max()) ** -0.5


@pytest.mark.parametrize(("data", "bias"), MIXTURES)
def test_rows_of_the_solver_diverge_there(data, bias):
    """As those of data whose threshold has a formula.

    If one was off by δ they would differ by half of δ over the distance, 1 % for 5e-5 with two
    colours and for 1e-3 with three.
    """
    known = PottsTokens(data.colors, 1.0)
    distance, same = (2e-3, 0.01) if data.colors == 2 else (0.1, 0.025)
    far, near = (shortness(data, d, bias) / shortness(known, d) for d in (distance, 0.5 * distance))
    assert near == pytest.approx(far, rel=same)
    threshold = existence_threshold(data, bias=bias)
    with pytest.raises(ConvergenceError, match=f"alpha_c = {threshold:.8g}; take lam > 0"):
        solve(Problem(0.98 * threshold, 0.0, data, bias=bias))


@pytest.mark.parametrize(
    ("data", "bias"), [pytest.param(MODES, False, id="modes", marks=pytest.mark.slow), *MIXTURES]
)
def test_below_the_threshold_little_weight_decay_leaves_no_training_loss(data, bias):
    threshold = existence_threshold(data, bias=bias)
    below, above = (
        [solve(Problem(f * threshold, lam, data, bias=bias)).train_loss for lam in (1e-2, 1e-3)]
        for f in (0.8, 1.25)
    )
    assert below[1] < 0.4 * below[0]
    assert above[1] > 0.8 * above[0]


def test_units_of_inputs_and_sites_that_never_change_do_not_count():
    pi, mu, S = random_mixture(3, 8, 4)
    threshold = existence_threshold(RowTokens.from_moments(pi, mu, S))
    scaled = RowTokens.from_moments(pi, 1e3 * mu, 1e6 * S)
    assert existence_threshold(scaled) == pytest.approx(threshold, rel=1e-10)
    still, silent = np.zeros((3, 10, 3)), np.zeros((3, 10, 3, 10, 3))
    still[:, :8], silent[:, :8, :, :8] = mu, S
    padded = existence_threshold(RowTokens.from_moments(pi, still, silent))
    assert padded * 11 / 9 == pytest.approx(threshold, rel=1e-10)


def test_a_bias_replaces_a_common_mean():
    pi, mu, S = random_mixture(3, 8, 5)
    far = mu + 30 * np.random.default_rng(1).standard_normal((8, 3))
    near, there = (existence_threshold(RowTokens.from_moments(pi, each, S), bias=True)
                   for each in (mu, far))  # fmt: skip
    assert there == pytest.approx(near, rel=1e-9)


def test_masks_of_small_rate_leave_the_threshold():
    for data in (MODES, random_mixture(3, 8, 6).row()):
        rate = 1e-6
        masked = existence_threshold(data, masking=Masking(rate, "static"))
        assert rate * masked == pytest.approx(existence_threshold(data), rel=1e-4)
    assert existence_threshold(MODES, masking=Masking(0.15)) == 0.0


def test_measured_moments_have_nearly_the_threshold_of_true_ones():
    """Independent uniform letters: one covariance, and means of rows that know nothing."""
    tokens = np.random.default_rng(3).integers(3, size=(6000, 20)).astype(np.uint8)
    found = existence_threshold(RowTokens.from_tokens(tokens, 0, 3))
    expected = existence_threshold(PottsTokens(3, 0.0)) * 19 / 20
    # α_c is known as well as covariances: to one over the root of the number of sequences.
    assert found == pytest.approx(expected, rel=0.02)


def test_a_colour_that_never_shows_leaves_no_minimiser_with_a_bias():
    tokens = np.random.default_rng(4).integers(3, size=(2000, 12)).astype(np.uint8)
    tokens[:, 0] %= 2
    data = RowTokens.from_tokens(tokens, 0, 3)
    assert existence_threshold(data, bias=True) == np.inf
    assert existence_threshold(data, "squared-error") < 1


def test_fields_without_noise_are_refused_in_a_line():
    pi, mu, S = random_mixture(3, 6, 7)
    S[0] = 0.0
    data = RowTokens.from_moments(pi, mu, S)
    with pytest.raises(ValueError, match=r"^data = .moments. .* fields with noise$") as refused:
        existence_threshold(data)
    assert "\n" not in str(refused.value)
    # A search decides.
    assert solve(Problem(40.0, 0.01, data)).converged


def test_a_search_that_fails_says_so():
    pi, mu, S = random_mixture(3, 12, 3)
    certain = RowTokens.from_moments(pi, 30 * mu, S)
    with pytest.raises(ConvergenceError, match="the search for the existence threshold stopped as"):
        existence_threshold(certain)


@dataclass(frozen=True)
class Exponential:
    """exp(h_2 - h_1) of two colours, and what grows where guesses are right."""

    tilt: float = 0.0

    name = "exponential"

    def value(self, h):
        x = h[..., 1] - h[..., 0]
        return np.exp(x) - self.tilt * x

    def prox(self, omega, V):
        """h = ω + V u (1, -1) with u = exp(x - 2 V u) - tilt, x = ω_2 - ω_1."""
        x = omega[..., 1] - omega[..., 0] + 2 * V * self.tilt
        u = np.real(wrightomega(x + np.log(2 * V))) / (2 * V) - self.tilt
        return omega + V * u[..., None] * np.array([1.0, -1.0])


def test_losses_of_your_own_with_the_cone_share_the_threshold():
    for data in (PottsTokens(2, 1.0), random_mixture(2, 9, 1).row()):
        assert existence_threshold(data, Exponential()) == existence_threshold(data)
        # The search of the solver decides, as ever.
        assert known_threshold(ensemble_of(data), Exponential()) == 0.0


def test_other_losses_of_your_own_are_refused_in_a_line():
    with pytest.raises(ValueError, match=r"^loss = .*approaches its least value where h_1") as no:
        existence_threshold(PottsTokens(2, 1.0), Exponential(0.1))
    assert "\n" not in str(no.value)


class Untried:
    """A loss that is not asked for its prox."""

    name = "untried"

    def __init__(self, value):
        self.value = value

    def prox(self, omega, V):
        return omega


def centred(h):
    return h - h.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize("colors", [2, 3, 6])
@pytest.mark.parametrize(
    ("value", "falls"),
    [
        (lambda h: logsumexp(h, axis=-1) - h[:, 0], True),
        (lambda h: np.maximum(0, 1 + h[:, 1:].max(axis=1) - h[:, 0]), True),
        (lambda h: np.exp(h[:, 1:] - h[:, :1]).sum(axis=1), True),
        (lambda h: ((centred(h) - np.eye(h.shape[1])[0]) ** 2).sum(axis=1), False),
        (lambda h: logsumexp(h, axis=-1) - 0.95 * h[:, 0] - 0.05 * h.mean(axis=1), False),
        (lambda h: h.mean(axis=1) - h[:, 0], False),
        (lambda h: 0.0 * h[:, 0], False),
    ],
    ids=["cross-entropy", "hinge", "exponential", "quadratic", "smoothed", "linear", "none"],
)
def test_recession_cones(monkeypatch, value, falls, colors):
    monkeypatch.setattr("replica.losses.custom.check_loss", lambda loss, colors: None)
    assert falls_in_the_cone(Untried(value), colors) == falls
