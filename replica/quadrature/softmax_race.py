"""The softmax of random fields as an exponential race.

Of independent events of rates e^{ν_a}, softmax_a(ν) is the probability that the one of colour a
occurs first. Given its time the colours are independent, so an average over fields of independent
noise is one integral over the time of a product over the colours, of log-normal Laplace transforms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.special import wrightomega

from replica.arrays import Vector
from replica.memory import kept
from replica.quadrature.kernels.softmax_race import fill_laplace, fill_softmax, fill_tabulated
from replica.quadrature.rule import Accuracy

#: Spacing of times and of noise, largest noise, and the log probability that is left out.
_STEPS, _RADII, _LEFT_OUT = (0.6, 0.32, 0.28), (7.0, 9.8, 10.6), (-16.0, -32.0, -38.0)

#: Spacing of a table of Ψ, and for how many numbers one of its entries has to serve.
_TABLE, _WORTH = 0.03, 2

#: Nodes of one field in an average with a kink.
_NODES = 160


def lognormal_laplace(v: Vector, s: float, accuracy: Accuracy) -> tuple[Vector, Vector]:
    """Return Ψ(v) = E exp(-e^{v + s x}), x normal, and its derivative.

    The Laplace transform of the log-normal variable e^{s x}, at e^v.
    """
    v = np.ascontiguousarray(v)
    value, slope = np.empty_like(v), np.empty_like(v)
    fill_laplace(v, s, _STEPS[accuracy], _RADII[accuracy], value, slope)
    return value, slope


def laplace_at(v: Vector, s: float, accuracy: Accuracy) -> tuple[Vector, Vector]:
    """Return Ψ and Ψ' as `lognormal_laplace` at many v, which are taken from a table."""
    lowest = float(v.min())
    places = math.ceil((float(v.max()) - lowest) / _TABLE) + 2
    if places * _WORTH > v.size:
        return lognormal_laplace(v, s, accuracy)
    v = np.ascontiguousarray(v)
    value, slope = np.empty_like(v), np.empty_like(v)
    grid = _STEPS[accuracy], _RADII[accuracy], lowest, _TABLE, places
    fill_tabulated(v, s, *grid, value, slope)
    return value, slope


def expected_softmax(
    k: NDArray[np.int64], spacing: float, s: float, accuracy: Accuracy
) -> tuple[Vector, Vector]:
    """Return π = E softmax_1(ν) and its gradient in the means of ν_a = spacing k_a + s x_a.

    Parameters
    ----------
    k : int array (points, colors)
        Levels of the means.
    spacing : float
        Distance of two levels, 0 or greater.
    s : float
        Standard deviation of the independent noise.
    """
    lowest, highest = int(k.min()), int(k.max())
    levels: Vector = spacing * np.arange(lowest, highest + 1, dtype=float)
    step = _STEPS[accuracy]
    # Times relative to a mean: when its event may begin to occur, and when it has.
    early, late = window(s, accuracy)
    times: Vector = np.arange(early - levels[-1], late - levels[0] + step, step)
    laplace, slope = laplace_at(levels[:, None] + times, s, accuracy)
    ratio = slope / np.maximum(laplace, 1e-300)
    first = np.searchsorted(times, early - levels)
    last = np.searchsorted(times, late - levels)
    softmax, gradient = np.empty(len(k)), np.empty(k.shape)
    fill_softmax(k, lowest, laplace, slope, ratio, first, last, step, softmax, gradient)
    return softmax, gradient


def log_normaliser(colors: int, variance: float, accuracy: Accuracy) -> float:
    """Return E log Σ_a e^{ν_a} for ν ~ N(0, variance K0), as ∫dv (exp(-e^v) - Ψ(v)^C)."""
    s = math.sqrt(variance)
    step = _STEPS[accuracy]
    early, late = window(s, accuracy)
    v = np.arange(early - math.log(colors), max(late, 5.0) + step, step)
    laplace, _ = lognormal_laplace(v, s, accuracy)
    return float(step * np.sum(np.exp(-np.exp(np.minimum(v, 6.0))) - laplace**colors))


def uncertainty(colors: int, variance: float, accuracy: Accuracy) -> float:
    """Return 1 - E|softmax(ν)|² for ν ~ N(0, variance K0), as C (C-1) ∫dv Ψ'² Ψ^{C-2}."""
    s = math.sqrt(variance)
    step = _STEPS[accuracy]
    early, late = window(s, accuracy)
    laplace, slope = lognormal_laplace(np.arange(early, late + step, step), s, accuracy)
    return float(colors * (colors - 1) * step * np.sum(slope**2 * laplace ** (colors - 2)))


def wrong_guess(colors: int, m: float, q: float, rho: float, accuracy: Accuracy) -> float:
    """Return the probability that the largest ω_a is not the token drawn from softmax(ν).

    The fields are independent pairs of covariance [[q, m], [m, ρ]]. At given time and ω_1 the
    events of the others have not occurred, and their ω_a are smaller, independently of each other.
    """
    a = m / math.sqrt(q)
    s = math.sqrt(max(rho - a * a, 0.0))
    step = _STEPS[accuracy]
    early, late = window(s, accuracy)
    x, weights, below = _cumulative(_NODES + 40 * math.ceil(abs(a)))
    times = np.arange(early - 9.0 * abs(a), late + 9.0 * abs(a), step)
    laplace, slope = laplace_at(times[:, None] + a * x, s, accuracy)
    gauss = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    smaller = np.maximum((laplace * gauss) @ below.T, 0.0)
    right = -colors * step * float(((slope * smaller ** (colors - 1)) @ (weights * gauss)).sum())
    return 1.0 - right


def agreement(colors: int, m: float, q: float, rho: float, accuracy: Accuracy) -> float:
    """Return E softmax(ω)·softmax(ν), the probability that two races have one winner.

    The fields are independent pairs of covariance [[q, m], [m, ρ]], so that at given times u of one
    race and v of the other the colours are independent: with F(u, v) the probability that neither
    event of a colour has occurred, it is C ∫du dv F_uv F^{C-1}. Given the narrower field, the wider
    one is noise around a multiple of it, over which F is smooth.
    """
    narrow, wide = sorted((q, rho))
    root = math.sqrt(narrow)
    a = m / root
    s = math.sqrt(max(wide - a * a, 0.0))
    step, radius = _STEPS[accuracy], _RADII[accuracy]
    long = step * max(1.0, s)
    x = _grid(-radius, radius, min(0.6, step / max(root, 1e-3), long / max(abs(a), 1e-3)))
    weights = np.exp(-0.5 * x * x) * (x[1] - x[0]) / math.sqrt(2.0 * math.pi)
    early, late = window(root, accuracy)
    u = np.arange(early, late + step, step)
    rate = np.exp(np.minimum(u[:, None] + root * x, 6.0))
    waiting = np.exp(-rate) * weights
    early, late = window(math.sqrt(wide), accuracy)
    v = np.arange(early, late + long, long)
    laplace, slope = laplace_at(v[:, None] + a * x, s, accuracy)
    both = -(rate * waiting) @ slope.T
    neither = np.maximum(waiting @ laplace.T, 0.0)
    return float(colors * step * long * np.sum(both * neither ** (colors - 1)))


def _grid(low: float, high: float, step: float) -> Vector:
    return np.linspace(low, high, math.ceil((high - low) / step) + 1)


def window(s: float, accuracy: Accuracy) -> tuple[float, float]:
    """Return the log times between which an event of rate e^{s x} occurs.

    E e^{v + s x} = e^{v + s²/2} bounds the probability of an earlier one; for large s, normal
    tails do.
    """
    return window_for(s, _LEFT_OUT[accuracy])


def window_for(s: float, left_out: float) -> tuple[float, float]:
    """Return the same for the log of the probability that may be left out."""
    tail = math.sqrt(-2.0 * left_out)
    early = max(left_out - 0.5 * s * s, -s * tail + left_out if s > tail else -math.inf)
    return early, math.log(-left_out) + s * tail


def race_times(low: float, typical: float, high: float, step: float) -> tuple[Vector, Vector]:
    """Return log times u from `low` to `high`, and the weights of an integral over them.

    They are w - e^{typical - w} for equal steps of w: below `typical`, where an event is ever less
    likely, ever farther apart.
    """
    # The root of w - e^{typical - w} = low: e^{typical - w} + log of it is their distance.
    w = typical - math.log(wrightomega(max(typical - low, 0.0)))
    nodes = np.arange(w, high + step, step)
    tails = np.exp(typical - nodes)
    return nodes - tails, step * (1.0 + tails)


@kept()
def _cumulative(nodes: int) -> tuple[Vector, Vector, Vector]:
    """Return Chebyshev nodes on [-9, 9], weights, and the matrix of integrals up to each."""
    x = -np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    vandermonde = chebyshev.chebvander(x, nodes - 1)
    scale = np.full(nodes, 2.0 / nodes)
    scale[0] = 1.0 / nodes
    to_coefficients = scale[:, None] * vandermonde.T
    integrals = chebyshev.chebint(to_coefficients, lbnd=-1.0, axis=0)
    below = 9.0 * chebyshev.chebvander(x, nodes) @ integrals
    weights = 9.0 * chebyshev.chebvander(np.ones(1), nodes) @ integrals
    return 9.0 * x, weights[0], below
