"""The laws of all pairs of one given model, at its finite L."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize
from scipy.special import ndtr

from replica.arrays import Matrix, Vector
from replica.ensembles.given_model import covariance
from replica.predictions.pair_law import of_row, shared_noise
from replica.problem import Problem, RowTokens
from replica.problem.row_couplings import GivenModel, rows_of
from replica.saddle_point.solution import answer
from replica.saddle_point.sweep_rows import sweep_rows
from replica.validation import invalid


class GivenPairs:
    """Mean and variance of the attention of every pair of sites.

    Row i is normal with mean m̂ D^{-1} G u and covariance q̂ D^{-1} G D^{-1}/L, with the order
    parameters and the cavity covariance of its own.

    Parameters
    ----------
    problem : Problem
        What is learnt; its data are any row of the model.
    model : GivenModel
        The model.
    symmetrised, corrected : bool
        As of `pair_precision`.
    """

    def __init__(
        self, problem: Problem, model: GivenModel, symmetrised: bool, corrected: bool
    ) -> None:
        self._couplings = model.couplings
        mean, variance, shared = _rows(problem, model)
        if symmetrised:
            both = np.sqrt(shared * shared.T)
            variance = 0.25 * (variance + variance.T) + 0.5 * both
            mean = 0.5 * (mean + mean.T)
        self._pairs = np.triu_indices(model.sites, k=1)
        self._mean, self._width = np.abs(mean[self._pairs]), np.sqrt(variance[self._pairs])
        self._shift = np.zeros(len(self._mean))
        if corrected:
            # The row with the smaller number stands for a pair, if one does.
            F = np.zeros_like(mean)
            F[self._pairs] = self._expected()
            sums = (F + F.T).sum(axis=0)
            self._shift = np.outer(sums, sums)[self._pairs] / sums.sum()

    def coupled(self, contacts: float | None) -> Any:
        """Return which pairs are contacts: all that are coupled, or this share of all."""
        strength = np.abs(self._couplings[self._pairs])
        if contacts is None:
            known = strength > 0.0
        else:
            count = round(contacts * len(strength))
            known = np.zeros(len(strength), dtype=bool)
            known[np.argsort(strength, kind="stable")[len(strength) - count :]] = True
        if not 0 < known.sum() < len(known):
            raise invalid("contacts", contacts, "such that there are contacts and other pairs")
        return known

    def precision(self, contacts: Any, shares: Vector) -> Vector:
        """Return expected contacts over expected pairs, where so many pairs are predicted."""
        return np.array([self._beyond(self._level(share))[contacts].sum() for share in shares]) / (
            shares * len(contacts)
        )

    def _expected(self) -> Vector:
        """Return the mean of |A|."""
        m, s = self._mean, self._width
        tail = s * np.sqrt(2.0 / np.pi) * np.exp(-0.5 * (m / s) ** 2)
        return np.asarray(tail + m * (1.0 - 2.0 * ndtr(-m / s)))

    def _beyond(self, level: float) -> Vector:
        """Return the probabilities that |A| minus its shift exceeds a level."""
        height = np.maximum(level + self._shift, 0.0)
        m, s = self._mean, self._width
        return np.asarray(ndtr((m - height) / s) + ndtr((-m - height) / s))

    def _level(self, share: float) -> float:
        top = float((self._mean + 40.0 * self._width).max())
        low = -float(self._shift.max())
        return float(
            optimize.brentq(lambda t: self._beyond(t).mean() - share, low, top, xtol=1e-14)
        )


def _rows(problem: Problem, model: GivenModel) -> tuple[Matrix, Matrix, Matrix]:
    """Return means and variances of A, and the part of the variances that A_ij and A_ji share."""
    known, sites = covariance(model), model.sites
    rows = [RowTokens(row) for row in rows_of(model)]
    solutions = sweep_rows(problem, rows, [problem.alpha]).solutions
    mean, variance, shared = (np.zeros((sites, sites)) for _ in range(3))
    R = known.covariance
    for i, solution in enumerate(solutions):
        saddle, order, hats = of_row(answer(solution))
        rest = np.delete(np.arange(sites), i)
        G = R[np.ix_(rest, rest)] - np.outer(R[rest, i], R[rest, i] / R[i, i])
        m_hat, q_hat, V_hat = (float(each[0]) for each in (hats.m, hats.q, hats.V))
        inverse = np.linalg.inv(problem.lam * np.eye(sites - 1) + V_hat * G)
        mean[i, rest] = m_hat * inverse @ G @ known.interactions[rest, i]
        variance[i, rest] = q_hat / sites * np.einsum("jk,jk->j", inverse @ G, inverse)
        shared[i] = variance[i] * shared_noise(saddle, order, hats)
    return mean, variance, shared
