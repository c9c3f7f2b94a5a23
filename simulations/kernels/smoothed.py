"""The kernel of the cross-entropy that is averaged over Gaussian noise of the fields."""

from __future__ import annotations

import numpy as np

from simulations.kernels.cross_entropy import exponential
from simulations.kernels.jit import inlined, jit
from simulations.kernels.simd import BYTES, add_one
from simulations.tokens import Floats, Tokens

#: Points come in multiples of so many.
LANES = BYTES // 8

#: Variances below this share of the largest are rounding.
_ROUNDING = 1e-14


@jit
def smoothed(
    sums: Floats,
    variances: Floats,
    targets: Tokens,
    values: Floats,
    points: Floats,
    weights: Floats,
    losses: Floats,
    slopes: Floats,
    bends: Floats,
) -> None:
    """Average the cross-entropy at fields of the mean U t and the covariance U diag(n) Uᵀ.

    Parameters
    ----------
    sums, variances : arrays (samples, rows, symbols)
        t and n.
    targets : array (samples, rows)
        The masked tokens y.
    values : array (colors, symbols)
        U.
    points : array (sets, dimensions, count)
        Points for averages over N(0, I), in C dimensions, one for each colour, or in the C - 1 of
        the differences of fields; the sets serve the samples in turn.
    weights : array (count,)
        Their weights; the count is a multiple of `LANES`.
    losses : array (rows,)
        Receives the sums over samples.
    slopes, bends : arrays (samples, rows, symbols)
        Receive the derivatives in t_c, E(Uᵀg)_c, and twice those in n_c, E(UᵀHU)_cc, with the
        gradient g and the Hessian H of the loss.
    """
    samples, rows, symbols = sums.shape
    colors, (dimensions, count) = len(values), points.shape[1:]
    fields, factor = np.empty((colors, count)), np.zeros((colors, dimensions))
    top, total, mean = np.empty(count), np.empty(count), np.empty(count)
    lanes, inverse = np.empty(LANES), 1.0 / weights
    for r in range(rows):
        whole = 0.0
        for sample in range(samples):
            if dimensions < colors:
                _factorise(values, variances[sample, r], factor)
            else:
                for a in range(colors):
                    for c in range(dimensions):
                        factor[a, c] = values[a, c] * np.sqrt(variances[sample, r, c])
            zeta, target = points[sample % len(points)], targets[sample, r]
            for a in range(colors):
                field, shift = fields[a], 0.0
                for c in range(symbols):
                    shift += values[a, c] * sums[sample, r, c]
                for k in range(count):
                    field[k] = shift
                for b in range(dimensions):
                    scale = factor[a, b]
                    if scale != 0.0:
                        for k in range(count):
                            field[k] += scale * zeta[b, k]
            for k in range(count):
                top[k] = fields[0, k]
                total[k] = 0.0
            for a in range(1, colors):
                for k in range(count):
                    top[k] = max(top[k], fields[a, k])
            for k in range(count):
                mean[k] = top[k] - fields[target, k]
            for a in range(colors):
                for k in range(count):
                    fields[a, k] = exponential(max(fields[a, k] - top[k], -700.0))
                    total[k] += fields[a, k]
            for k in range(count):
                mean[k] = weights[k] * (mean[k] + np.log(total[k]))
                total[k] = weights[k] / total[k]
            whole += _total(mean, lanes)
            for a in range(colors):
                for k in range(count):
                    fields[a, k] *= total[k]
            for c in range(symbols):
                for k in range(count):
                    mean[k] = 0.0
                for a in range(colors):
                    if values[a, c] != 0.0:
                        for k in range(count):
                            mean[k] += values[a, c] * fields[a, k]
                slopes[sample, r, c] = _total(mean, lanes) - values[target, c]
                for k in range(count):
                    mean[k] *= -mean[k] * inverse[k]
                for a in range(colors):
                    square = values[a, c] ** 2
                    if square != 0.0:
                        for k in range(count):
                            mean[k] += square * fields[a, k]
                bends[sample, r, c] = _total(mean, lanes)
        losses[r] = whole


@inlined
def _total(terms: Floats, lanes: Floats) -> float:
    """Return the sum of as many terms as fill vector registers."""
    lanes[:] = 0.0
    for first in range(0, len(terms), LANES):
        add_one(lanes, 0, terms, first, LANES)
    total = 0.0
    for lane in lanes:
        total += lane
    return total


@inlined
def _factorise(values: Floats, variances: Floats, factor: Floats) -> None:
    """Set a triangular R, so that R ζ has the covariance of the fields less that of colour 0.

    The first row of R stays zero.
    """
    colors, symbols = values.shape
    largest = 0.0
    for a in range(1, colors):
        for b in range(1, a + 1):
            rest = 0.0
            for c in range(symbols):
                left, right = values[a, c] - values[0, c], values[b, c] - values[0, c]
                rest += variances[c] * left * right
            if a == b:
                largest = max(largest, rest)
            for c in range(b - 1):
                rest -= factor[a, c] * factor[b, c]
            own = factor[b, b - 1]
            if a == b:
                factor[a, a - 1] = np.sqrt(rest) if rest > _ROUNDING * largest else 0.0
            else:
                factor[a, b - 1] = rest / own if own > 0.0 else 0.0
