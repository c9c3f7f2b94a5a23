"""Finite systems of Gaussian tokens: sampled, trained by ridge regression, tested exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arguments import integer, refusal
from replica.data import GaussianTokens
from replica.problem import Problem
from simulations.fields import Floats


@dataclass(frozen=True)
class GaussianExperiment:
    """One system of Gaussian tokens: C independent colours of one covariance.

    Every row is a ridge regression, solved as a linear system; without weight decay and with
    fewer equations than unknowns it is the shortest solution. The covariance of the sites is
    known, so that the expectations over fresh sequences are exact.

    Parameters
    ----------
    problem : Problem
        What to learn, of Gaussian tokens; M is the integer nearest to α L.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of precision matrix and sequences, 0 or greater.
    rows : int, optional
        Rows that are trained, of sites 0 to rows - 1; None is all.
    """

    problem: Problem
    sites: int
    seed: int = 0
    rows: int | None = None

    def __post_init__(self) -> None:
        integer("sites", self.sites, 3)
        integer("seed", self.seed, 0)
        if self.rows is not None and integer("rows", self.rows, 1) > self.sites:
            raise refusal("rows", self.rows, f"an integer from 1 to sites = {self.sites}")
        if not isinstance(self.problem.data, GaussianTokens):
            raise refusal("data", self.problem.data, "GaussianTokens")
        if self.samples < 1:
            least = 0.5 / self.sites
            allowed = f"above {least:.3g} at sites = {self.sites}, to give one sample or more"
            raise refusal("alpha", self.problem.alpha, allowed)

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problem.alpha * self.sites)

    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table."""
        data = self.problem.data
        assert isinstance(data, GaussianTokens)
        content = (self.seed, self.sites, self.samples, data.colors, _bits(data.shift))
        rng = np.random.default_rng(np.random.SeedSequence(content))
        precision = random_precision(data.shift, self.sites, rng)
        # With P = R Rᵀ, the solution of Rᵀ s = ξ has the covariance P⁻¹.
        noise = rng.standard_normal((self.sites, self.samples * data.colors))
        vectors = np.linalg.solve(np.linalg.cholesky(precision).T, noise)
        rows = range(self.sites if self.rows is None else self.rows)
        weights = np.array([ridge_row(vectors, row, self.sites * self.problem.lam) for row in rows])
        observed = _observe(precision, vectors, weights, data.colors)
        return [
            {
                "source": "simulation",
                "loss": self.problem.loss,
                **data.columns(),
                "lam": self.problem.lam,
                "alpha": self.problem.alpha,
                "sites": self.sites,
                "samples": self.samples,
                "seed": self.seed,
                **observed,
                "status": "converged" if np.isfinite(weights).all() else "not-finite",
                "residual": _residual(vectors, weights, self.sites * self.problem.lam),
                "evaluations": 1,
                "rows": len(rows),
            }
        ]


def random_precision(shift: float, sites: int, rng: np.random.Generator) -> Floats:
    """Return κ I + X, X from the Gaussian orthogonal ensemble with the semicircle on [-2, 2].

    Raises
    ------
    ValueError
        If κ is so close to 2 that this X, finite as it is, makes it indefinite.
    """
    draws = rng.standard_normal((sites, sites)) / np.sqrt(2 * sites)
    precision: Floats = shift * np.eye(sites) + draws + draws.T
    if np.linalg.eigvalsh(precision)[0] <= 0:
        raise refusal("shift", shift, f"greater for a positive precision at sites = {sites}")
    return precision


def ridge_row(vectors: Floats, row: int, decay: float) -> Floats:
    """Return argmin_w ½ Σ_μ (s_i^μ - Σ_j w_j s_j^μ)² + (decay/2) |w|², with w_i = 0.

    Parameters
    ----------
    vectors : array (sites, samples)
        The sequences, one per column.
    row : int
        The site i.
    decay : float
        Weight decay times L, 0 or greater; at 0 the shortest minimiser.
    """
    others = np.delete(vectors, row, axis=0)
    if decay > 0:
        gram = others @ others.T + decay * np.eye(len(others))
        found = np.linalg.solve(gram, others @ vectors[row])
    else:
        found = np.linalg.lstsq(others.T, vectors[row], rcond=None)[0]
    weights: Floats = np.insert(found, row, 0.0)
    return weights


def _observe(precision: Floats, vectors: Floats, weights: Floats, colors: int) -> dict[str, float]:
    """Return the observables, averaged over rows; |w - w*|²/|w*|² is a ratio of means.

    m and q are w*ᵀ G w and wᵀ G w with the covariance G of the other sites.
    """
    rows = np.arange(len(weights))
    covariance = np.linalg.inv(precision)
    noise = 1.0 / precision[rows, rows]
    teacher = -precision[rows] * noise[:, None]
    teacher[rows, rows] = 0.0
    # The error s_i - w·s as a linear form of the whole sequence.
    error = -weights.copy()
    error[rows, rows] = 1.0
    test = 0.5 * colors * np.sum(error @ covariance * error, axis=1)
    optimal = 0.5 * colors * noise
    squares = (error @ vectors) ** 2
    return {
        "test_loss": float(test.mean()),
        "train_loss": 0.5 * colors * float(squares.mean()),
        "optimal_loss": float(optimal.mean()),
        "excess_loss": float((test - optimal).mean()),
        "coupling_error": float(np.sum((weights - teacher) ** 2) / np.sum(teacher**2)),
        "m": float(np.sum(teacher @ covariance * weights, axis=1).mean()),
        "q": float(np.sum(weights @ covariance * weights, axis=1).mean()),
    }


def _residual(vectors: Floats, weights: Floats, decay: float) -> float:
    """Return the norm of the gradient relative to that at w = 0, of the worst row."""
    gram = vectors @ vectors.T
    rows = np.arange(len(weights))
    first = gram[rows]
    slope = weights @ gram + decay * weights - first
    first[rows, rows] = slope[rows, rows] = 0.0
    return float(np.max(np.linalg.norm(slope, axis=1) / np.linalg.norm(first, axis=1)))


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))
