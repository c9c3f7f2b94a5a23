"""Measured moments of masked contexts: derivatives of one function, and the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from known_mixtures import Mixture

from replica import Masking, Problem, RowTokens, free_energy, solve, stability
from replica.ensembles import ensemble_of
from replica.quadrature.symmetric import packed
from replica.saddle_point.masked_measured_couplings import MaskedMeasuredCouplings
from replica.saddle_point.masked_moment_couplings import MaskedMomentCouplings
from replica.saddle_point.saddle_point import SaddlePoint, order_of

THREE = Mixture.random([0.6, 0.37, 0.03], 11, 0.4)
RATE, LAM = 0.3, 0.05
MASKING = Masking(RATE, "static")


@pytest.fixture(scope="module", params=[False, True])
def solved(request):
    """A row with a letter so rare that it shares its covariance, with a bias and without."""
    data = RowTokens.from_tokens(THREE.sample(400, 1), 0, 3)
    solution = solve(Problem(6.0, LAM, data, "squared-error", request.param, MASKING))
    assert len(ensemble_of(data).context.degrees) == 2
    return solution, SaddlePoint(solution.problem).couplings, *order_of(solution)


def changes(seed, basis):
    """A change of the vectors, which a bias does not see, and of the matrices of every token."""
    rng = np.random.default_rng(seed)
    square, vectors = rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2))
    vectors -= vectors.mean(axis=0)
    return vectors @ basis, basis.T @ (square + square.swapaxes(1, 2)) @ basis


def test_overlaps_are_derivatives_of_the_objective(solved):
    solution, couplings, order, at = solved
    vectors, matrices = changes(0, couplings.basis)
    for name, change, expected in (
        ("m", vectors, 2 * order.m),
        ("q", matrices, order.V),
        ("V", matrices, -order.q),
    ):
        there, back = (
            couplings.objective(at._replace(**{name: getattr(at, name) + h * change}), RATE * LAM)
            for h in (1e-6, -1e-6)
        )
        assert np.isclose((there - back) / 2e-6, (expected * change).sum(), rtol=1e-6), name
    assert np.isfinite(free_energy(solution))


def test_the_spread_of_two_replicas_is_a_derivative_of_V(solved):
    solution, couplings, _, at = solved
    basis, lam = couplings.basis, RATE * LAM
    _, matrices = changes(1, basis)
    nothing = couplings.untrained
    x = [couplings.coordinates(at._replace(V=at.V + h * matrices), nothing) for h in (1e-6, -1e-6)]
    moved = [basis @ couplings.overlaps(each, lam).V @ basis.T for each in x]
    expected = packed((moved[1] - moved[0]) / 2e-6).ravel()
    found = couplings.spread(at.V, lam) @ packed(basis @ matrices @ basis.T).ravel()
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())
    assert 0 < stability(solution).replicon < 1


def test_moments_of_endless_sequences_are_taken_as_they_are(solved):
    solution, couplings, order, at = solved
    moments = ensemble_of(solution.problem.data).context
    endless = dataclasses.replace(moments, counts=np.full(3, np.inf), degrees=np.full(2, np.inf))
    each = dataclasses.replace(endless, covariances=endless.covariances[endless.groups])
    x = couplings.coordinates(at, order)
    how = RATE, 3, solution.problem.bias
    found = MaskedMeasuredCouplings(endless, *how).overlaps(x, RATE * LAM)
    known = MaskedMomentCouplings(each, *how).overlaps(x, RATE * LAM)
    for one, other in ((found, known), (found.full, known.full)):
        for a, b in zip(one[:3], other[:3], strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-11)
    assert not np.allclose(found.q, order.q, rtol=0.01)


def test_predictions_from_few_sequences_are_those_of_the_truth():
    """Of 36 training sequences by 160: within 3.5 standard errors, by chance once in 150 times."""
    two = Mixture.random([0.6, 0.4], 23, 0.25, seed=3)
    problem = Problem(5.0, 0.15, RowTokens.from_moments(*two.moments), masking=MASKING)
    names = ("test_loss", "masked_test_loss", "train_loss")
    truth = np.array([getattr(solve(problem), name) for name in names])
    found = []
    for seed in range(10):
        data = RowTokens.from_tokens(two.sample(160, seed), 0, 2)
        solution = solve(problem.at(data=data))
        found.append([getattr(solution, name) for name in names])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(10)
    off = np.abs(np.mean(found, axis=0) - truth)
    assert np.all(off < 3.5 * error)
    assert np.all(error < 0.04 * truth)
