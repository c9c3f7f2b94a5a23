"""What it costs to take a field for Gaussian that few strong couplings make."""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import CubicSpline

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.fresh_fields import fresh
from replica.quadrature.rule import Accuracy

#: Couplings between which the error of one is interpolated, and how far apart they are.
_NODES, _SPACING = 9, 0.1

#: ρ from which on nothing is uncertain.
_CERTAIN = 1e4


def field_error(row: Vector, colors: int, strongest: float) -> float:
    """Return about the relative error of a row's optimal loss by taking its fields for Gaussian.

    What one neighbour tells of a token is known exactly, and so is what the theory makes of it.
    The differences δ_j add up to √(Σ δ_j² + (Σ δ_j)²), within a factor of about two of what is
    measured (simulations/BENCHMARKS.md). `strongest` is the largest |K| of the model, whose rows
    share the work.
    """
    if strongest == 0.0:
        return 0.0
    count = _NODES + math.ceil(strongest / _SPACING)
    delta = _deviations(strongest, count, colors)(row)
    known = pair_gain(row, colors)
    loss = max(math.log(colors) - float(known.sum()), 0.05 * math.log(colors))
    return math.hypot(float(delta.sum()), float(np.linalg.norm(delta))) / loss


def pair_gain(K: Vector, colors: int) -> Vector:
    """Return the nats that one token coupled by K tells of another."""
    # The probabilities of the same and of each other colour, over that of the latter.
    grown = np.expm1(K)
    p = (grown + 1.0) / (grown + colors)
    return np.asarray(p * K + math.log(colors) - np.log(grown + colors))


@kept()
def _deviations(strongest: float, count: int, colors: int) -> CubicSpline:
    """Return the gain of Gaussian fields less the true one, as a function of the coupling."""
    K = np.linspace(-strongest, strongest, 2 * count + 1)
    # C t²/(1 - t²) of the correlation t of the pair.
    rho = np.expm1(K) ** 2 / (2.0 * np.exp(K) + (colors - 2))
    return CubicSpline(K, [_gaussian_gain(r, colors) for r in rho] - pair_gain(K, colors))


def _gaussian_gain(rho: float, colors: int) -> float:
    if not 1e-12 < rho < _CERTAIN:
        return 0.0 if rho < 1.0 else math.log(colors)
    one = np.array([rho])
    return math.log(colors) - fresh(colors, one, one, Accuracy.FINE)[0]
