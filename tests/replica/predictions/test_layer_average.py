"""Layers with sequences of their own: against ridge regressions, and drawn fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_problems import RING
from scipy.special import expit, log_expit, logsumexp

from replica import (
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    bayes_bound,
    layer_average,
    solve,
)

POTTS = Problem(2.0, 0.02, PottsTokens(3, 1.5))


def test_overlap_and_average_of_ridge_regressions():
    """Five regressions of 400 sites on sequences of their own, for six covariances.

    Four standard errors over the covariances and 2/L: false alarms below 1e-3.
    """
    sites, alpha, lam, shift = 400, 1.5, 0.3, 3.0
    theory = solve(Problem(alpha, lam, GaussianTokens(shift)))
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((sites, sites)) / math.sqrt(2 * sites)
        G = np.linalg.inv(shift * np.eye(sites) + X + X.T)
        root, teacher = np.linalg.cholesky(G), rng.standard_normal(sites) / shift / math.sqrt(sites)
        rows = []
        for _ in range(5):
            s = rng.standard_normal((int(alpha * sites), sites)) @ root.T
            y = s @ teacher + rng.standard_normal(len(s)) / math.sqrt(shift)
            rows.append(np.linalg.solve(s.T @ s + sites * lam * np.eye(sites), s.T @ y))
        overlaps = np.array(rows) @ G @ np.array(rows).T
        errors = [
            0.5 * ((mean - teacher) @ G @ (mean - teacher) + 1 / shift)
            for mean in (rows[0], np.mean(rows[:2], axis=0), np.mean(rows, axis=0))
        ]
        found.append([(overlaps.sum() - np.trace(overlaps)) / 20, np.trace(overlaps) / 5, *errors])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(6)
    one = layer_average(theory, 1)
    averages = [layer_average(theory, K) for K in (1, 2, 5)]
    exact = [one.overlap, theory.q, *(each.test_loss for each in averages)]
    assert (np.abs(mean - exact) < 4 * error + 2 / sites * np.abs(exact)).all()
    assert one.overlap < 0.8 * theory.q


def test_one_layer_is_the_solution():
    solution = solve(POTTS)
    one = layer_average(solution, 1)
    for name in ("q", "test_loss", "error_rate", "coupling_error", "calibrated_loss"):
        assert getattr(one, name) == pytest.approx(getattr(solution, name), rel=1e-10)
    assert one.probability_loss == one.test_loss
    assert one.overlap + one.variance == pytest.approx(solution.q, rel=1e-14)
    rho = 1.5**2 / 3
    assert one.bias == pytest.approx(rho - 2 * solution.m + one.overlap, rel=1e-12)


def test_infinitely_many_layers_still_know_no_more_than_their_prior():
    """Of K layers with α each, one estimator that sees all Kα sequences is the bound."""
    solution = solve(POTTS)
    losses = [layer_average(solution, K).calibrated_loss for K in (1, 2, 10, math.inf)]
    assert losses == sorted(losses, reverse=True)
    assert losses[1] > bayes_bound(4.0, POTTS.data).test_loss


def drawn(solution, layers: int, count: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Draw the fields of layers, (count, layers, C), and tokens, from the law of the data."""
    data, C = solution.problem.data, solution.problem.data.colors
    K0, found = np.eye(C) - 1 / C, layer_average(solution, 1)
    m, q, shared = solution.m, solution.q, found.overlap
    common = rng.standard_normal((count, 1, C)) @ K0
    own = rng.standard_normal((count, layers, C)) @ K0
    fields = math.sqrt(shared) * common + math.sqrt(q - shared) * own
    if data.name == "potts":
        y = rng.integers(C, size=count)
        return fields + m * K0[y][:, None], y
    rho = data.coupling_norm**2 / C
    rest = rng.standard_normal((count, C)) @ K0
    nu = m / math.sqrt(shared) * common[:, 0] + math.sqrt(rho - m * m / shared) * rest
    p = np.exp(nu - logsumexp(nu, axis=1, keepdims=True))
    return fields, (p.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)


@pytest.mark.parametrize("data", [PottsTokens(3, 1.5), IndependentTokens(3, 2.0)])
@pytest.mark.parametrize("layers", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_average_probabilities_of_drawn_fields(data, layers):
    """Within 4.5 standard errors of both; false alarms 3e-5 in all."""
    solution = solve(Problem(2.0, 0.02, data))
    found = layer_average(solution, layers)
    fields, y = drawn(solution, layers, 200_000, np.random.default_rng(layers))
    p = np.exp(fields - logsumexp(fields, axis=2, keepdims=True)).mean(axis=1)
    mean = fields.mean(axis=1)
    each = np.arange(len(y))
    mixed = -np.log(p[each, y])
    logits = logsumexp(mean, axis=1) - mean[each, y]
    # Relative to the average logits, whose loss is known, the spread is small.
    off = mixed - logits - (found.probability_loss - found.test_loss)
    error = math.hypot(off.std() / math.sqrt(len(y)), found.probability_loss_error)
    assert abs(off.mean()) < 4.5 * error
    assert abs(logits.mean() - found.test_loss) < 4.5 * logits.std() / math.sqrt(len(y))
    assert found.probability_loss_error < 1e-3


def test_infinitely_many_probabilities_of_two_colours():
    """E_ξ σ(h + √2 s ξ) by Gauss-Hermite's rule, averaged over h by another."""
    solution = solve(Problem(1.5, 0.1, PottsTokens(2, 1.2)))
    found = layer_average(solution, math.inf)
    x, w = np.polynomial.hermite_e.hermegauss(101)
    w = w / w.sum()
    h = solution.m + math.sqrt(2 * found.overlap) * x
    inner = expit(h[:, None] + math.sqrt(2 * found.variance) * x) @ w
    assert found.test_loss == pytest.approx(-(w @ log_expit(h)), rel=1e-8)
    assert abs(found.probability_loss + w @ np.log(inner)) < 5 * found.probability_loss_error + 1e-5


def test_several_modes_and_other_losses():
    modes = layer_average(solve(Problem(1.0, 0.05, PottsTokens(4, 1.5, RING))), 2)
    assert modes.overlap.shape == modes.bias.shape == modes.variance.shape
    assert (modes.variance > 0).all()
    assert np.isfinite([modes.probability_loss, modes.temperature]).all()
    squared = layer_average(solve(POTTS.at(loss="squared-error")), math.inf)
    assert np.isnan([squared.probability_loss, squared.temperature]).all()
    assert np.isfinite(squared.test_loss)
    untaught = layer_average(solve(Problem(2.0, 0.1, PottsTokens(3, 0.0))), math.inf)
    assert untaught.overlap == pytest.approx(0.0, abs=1e-12)
    assert untaught.test_loss == pytest.approx(np.log(3), rel=1e-9)


@pytest.mark.parametrize("layers", [0, -1, 1.5, 1001, math.nan, -math.inf, "2", None, True])
def test_numbers_of_layers_that_are_refused(layers):
    with pytest.raises(ValueError, match=r"^layers = .* an integer from 1 to 1000"):
        layer_average(solve(POTTS), layers)
