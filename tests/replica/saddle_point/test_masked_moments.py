"""Static masks where moments are given: the masked moments by hand, and full contexts densely."""

from __future__ import annotations

import numpy as np
import pytest

from replica import Masking, Problem, RowTokens, free_energy, solve

SITES, COLORS = 7, 3


def drawn(seed=3):
    rng = np.random.default_rng(seed)
    frequencies = np.array([0.5, 0.3, 0.2])
    means = 0.4 * rng.standard_normal((COLORS, SITES, COLORS))
    root = rng.standard_normal((COLORS, SITES * COLORS, 30)) / np.sqrt(60)
    covariance = (root @ root.transpose(0, 2, 1)).reshape(COLORS, *(SITES, COLORS) * 2)
    return frequencies, means, covariance, rng.standard_normal(SITES)


def masked(means, covariance, p):
    """Σ_p = (1 - p)²Σ + p(1 - p)·(E F_j F_jᵀ on the diagonal of sites), all in full size."""
    changed = (1 - p) ** 2 * covariance
    for a in range(COLORS):
        for j in range(SITES):
            second = covariance[a, j, :, j] + np.outer(means[a, j], means[a, j])
            changed[a, j, :, j] += p * (1 - p) * second
    return (1 - p) * means, changed


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("common", [False, True])
def test_masked_moments_are_moments_of_fewer_samples(bias, common):
    p, (frequencies, means, covariance, teacher) = 0.3, drawn()
    if common:
        covariance = np.broadcast_to(covariance[:1], covariance.shape).copy()
    given = covariance[0] if common else covariance
    data = RowTokens.from_moments(frequencies, means, given, teacher)
    solution = solve(
        Problem(3.0, 0.2, data, "squared-error", bias=bias, masking=Masking(p, "static"))
    )
    by_hand = RowTokens.from_moments(frequencies, *masked(means, covariance, p), teacher)
    other = solve(Problem(p * 3.0, p * 0.2, by_hand, "squared-error", bias=bias))
    assert solution.train_loss == pytest.approx(other.train_loss, rel=1e-8)
    assert solution.masked_test_loss == pytest.approx(other.test_loss, rel=1e-8)
    assert solution.masked_error_rate == pytest.approx(other.error_rate, rel=1e-8)
    objective = 3.0 * solution.train_loss + 0.1 * solution.norm2
    assert free_energy(solution) == pytest.approx(objective, rel=1e-8)
    # The row of the equations, in the full size of sites and colours.
    changed_means, changed = masked(means, covariance, p)
    projector = np.eye(COLORS) - 1 / COLORS
    D, N = p * 0.2 * np.eye(SITES), np.zeros((SITES, SITES))
    for a in range(COLORS):
        D += np.einsum("cd,jckd->jk", solution.V_hat[a], changed[a])
        N += np.einsum("cd,jckd->jk", solution.q_hat[a], changed[a])
    inverse = np.linalg.inv((D + D.T) / 2)
    w = inverse @ np.einsum("ac,ajc->j", solution.m_hat, changed_means)
    weights = np.outer(w, w) + inverse @ ((N + N.T) / 2) @ inverse / (SITES + 1)
    q = projector @ np.einsum("jk,ajckd->acd", weights, covariance) @ projector
    assert solution.q == pytest.approx((q + q.transpose(0, 2, 1)) / 2, rel=1e-7, abs=1e-9)
    m = np.einsum("j,ajc->ac", w, means) @ projector
    shift = solution.m - m
    assert shift == pytest.approx(np.broadcast_to(shift[0], m.shape), abs=1e-8)
    assert np.abs(shift).max() < 1e-8 or bias


def test_few_static_masks_of_many_sequences_are_none():
    frequencies, means, covariance, teacher = drawn()
    data = RowTokens.from_moments(frequencies, means, covariance, teacher)
    bare, p = Problem(3.0, 0.2, data, "squared-error"), 1e-9
    unmasked = solve(bare)
    found = solve(bare.at(alpha=3.0 / p, lam=0.2 / p, masking=Masking(p, "static")))
    assert found.test_loss == pytest.approx(unmasked.test_loss, rel=1e-7)
    assert found.coupling_error == pytest.approx(unmasked.coupling_error, rel=1e-7)
    with pytest.raises(ValueError, match=r"^masking = .*dynamic.* is not allowed: masking must be"):
        solve(bare.at(masking=Masking(0.3)))
