"""The spectrum of the distance of the attention matrix from the true one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles import answering
from replica.predictions.attention_spectrum import AttentionSpectrum, attention_spectrum, joined
from replica.predictions.shown_spectrum import ShownSpectrum
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.spectra.difference import Difference
from replica.spectra.equal_angles import equal_angles
from replica.spectra.population import SemicirclePopulation
from replica.spectra.resolvent import resolvent
from replica.validation import invalid

#: Points of every interval, more and more.
_FINER = (400, 1600, 6400)

#: The residual and the quadrature error of an answer, and the one that asks for no more points.
_EXACT, _ENOUGH = 1e-9, 1e-11

#: How far beyond what bounds the spectrum it is looked for, relative to its size.
_MARGIN = 0.01


@dataclass(frozen=True, eq=False)
class ErrorSpectrum(ShownSpectrum):
    """The spectrum of A - A*, of all sites, as L → ∞ (THEORY.md, section 19).

    Attributes
    ----------
    problem : Problem
        What was asked for.
    eigenvalues, density, cumulative : arrays (points,)
        Points of the spectrum in ascending order, its density there, and the share of smaller ones.
    edges : array (intervals, 2)
        The ends of the spectrum, without what a pattern has outside.
    residual : float
        Of the equation of the resolvent, at the points.
    quadrature_error : float
        How far the mass is from 1, the trace from 0 and the second moment from |A - A*|²/L, the
        last two in units of it.
    status : str
        "converged" where both are below 1e-9.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, error_spectrum
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5), loss="squared-error")
    >>> spectrum = error_spectrum(problem)
    >>> spectrum.status, round(float(spectrum.cumulative[-1]), 6)
    ('converged', 1.0)
    """

    problem: Problem
    eigenvalues: Vector
    density: Vector
    cumulative: Vector
    edges: Matrix
    residual: float
    quadrature_error: float
    status: str

    def values(self) -> dict[str, Any]:
        """Return the edges, the errors and the status, by name."""
        state = {name: getattr(self, name) for name in ("residual", "quadrature_error", "status")}
        return {"edges": self.edges.ravel(), **state}


@np.errstate(all="ignore")
def error_spectrum(problem: Problem) -> ErrorSpectrum:
    """Return the spectrum of A - A*, A the whole attention matrix of the squared error.

    A* and A do not commute; their resolvents meet in a sample covariance whose weight decay is a
    matrix.

    Parameters
    ----------
    problem : Problem
        As of `attention_spectrum`, with a true matrix: the squared error and PottsTokens with
        β ≠ 0, or GaussianTokens.

    Returns
    -------
    ErrorSpectrum

    Raises
    ------
    ValueError
        If the problem is another one.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, error_spectrum
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5), loss="squared-error")
    >>> error_spectrum(problem).edges.round(3)
    array([[-2.28 ,  2.591]])
    """
    if isinstance(problem, Problem) and problem.loss != "squared-error":
        raise invalid("loss", problem.loss_name, "squared-error for the spectrum of A - A*")
    attention = attention_spectrum(problem)
    known, true2 = _difference(attention)
    edges = known.edges()
    if not len(edges):
        none = np.empty(0)
        return ErrorSpectrum(
            problem, none, none, none, edges, np.nan, np.nan, str(Status.NOT_FINITE)
        )
    for count in _FINER:
        points, density, mass, residual = _points(known, edges, count)
        moments = [float((mass * points**k).sum()) for k in range(3)]
        second = attention.coupling_error * true2
        unlike = moments[0] - 1.0, moments[1] / second**0.5, moments[2] / second - 1.0
        error = float(np.abs(unlike).max())
        if error < _ENOUGH or residual > _EXACT:
            break
    exact = error < _EXACT and residual < _EXACT
    shares = np.append(0.0, np.cumsum(mass.sum(axis=1)))
    below = shares[:-1, None] + np.cumsum(mass, axis=1) - 0.5 * mass
    return ErrorSpectrum(
        problem,
        joined(points, edges),
        joined(density, 0.0 * edges),
        joined(below, np.stack([shares[:-1], shares[1:]], axis=1)),
        edges,
        residual,
        error,
        str(Status.CONVERGED if exact else Status.MAX_STEPS),
    )


def _points(known: Difference, edges: Matrix, count: int) -> tuple[Matrix, Matrix, Matrix, float]:
    """Return points of every interval, density and mass there, and the worst residual."""
    _, points, width = equal_angles(edges, count)
    _, mean, residual = known.resolved(points.ravel())
    density = np.maximum(-mean.imag, 0.0).reshape(points.shape) / np.pi
    return points, density, density * width * np.pi / count, residual


def _difference(attention: AttentionSpectrum) -> tuple[Difference, float]:
    """Return A - A* as its resolvent asks for it, and |A*|²/L."""
    problem = attention.problem
    whole = answering(problem.data, "whole").whole
    bulk = whole.population
    if whole.true is None or not isinstance(bulk, SemicirclePopulation) or bulk.c == 0.0:
        allowed = "PottsTokens with beta other than 0 or GaussianTokens, with a true matrix"
        raise invalid("data", problem.data, allowed)
    ratio = problem.alpha * whole.observed
    known = resolvent(whole.values, whole.weights, ratio, attention.decay)
    # A* = t x, and x = (1/G - a)/c.
    x = (1.0 / whole.values - bulk.a) / bulk.c
    true2 = float(whole.weights @ whole.true**2)
    slope = float(whole.weights @ (whole.true * x)) / float(whole.weights @ x**2)
    ends = [*attention.edges.ravel(), *([attention.atom] if attention.atom_share else [])]
    low, high = min(ends) - 2.0 * abs(slope), max(ends) + 2.0 * abs(slope)
    margin = _MARGIN * (high - low)
    return Difference(
        bulk, slope, ratio, attention.decay, attention.scale, attention.diagonal, known.weight,
        (low - margin, high + margin),
    ), true2  # fmt: skip
