"""How often a row is right, given how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Vector
from replica.immutable import Immutable
from replica.quadrature.rule import Accuracy
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution, answer, vector
from replica.validation import integer, invalid, positive

#: Most bins, and the most colours for which the most points are affordable.
_MOST_BINS, _FEW = 1000, 30


@dataclass(frozen=True, eq=False)
class Reliability(Immutable):
    """The reliability of the probabilities softmax(h/T) on fresh sequences, in bins of confidence.

    The confidence of a prediction is the largest of its probabilities. A bin without predictions
    has NaN.

    Attributes
    ----------
    edges : array (bins + 1,)
        From 1/C to 1.
    share : array (bins,)
        Share of the predictions in a bin.
    confidence : array (bins,)
        Their mean confidence.
    right : array (bins,)
        P(right | confidence), the share of them that is right: `confidence` if probabilities can
        be trusted, less where they are overconfident.
    right_error : array (bins,)
        Standard error of `right`, over independent sets of points; NaN where only one of them has
        predictions in the bin.
    calibration_error : float
        Expected calibration error, Σ share |right - confidence|.
    calibration_error_error : float
        Its standard error.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, reliability, solve
    >>> found = reliability(solve(Problem(2.0, 0.01, PottsTokens(3, 1.5))), bins=4)
    >>> bool(found.right[-1] < found.confidence[-1])  # too sure of itself
    True
    """

    edges: Vector
    share: Vector
    confidence: Vector
    right: Vector
    right_error: Vector
    calibration_error: float
    calibration_error_error: float


def reliability(solution: Solution, *, bins: int = 20, temperature: float = 1.0) -> Reliability:
    """Return how often predictions of a given confidence are right (THEORY.md, section 16).

    Given its fields the true law of the masked token is known. Averages over the fields are those
    over scrambled Sobol points, as a bin has edges, at which no rule converges fast.

    Parameters
    ----------
    solution : Solution
        A converged solution, of tokens.
    bins : int
        Number of bins of equal width, 1 to 1000.
    temperature : float
        T of softmax(h/T): 1 as trained, `solution.temperature` as well as can be.

    Returns
    -------
    Reliability
        Confidence, P(right | confidence) and expected calibration error.

    Raises
    ------
    ValueError
        If the solution did not converge, its data have no tokens of a known law or more than 300
        colours, or an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, reliability, solve
    >>> solution = solve(Problem(2.0, 0.01, PottsTokens(3, 1.5)))
    >>> trained = reliability(solution)
    >>> scaled = reliability(solution, temperature=solution.temperature)
    >>> round(trained.calibration_error, 2), scaled.calibration_error < 0.01
    (0.26, True)
    """
    solved = answer(solution)
    count = integer("bins", bins, 1, _MOST_BINS)
    T = positive("temperature", temperature)
    law = SaddlePoint(solved.problem).ensemble.law
    accuracy = Accuracy.FINER if law.colors <= _FEW else Accuracy.FINE
    try:
        fields, right = law.guesses(vector(solved.m), vector(solved.q), accuracy)
    except NotImplementedError:
        allowed = "of tokens whose law given their fields is known"
        raise invalid("data", solved.problem.data, allowed) from None
    top = fields.max(axis=2, keepdims=True)
    confidence = 1.0 / np.exp((fields - top) / T).sum(axis=2)
    edges = np.linspace(1.0 / law.colors, 1.0, count + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, count - 1)
    number, sure, hits = (_binned(place, each, count) for each in (1.0, confidence, right))
    return _averaged(edges, number, sure, hits)


def _binned(place: Any, values: Any, count: int) -> Vector:
    """Return the mean of values in each bin, times its share, for every part of the points."""
    weights = np.broadcast_to(values, place.shape) / place.shape[1]
    parts = zip(place, weights, strict=True)
    return np.array([np.bincount(bins, each, minlength=count) for bins, each in parts])


def _averaged(edges: Vector, number: Vector, sure: Vector, hits: Vector) -> Reliability:
    parts = len(number)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = number.mean(axis=0)
        right = hits.mean(axis=0) / share
        # The ratio of two means, to first order in the deviations of the parts.
        off = (hits - right * number) / share
    gaps = np.abs(hits - sure).sum(axis=1)
    gap = float(np.abs((hits - sure).mean(axis=0)).sum())
    root = math.sqrt(parts)
    with np.errstate(invalid="ignore"):
        confidence = np.where(share > 0.0, sure.mean(axis=0) / np.maximum(share, 1e-300), np.nan)
    # Of one set alone nothing tells how far others are.
    known = (number > 0.0).sum(axis=0) > 1
    return Reliability(
        edges=edges,
        share=share,
        confidence=confidence,
        right=right,
        right_error=np.where(known, off.std(axis=0, ddof=1) / root, np.nan),
        calibration_error=gap,
        calibration_error_error=float(gaps.std(ddof=1)) / root,
    )
