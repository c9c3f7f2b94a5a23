"""The kernel of the cross-entropy: values and gradients of many rows in one pass over the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.kernels.jit import inlined, jit
from simulations.kernels.pieces import pieces
from simulations.kernels.simd import add_four, add_one

Floats = NDArray[np.float64]

#: The most rows that are treated together; arithmetic over them fills the vector registers.
_WIDEST = 64

#: Samples that are treated together, so that a row of weights is loaded once for all.
_BATCH = 4

#: No bias.
_NONE = np.empty((0, 0))

_ROUND = 1.5 * 2**52
_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10


@inlined
def exponential(x: Any) -> Any:
    """Return exp(x) for float64 x in [-700, 700], to a relative 1e-15."""
    # x = n ln 2 + r: adding 1.5·2^52 leaves the integer n in the low bits of the sum.
    shifted = x * _LOG2E + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    exponent = np.int64((np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52))
    return p * exponent.view(np.float64)


def evaluate(
    tokens: NDArray[np.uint8],
    groups: NDArray[np.int32],
    rows: NDArray[np.int64],
    weights: Floats,
    values: Floats,
    mixing: bool,
    losses: Floats,
    gradient: Floats,
    in_values: Floats,
    bias: Floats = _NONE,
    in_bias: Floats = _NONE,
) -> None:
    """Compute Σ_μ ℓ(s_i^μ, Σ_j w_ij V s_j^μ + b_i) and its gradient in w_i for every row i.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        The sequences.
    groups : int array
        Their sites by colour (see `sites_by_color`).
    rows : int array (rows,)
        The predicted sites i.
    weights : array (sites, rows)
        w, one column per predicted site, with w_ii = 0.
    values : array (colors, colors)
        V, used if `mixing` is true and taken for the identity otherwise.
    losses : array (rows,)
        Receives the losses.
    gradient : array (sites, rows)
        Receives the gradients; the entries of j = i mean nothing.
    in_values : array (colors, colors)
        Receives the gradient in V, summed over rows, if `mixing` is true.
    bias : array (colors, rows), or of no line
        b, one column per predicted site.
    in_bias : array like bias
        Receives the gradients in b.
    """
    # One layout in memory, whatever the caller's: the kernel is compiled once.
    weights, bias = np.ascontiguousarray(weights), np.ascontiguousarray(bias)
    sums, in_fields = np.zeros(gradient.shape), np.zeros(in_bias.shape)
    for result in (losses, in_values):
        result[:] = 0.0
    width = _tile(len(rows))
    for some in pieces(len(rows), 2.0 * tokens.size, width):
        columns = min(width, some.stop - some.start)
        for part in pieces(len(tokens), 2.0 * tokens.shape[1] * columns, _BATCH):
            _add_sequences(
                tokens, groups, rows, weights, values, mixing, losses, sums, in_values,
                bias, in_fields, width, some.start, some.stop, part.start, part.stop,
            )  # fmt: skip
    gradient[:], in_bias[:] = sums, in_fields


@jit
def _add_sequences(
    tokens: NDArray[np.uint8],
    groups: NDArray[np.int32],
    rows: NDArray[np.int64],
    weights: Floats,
    values: Floats,
    mixing: bool,
    losses: Floats,
    gradient: Floats,
    in_values: Floats,
    bias: Floats,
    in_bias: Floats,
    width: int,
    begin: int,
    end: int,
    first_sample: int,
    samples: int,
) -> None:
    """Add what some of the sequences, up to `samples`, give to some of the rows, begin to end.

    The rows are treated `width` together. Sequences are added in their order: so many calls as
    one may take give the same result to the last digit.
    """
    sites = tokens.shape[1]
    colors = values.shape[0]
    biased = len(bias) > 0
    # The last row stays zero.
    weight = np.zeros((sites + 1, width))
    whole = np.empty(width)
    slope = np.empty((sites, width))
    fields = np.empty((_BATCH, colors, width))
    residual = np.zeros((_BATCH, colors, width))
    # The same memory, by the number of its first entry.
    flat_weight, flat_slope = weight.reshape(weight.size), slope.reshape(slope.size)
    flat_residual = residual.reshape(residual.size)
    top = np.empty(width)
    total = np.empty(width)
    product = np.empty(width)
    value = np.empty(width)
    sums = np.empty((colors, width))
    transposed = values.T.copy()
    for first in range(begin, end, width):
        used = min(width, end - first)
        weight[:sites, :used] = weights[:, first : first + used]
        weight[:sites, used:] = 0.0
        whole[:] = 0.0
        for j in range(sites):
            add_one(whole, 0, flat_weight, j * width, width)
        slope[:] = 0.0
        slope[:, :used] = gradient[:, first : first + used]
        value[:] = 0.0
        value[:used] = losses[first : first + used]
        for sample in range(first_sample, samples, _BATCH):
            batch = min(_BATCH, samples - sample)
            for k in range(batch):
                _sum_by_color(groups[sample + k], flat_weight, whole, fields[k])
            product[:] = 1.0
            residual[batch:] = 0.0
            for k in range(batch):
                field, probability = fields[k], residual[k]
                if mixing:
                    sums[:] = field
                    _mix(values, sums, field)
                if biased:
                    for a in range(colors):
                        for r in range(used):
                            field[a, r] += bias[a, first + r]
                for r in range(width):
                    top[r] = field[0, r]
                    total[r] = 0.0
                for a in range(1, colors):
                    for r in range(width):
                        top[r] = max(top[r], field[a, r])
                for a in range(colors):
                    for r in range(width):
                        probability[a, r] = exponential(max(field[a, r] - top[r], -700.0))
                        total[r] += probability[a, r]
                for r in range(width):
                    value[r] += top[r]
                    product[r] *= total[r]
                    total[r] = 1.0 / total[r]
                for a in range(colors):
                    for r in range(width):
                        probability[a, r] *= total[r]
                for r in range(used):
                    token = tokens[sample + k, rows[first + r]]
                    value[r] -= field[token, r]
                    probability[token, r] -= 1.0
                if biased:
                    for a in range(colors):
                        for r in range(used):
                            in_bias[a, first + r] += probability[a, r]
                if mixing:
                    for a in range(colors):
                        for b in range(colors):
                            inner = 0.0
                            for r in range(used):
                                inner += probability[a, r] * sums[b, r]
                            in_values[a, b] += inner
                    sums[:] = probability
                    _mix(transposed, sums, probability)
            for r in range(width):
                value[r] += np.log(product[r])
            # The last batch may be short: its missing residuals are zero.
            last = samples - 1
            for j in range(sites):
                p0 = tokens[sample, j] * width
                p1 = (colors + tokens[min(sample + 1, last), j]) * width
                p2 = (2 * colors + tokens[min(sample + 2, last), j]) * width
                p3 = (3 * colors + tokens[min(sample + 3, last), j]) * width
                add_four(flat_slope, j * width, flat_residual, p0, p1, p2, p3, width)
        losses[first : first + used] = value[:used]
        gradient[:, first : first + used] = slope[:, :used]


@inlined
def _sum_by_color(
    groups: NDArray[np.int32], flat_weight: Floats, whole: Floats, fields: Floats
) -> None:
    """Set fields[a] = Σ_j w_j [s_j = a] for one sequence; the sum over a is known, `whole`."""
    colors, width = fields.shape
    last = fields[colors - 1]
    flat_fields = fields.reshape(fields.size)
    fields[:] = 0.0
    for g in range(1, groups[0, 0] + 1):
        p0, p1, p2, p3 = groups[g, 1], groups[g, 2], groups[g, 3], groups[g, 4]
        add_four(
            flat_fields, groups[g, 0] * width, flat_weight,
            p0 * width, p1 * width, p2 * width, p3 * width, width,
        )  # fmt: skip
    for r in range(width):
        last[r] = whole[r]
    for a in range(colors - 1):
        field = fields[a]
        for r in range(width):
            last[r] -= field[r]


@jit
def sites_by_color(tokens: NDArray[np.uint8], colors: int) -> NDArray[np.int32]:
    """Return, for every sequence, its sites in groups of four of one colour.

    Entry [μ, 0, 0] is the number of groups that follow; a group is (colour, site, site, site,
    site), filled up with the number of sites, which stands for no site. The last colour is
    left out.
    """
    samples, sites = tokens.shape
    groups = np.zeros((samples, sites // 4 + colors + 1, 5), dtype=np.int32)
    for sample in range(samples):
        found, number = groups[sample], 0
        for a in range(colors - 1):
            filled = 4
            for j in range(sites):
                if tokens[sample, j] == a:
                    if filled == 4:
                        number += 1
                        found[number, 0] = a
                        found[number, 1:] = sites
                        filled = 0
                    filled += 1
                    found[number, filled] = j
        found[0, 0] = number
    return groups


def _tile(count: int) -> int:
    """Return the width, a whole number of vectors, of tiles of which `count` rows waste least."""
    best, waste = 0, 0
    for width in range(_WIDEST, _WIDEST // 2, -8):
        unused = -count % width
        if best == 0 or unused < waste:
            best, waste = width, unused
    return best if count > _WIDEST // 2 else max(8, (count + 7) // 8 * 8)


@inlined
def _mix(values: Floats, source: Floats, target: Floats) -> None:
    colors, width = source.shape
    for a in range(colors):
        for r in range(width):
            target[a, r] = 0.0
        for b in range(colors):
            for r in range(width):
                target[a, r] += values[a, b] * source[b, r]
