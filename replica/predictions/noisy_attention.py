"""The whole attention matrix of any loss: that of a squared error, and noise of its own."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from scipy import optimize

from replica.ensembles.whole_sequences import WholeSequences
from replica.predictions.attention_outliers import become, eigenvalue_of
from replica.predictions.pair_law import of_row, pair_law, shared_noise
from replica.problem import Problem
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import solve
from replica.saddle_point.status import Status
from replica.spectra.equal_angles import equal_angles
from replica.spectra.noisy_map import NoisyMap
from replica.spectra.population import SemicirclePopulation
from replica.spectra.resolvent import resolvent
from replica.validation import invalid

#: Points of every interval, more and more.
_COUNTS = 200, 800, 3200

#: The error of an answer, and the one that asks for no more points.
EXACT, _ENOUGH = 1e-9, 1e-11

#: What is known of the points of the spectrum.
_NAMES = "eigenvalues", "density", "mass", "cumulative"

#: The largest strength of a pattern that is looked at.
_STRONGEST = 1e6


def noisy_attention(problem: Problem, whole: WholeSequences) -> dict[str, Any]:
    """Return what is known of (A + Aᵀ)/2 of another loss than the squared error.

    Rows of linear forces with the same mean response to token and field have the matrix
    s (1 - P/p) of a squared error; what other forces add to row i is independent of what they add
    to the others, and to a row like its noise (THEORY.md, section 20).

    Parameters
    ----------
    problem : Problem
        With Potts tokens, without masks.
    whole : WholeSequences
        What is known of their sequences.

    Returns
    -------
    dict
        Fields of `AttentionSpectrum`, without what concerns covariances; NaN, or none, with the
        status of the row where that has no solution.

    Raises
    ------
    ValueError
        If the problem is another one.
    """
    if whole.pattern is None or problem.masking is not None:
        allowed = "squared-error but for PottsTokens without masks"
        raise invalid("loss", problem.loss_name, allowed)
    bulk = whole.population
    if not isinstance(bulk, SemicirclePopulation) or bulk.c == 0.0:
        raise invalid("beta", 0.0, "such that there are couplings")
    solution = solve(problem, check=False)
    if solution.status != Status.CONVERGED:
        return _none(solution.residual, solution.status)
    try:
        return _told(solution, whole, bulk)
    except np.linalg.LinAlgError:
        return _none(solution.residual, Status.NOT_FINITE)


def _none(residual: float, status: str) -> dict[str, Any]:
    """Return what is known where a row has no solution, or its equations are no numbers."""
    numbers = (
        "atom", "diagonal", "decay", "scale", "coupling_error", "outlier", "overlap",
        "spike_threshold", "alpha_threshold", "uniform_outlier", "uniform_overlap",
        "quadrature_error",
    )  # fmt: skip
    return {
        **dict.fromkeys(numbers, math.nan),
        **dict.fromkeys(("eigenvalues", "density", "cumulative"), np.empty(0)),
        "edges": np.empty((0, 2)),
        "moments": np.full(4, math.nan),
        "atom_share": 0.0,
        "residual": float(residual),
        "status": str(status),
    }


def _told(solution: Solution, whole: WholeSequences, bulk: SemicirclePopulation) -> dict[str, Any]:
    """Return fields of the answer of rows that have a solution."""
    law = pair_law(solution)
    # Of the noise that A_ij and A_ji do not share their mean keeps half.
    norm2 = law.slope**2 * law.norm2 + 0.5 * (1.0 + law.noise_correlation) * law.noise
    known = _map(solution, whole, bulk)
    for count in _COUNTS:
        found = _points(known, count)
        values, mass = found["eigenvalues"], found.pop("mass")
        powers = [float(mass @ values**k) for k in range(5)]
        unlike = powers[0] - 1.0, powers[1] / known.scale, powers[2] / norm2 - 1.0
        error = float(np.abs(unlike).max())
        if error < _ENOUGH:
            break
    error = max(error, float(solution.quadrature_error))
    return {
        **found,
        **_patterns(known, whole, bulk),
        "atom": math.nan,
        "atom_share": 0.0,
        "moments": np.array([0.0, norm2, *powers[3:]]),
        "diagonal": known.diagonal,
        "decay": known.decay,
        "scale": known.scale,
        "coupling_error": law.coupling_error,
        "residual": float(solution.residual),
        "quadrature_error": error,
        "status": str(Status.CONVERGED if error < EXACT else Status.MAX_STEPS),
    }


def _map(solution: Solution, whole: WholeSequences, bulk: SemicirclePopulation) -> NoisyMap:
    """Return the matrix of rows whose forces are a K0 y - κ √q ξ in the mean, and their noise."""
    saddle, order, hats = of_row(solution)
    m_hat, q_hat, V_hat = (float(each[0]) for each in hats)
    m, V = float(order.m[0]), float(order.V[0])
    ratio = saddle.alpha * (saddle.ensemble.colors - 1)
    a, kappa = m_hat * saddle.ensemble.colors / ratio, V_hat / ratio
    # The squared error whose forces have these slopes has this curvature, and this many times y.
    curvature = kappa / (1.0 - kappa * V)
    decay, scale = saddle.lam / curvature, a / kappa + m
    known = resolvent(whole.values, whole.weights, ratio, decay)
    noise = (1.0 - shared_noise(saddle, order, hats)) * q_hat / curvature**2
    return NoisyMap(bulk, ratio, decay, scale, noise, known.weight, known.diagonal)


def _points(known: NoisyMap, count: int) -> dict[str, Any]:
    """Return points of every interval with density, mass and the share of smaller ones."""
    edges = known.edges
    found: dict[str, list[Any]] = {name: [] for name in _NAMES}
    before = 0.0
    _, points, widths = equal_angles(edges, count)
    for (low, high), values, width in zip(edges, points, widths, strict=True):
        density = np.maximum(-known.states(values).g.imag, 0.0) / np.pi
        mass = density * width * np.pi / count
        below = before + np.cumsum(mass) - 0.5 * mass
        ends = ((low, high), (0.0, 0.0), (0.0, 0.0), (before, before + mass.sum()))
        for name, within, (first, last) in zip(
            _NAMES, (values, density, mass, below), ends, strict=True
        ):
            found[name] += [[first], within, [last]]
        before += float(mass.sum())
    return {"edges": edges, **{name: np.concatenate(each) for name, each in found.items()}}


def _patterns(known: NoisyMap, whole: WholeSequences, bulk: SemicirclePopulation) -> dict[str, Any]:
    """Return what patterns become, and the θ from which on they stand out."""
    sign = 1.0 if bulk.c < 0.0 else -1.0
    end = known.ends[1 if sign > 0.0 else 0]

    def shown(theta: float) -> float:
        return float(-sign * known.pole(end, eigenvalue_of(bulk, theta)))

    # A stronger one has no paramagnet.
    reach = bulk.a / abs(bulk.c)
    most = (1.0 - 1e-9) * 0.5 * (reach + math.sqrt(reach**2 - 4.0))
    most = most if sign > 0.0 else _STRONGEST
    stands = shown(1.0) < 0.0 < shown(most)
    pattern = become(bulk, whole.pattern or 0.0, partial(known.outlier, sign=sign), end.z)
    uniform = become(bulk, whole.uniform, partial(known.outlier, sign=1.0), known.ends[1].z)
    apart = abs(whole.uniform) > 1.0
    return {
        "outlier": pattern.eigenvalue,
        "overlap": pattern.overlap if whole.pattern else math.nan,
        "spike_threshold": optimize.brentq(shown, 1.0, most, xtol=1e-13) if stands else math.nan,
        "alpha_threshold": math.nan,
        "uniform_outlier": uniform.eigenvalue if apart else math.nan,
        "uniform_overlap": uniform.overlap if apart else math.nan,
    }
