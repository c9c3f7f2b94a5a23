"""Finite systems of Gaussian tokens: sampled, trained by ridge regression, tested exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from replica.arguments import integer, refusal
from replica.data import DataModel, GaussianTokens
from replica.problem import Problem
from simulations.fields import Floats
from simulations.one_thread import one_thread

#: The gradient, relative to that of w = 0, beyond which a linear system was not solved.
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class GaussianExperiment:
    """One system of Gaussian tokens: C independent colours of one covariance.

    Every row is a ridge regression, solved as a linear system; without weight decay and with
    fewer equations than unknowns it is the shortest solution. The covariance of the sites is
    known, so that the expectations over fresh sequences are exact. Drawn without the masked
    site, every row has sequences of its own; whole sequences serve all rows.

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
        if not isinstance(self.problem, Problem):
            raise refusal("problem", self.problem, "a Problem")
        for name, minimum in (("sites", 3), ("seed", 0)):
            object.__setattr__(self, name, integer(name, getattr(self, name), minimum))
        if self.rows is not None and integer("rows", self.rows, 1) > self.sites:
            raise refusal("rows", self.rows, f"an integer from 1 to sites = {self.sites}")
        if not isinstance(self.problem.data, GaussianTokens):
            raise refusal("data", self.problem.data, "GaussianTokens")
        if self.samples < 1:
            least = 0.5 / self.sites
            allowed = f"above {least:.3g} at sites = {self.sites}, to give one sample or more"
            raise refusal("alpha", self.problem.alpha, allowed)

    @property
    def problems(self) -> tuple[Problem]:
        """The problem, as `Experiment` has several."""
        return (self.problem,)

    @property
    def data(self) -> DataModel:
        """What the sequences are."""
        return self.problem.data

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problem.alpha * self.sites)

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table."""
        data = self.problem.data
        assert isinstance(data, GaussianTokens)
        content = (self.seed, self.sites, self.samples, data.colors, _bits(data.shift))
        rng = np.random.default_rng(np.random.SeedSequence(content))
        precision = random_precision(data.shift, self.sites, rng)
        rows = range(self.sites if self.rows is None else self.rows)
        draw = _whole_sequences if data.joint else _cavity_sequences
        decay = self.sites * self.problem.lam
        observed = [
            _observe(regression, decay, data.colors)
            for regression in draw(precision, self.samples * data.colors, rows, rng)
        ]
        means = {name: float(np.mean([row[name] for row in observed])) for name in observed[0]}
        means["coupling_error"] = means.pop("distance2") / means.pop("teacher2")
        residual = max(row["residual"] for row in observed)
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
                **means,
                "status": _status(residual),
                "residual": residual,
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
    factor, failed = lapack.dpotrf(precision)
    # A pivot that rounding made is none.
    least = precision.diagonal() * (sites * np.finfo(float).eps)
    if failed or not np.all(factor.diagonal() ** 2 > least):
        raise refusal("shift", shift, f"greater for a positive precision at sites = {sites}")
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


def _whole_sequences(
    precision: Floats, samples: int, rows: range, rng: np.random.Generator
) -> Iterator[Regression]:
    root = _root(precision)
    vectors = _sampled(root, samples, rng)
    for row in rows:
        rest = np.delete(np.arange(len(precision)), row)
        noise = 1.0 / precision[row, row]
        teacher = -precision[row, rest] * noise
        yield Regression(vectors[rest], vectors[row], root, rest, teacher, noise)


def _cavity_sequences(
    precision: Floats, samples: int, rows: range, rng: np.random.Generator
) -> Iterator[Regression]:
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


def ridge(inputs: Floats, answers: Floats, decay: float) -> Floats:
    """Return argmin_w ½ |answers - w·inputs|² + (decay/2) |w|².

    Parameters
    ----------
    inputs : array (sites, samples)
        One sequence per column.
    answers : array (samples,)
        What to predict.
    decay : float
        Weight decay times L, 0 or greater; at 0 the shortest minimiser.
    """
    sites, samples = inputs.shape
    if decay == 0:
        return np.asarray(np.linalg.lstsq(inputs.T, answers, rcond=None)[0], dtype=float)
    if samples < sites:
        # The smaller system is regular without weight decay, too.
        overlaps = inputs.T @ inputs + decay * np.eye(samples)
        return np.asarray(inputs @ np.linalg.solve(overlaps, answers), dtype=float)
    gram = inputs @ inputs.T + decay * np.eye(sites)
    return np.asarray(np.linalg.solve(gram, inputs @ answers), dtype=float)


def _observe(regression: Regression, decay: float, colors: int) -> dict[str, float]:
    """Return the observables of one row, exact expectations where sequences are fresh.

    m and q are w*ᵀ G w and wᵀ G w with the covariance G of the others.
    """
    inputs, answers, teacher = regression.inputs, regression.answers, regression.teacher
    w = ridge(inputs, answers, decay)
    error = answers - w @ inputs
    seen, known, missing = regression.whitened(np.column_stack([w, teacher, w - teacher])).T
    optimal = 0.5 * colors * regression.noise
    excess = 0.5 * colors * float(missing @ missing)
    slope = decay * w - inputs @ error
    return {
        "test_loss": optimal + excess,
        "train_loss": 0.5 * colors * float(np.mean(error**2)),
        "optimal_loss": optimal,
        "excess_loss": excess,
        "distance2": float(np.sum((w - teacher) ** 2)),
        "teacher2": float(np.sum(teacher**2)),
        "m": float(known @ seen),
        "q": float(seen @ seen),
        "residual": float(np.linalg.norm(slope) / np.linalg.norm(inputs @ answers)),
    }


def _status(residual: float) -> str:
    if not np.isfinite(residual):
        return "not-finite"
    return "converged" if residual < _TOLERANCE else "max-steps"


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))
