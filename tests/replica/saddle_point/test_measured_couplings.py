"""Measured moments in the coupling equations: derivatives of one function, and the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from known_mixtures import Mixture

from replica import Problem, RowTokens, moment_error, solve, stability
from replica.ensembles import ensemble_of
from replica.problem.row_sequences import RowSequences
from replica.quadrature.symmetric import packed
from replica.saddle_point.couplings import couplings_of
from replica.saddle_point.equations import Conjugates
from replica.saddle_point.measured_couplings import MeasuredCouplings
from replica.saddle_point.moment_couplings import MomentCouplings
from replica.saddle_point.saddle_point import SaddlePoint

THREE = Mixture.random([0.6, 0.37, 0.03], 11, 0.4)

LAM = 0.05


@pytest.fixture(scope="module")
def solved():
    """A row with a letter so rare that it shares its covariance."""
    solution = solve(Problem(3.0, LAM, RowTokens.from_tokens(THREE.sample(400, 1), 0, 3)))
    saddle = SaddlePoint(solution.problem)
    moments = ensemble_of(solution.problem.data).context
    assert len(moments.degrees) == 2
    conjugates = Conjugates(solution.m_hat, solution.q_hat, solution.V_hat)
    return solution, saddle.couplings, conjugates


def changes(seed, basis):
    """A change of the vectors and one of the matrices of every token."""
    rng = np.random.default_rng(seed)
    square = rng.normal(size=(3, 2, 2))
    return rng.normal(size=(3, 2)) @ basis, basis.T @ (square + square.swapaxes(1, 2)) @ basis


def test_overlaps_are_derivatives_of_the_objective(solved):
    solution, couplings, at = solved
    vectors, matrices = changes(0, couplings.basis)

    def slope(name, change):
        there, back = (
            couplings.objective(at._replace(**{name: getattr(at, name) + h * change}), LAM)
            for h in (1e-6, -1e-6)
        )
        return (there - back) / 2e-6

    assert np.isclose(slope("m", vectors), 2 * (solution.m * vectors).sum(), rtol=1e-7)
    assert np.isclose(slope("q", matrices), (solution.V * matrices).sum(), rtol=1e-7)
    assert np.isclose(slope("V", matrices), -(solution.q * matrices).sum(), rtol=1e-7)


def test_the_spread_of_two_replicas_is_a_derivative_of_V(solved):
    solution, couplings, at = solved
    basis = couplings.basis
    _, matrices = changes(1, basis)
    nothing = couplings.untrained
    x = [couplings.coordinates(at._replace(V=at.V + h * matrices), nothing) for h in (1e-6, -1e-6)]
    moved = [basis @ couplings.overlaps(each, LAM).V @ basis.T for each in x]
    expected = packed((moved[1] - moved[0]) / 2e-6).ravel()
    found = couplings.spread(at.V, LAM) @ packed(basis @ matrices @ basis.T).ravel()
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())
    assert 0 < stability(solution).replicon < 1


def test_moments_of_endless_sequences_are_taken_as_they_are(solved):
    solution, couplings, at = solved
    endless = dataclasses.replace(
        couplings.moments, counts=np.full(3, np.inf), degrees=np.full(2, np.inf)
    )
    each = dataclasses.replace(endless, covariances=endless.covariances[endless.groups])
    x = couplings.coordinates(at, couplings.untrained)
    found = MeasuredCouplings(endless, 3, False).overlaps(x, LAM)
    known = MomentCouplings(each, 3, False).overlaps(x, LAM)
    for a, b in zip(found[:3], known[:3], strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)
    assert not np.allclose(found.q, solution.q, rtol=0.01)


@pytest.mark.slow
def test_predictions_from_few_sequences_are_those_of_the_truth():
    """Of 84 training sequences by 160: within 3.5 standard errors, by chance once in 200 times.

    With the moments as they are measured the test loss is wrong by many of these; and the jackknife
    tells the spread, which 10 samples know to a quarter, within a factor of 2.
    """
    two, alpha = Mixture.random([0.6, 0.4], 23, 0.25, seed=3), 3.5
    truth = solve(Problem(alpha, LAM, RowTokens.from_moments(*two.moments)))
    found, naive, errors = [], [], []
    for seed in range(10):
        data = RowTokens.from_tokens(two.sample(160, seed), 0, 2)
        solution = solve(Problem(alpha, LAM, data))
        found.append((solution.test_loss, solution.train_loss))
        errors.append(moment_error(solution, 4).test_loss)
        measured = couplings_of(ensemble_of(data), False).moments
        naive.append(_as_measured(data, measured, alpha))
    spread = np.std(found, axis=0, ddof=1)
    off = np.mean(found, axis=0) - [truth.test_loss, truth.train_loss]
    assert np.all(np.abs(off) < 3.5 * spread / np.sqrt(10))
    assert truth.test_loss - np.mean(naive) > 3 * abs(off[0])
    assert truth.test_loss - np.mean(naive) > 5 * spread[0] / np.sqrt(10)
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) / spread[0] < 2.0


def _as_measured(data, measured, alpha):
    """The test loss from means and covariances of the sequences themselves."""
    given = data.context
    assert isinstance(given, RowSequences)
    tokens, inputs = given.sequences.tokens, np.eye(2)[given.sequences.tokens[:, 1:]]
    means, covariances = [], []
    for a in range(2):
        flat = inputs[tokens[:, 0] == a].reshape(-1, 46)
        means.append(flat.mean(axis=0).reshape(23, 2))
        covariances.append(np.cov(flat.T).reshape(23, 2, 23, 2))
    row = RowTokens.from_moments(measured.frequencies, means, covariances)
    return solve(Problem(alpha, LAM, row)).test_loss
