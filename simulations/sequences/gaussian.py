"""Gaussian sequences, as the regressions of their masked sites; sampled exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from replica.validation import invalid
from simulations.tokens import Floats


def random_precision(shift: float, sites: int, rng: np.random.Generator) -> Floats:
    """Return κ I + X, X from the Gaussian orthogonal ensemble with the semicircle on [-2, 2].

    Raises
    ------
    ValueError
        If κ is so close to 2 that this X, finite as it is, makes it indefinite.
    """
    draws = rng.standard_normal((sites, sites)) / np.sqrt(2 * sites)
    precision: Floats = shift * np.eye(sites) + draws + draws.T
    factor, failed = lapack.dpotrf(precision)
    # A pivot that rounding made is none.
    least = precision.diagonal() * (sites * np.finfo(float).eps)
    if failed or not np.all(factor.diagonal() ** 2 > least):
        raise invalid("shift", shift, f"greater for a positive precision at sites = {sites}")
    return precision


class Regression(NamedTuple):
    """The regression of one masked site on the others.

    Attributes
    ----------
    inputs : array (sites - 1, samples)
        The others, one sequence per column.
    answers : array (samples,)
        The masked site.
    root : array (sites or sites - 1, same)
        R of a precision R Rᵀ, of all sites or of the others, whose inverse holds the
        covariance of the others.
    rest : array of int or slice
        Where the others stand in it.
    teacher : array (sites - 1,)
        The true row w*.
    noise : float
        Variance of the masked site given the others.
    """

    inputs: Floats
    answers: Floats
    root: Floats
    rest: NDArray[np.int64] | slice
    teacher: Floats
    noise: float

    def whitened(self, weights: Floats) -> Floats:
        """Return R^{-1} times columns w, whose products are those with the covariance."""
        whole = np.zeros((len(self.root), weights.shape[1]))
        whole[self.rest] = weights
        return _solved(self.root, whole, transposed=False)


def whole_sequences(
    precision: Floats, samples: int, rows: range, rng: np.random.Generator
) -> Iterator[Regression]:
    """Yield the regression of every row, all of the same whole sequences."""
    root = _root(precision)
    vectors = _sampled(root, samples, rng)
    for row in rows:
        rest = np.delete(np.arange(len(precision)), row)
        noise = 1.0 / precision[row, row]
        teacher = -precision[row, rest] * noise
        yield Regression(vectors[rest], vectors[row], root, rest, teacher, noise)


def cavity_sequences(
    precision: Floats, samples: int, rows: range, rng: np.random.Generator
) -> Iterator[Regression]:
    """Yield the regression of every row, each of sequences without its masked site."""
    for row in rows:
        rest = np.delete(np.arange(len(precision)), row)
        noise = 1.0 / precision[row, row]
        teacher = -precision[row, rest] * noise
        root = _root(precision[np.ix_(rest, rest)])
        inputs = _sampled(root, samples, rng)
        answers = teacher @ inputs + np.sqrt(noise) * rng.standard_normal(samples)
        yield Regression(inputs, answers, root, slice(None), teacher, noise)


def _root(precision: Floats) -> Floats:
    return np.asarray(np.linalg.cholesky(precision), dtype=float)


def _sampled(root: Floats, samples: int, rng: np.random.Generator) -> Floats:
    """With P = R Rᵀ, the solution of Rᵀ s = ξ has the covariance P⁻¹."""
    noise = rng.standard_normal((len(root), samples))
    return _solved(root, noise, transposed=True)


def _solved(root: Floats, right: Floats, transposed: bool) -> Floats:
    # The transpose of the root, upper, is in the order of LAPACK.
    solution, _ = lapack.dtrtrs(root.T, right, lower=0, trans=int(not transposed))
    found: Floats = solution
    return found
