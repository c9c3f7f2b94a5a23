"""Kernel that averages the cross-entropy over a lattice of fields, many points at once."""

from __future__ import annotations

import numpy as np

from replica.jit import jit, part
from replica.quadrature.kernels.special import exponential

#: Points that are solved at once.
BLOCK = 128

#: What a point takes of up to four points before it, in a line: the polynomial through them.
SHARES = np.array([[1.0, 0, 0, 0], [2.0, -1, 0, 0], [3.0, -3, 1, 0], [4.0, -6, 4, -1]])

#: The sum of squares of steps below which what they leave, of third order, is rounding, and that
#: per point beyond which they lead nowhere; the most steps; and the last step of a rough start.
_SETTLED, _LOST, _MOST_STEPS, _ROUGH = 1e-9, 1e3, 12, 1e-3


@part
def _log_ratio(g):
    """Return -log(1 - g) for 0 <= g <= 1/2, as 2 artanh z with z = g/(2 - g) <= 1/3."""
    z = g / (2.0 - g)
    y = z * z
    series = 1 / 21 + y * (1 / 23 + y * (1 / 25 + y * (1 / 27 + y * (1 / 29 + y / 31))))
    series = 1 / 13 + y * (1 / 15 + y * (1 / 17 + y * (1 / 19 + y * series)))
    series = 1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y * series)))
    return 2.0 * z * (1.0 + y * (1 / 3 + y * series))


@part
def two_valued(V, n, target, start):
    """Return about the z = h_1 - h_2 - log n where the fields of all but the first are alike.

    With u = 1 - p_1 = 1/(1 + e^z) and B = V C/n it solves z - B u = ω_1 - ω_2 - log n, the target.
    """
    B = V * (n + 1.0) / n
    low, high, z = target, target + B, start
    step = before = 0.0
    for _ in range(200):
        # Newton's steps may go to and fro between the flat parts on both sides.
        if not (low <= z <= high and -step * before <= 0.5 * before * before):
            z = 0.5 * (low + high)
        e = np.exp(-abs(z))
        more = 1.0 / (1.0 + e)
        less = e * more
        excess = z - B * (less if z > 0.0 else more) - target
        if excess > 0.0:
            high = z
        else:
            low = z
        before, step = step, excess / (1.0 + B * less * more)
        z -= step
        if abs(step) < _ROUGH:
            break
    return z


@part
def _settle(k, scale, lift, V, solved, begin, end, p, share, steps, pull, slope, bend):
    """Solve log p_a + V p_a = c_a - t, Σ p_a = 1 at the points of a block; tell whether it is done.

    Newton's step δ, σ of log p, t and the next order of the same expansion,
    σ' = Σ r δ²/(2 Σ r), δ' = -(σ' + V p δ²/2)/(1 + V p), r = p/(1 + V p).
    """
    colors, count = len(k), end - begin
    t = solved[colors, begin:end]
    for _ in range(_MOST_STEPS):
        for i in range(count):
            pull[i], slope[i], bend[i] = -1.0, 0.0, 0.0
        for a in range(colors):
            log_p, field, more = solved[a, begin:end], k[a, begin:end], lift if a == 0 else 0.0
            for i in range(count):
                p_i = exponential(log_p[i])
                share_i = 1.0 / (1.0 + V * p_i)
                gap = scale * field[i] + more - t[i] - log_p[i] - V * p_i
                p[a, i], share[a, i], steps[a, i] = p_i, share_i, gap
                pull[i] += p_i + p_i * share_i * gap
                slope[i] += p_i * share_i
        for i in range(count):
            slope[i] = 1.0 / slope[i]
            pull[i] *= slope[i]
        squares = 0.0
        for a in range(colors):
            for i in range(count):
                step = (steps[a, i] - pull[i]) * share[a, i]
                steps[a, i] = step
                bend[i] += p[a, i] * share[a, i] * (step * step)
                squares += step * step
        for i in range(count):
            bend[i] *= 0.5 * slope[i]
            t[i] += pull[i] + bend[i]
        for a in range(colors):
            log_p = solved[a, begin:end]
            for i in range(count):
                step, curve = steps[a, i], V * p[a, i] * share[a, i]
                step -= share[a, i] * bend[i] + 0.5 * curve * (step * step)
                log_p[i] += step
                # Enough for what is left of the last step.
                step *= 1.0 + step * (0.5 + step / 6.0)
                p[a, i] += p[a, i] * step
                step *= curve
                share[a, i] *= 1.0 - step * (1.0 - step * (1.0 - step))
        if squares < _SETTLED:
            return True
        if not squares < _LOST * count:
            break
    return False


@part
def _add(p, share, log_p, weights, gaps, squares, pairs, slope, found):
    """Add to the sums of 1, g_1, |g|², tr K and log(1/p_1) those of a block."""
    count = len(weights)
    for i in range(count):
        gaps[i], squares[i], pairs[i], slope[i] = 0.0, 0.0, 0.0, p[0, i] * share[0, i]
    for a in range(1, len(p)):
        for i in range(count):
            r = p[a, i] * share[a, i]
            gaps[i] += p[a, i]
            squares[i] += p[a, i] * p[a, i]
            pairs[i] += r * slope[i]
            slope[i] += r
    norm = gap = energy = response = loss = 0.0
    for i in range(count):
        weight, g = weights[i], gaps[i]
        norm += weight
        gap += weight * g
        energy += weight * (g * g + squares[i])
        response += weight * pairs[i] / slope[i]
        near = _log_ratio(g if g < 0.5 else 0.5)
        loss += weight * (near if g < 0.5 else -log_p[i])
    found[0] += norm
    found[1] += gap
    found[2] += energy
    found[3] += 2.0 * response
    found[4] += loss


@jit
def lattice_averages(k, weights, before, many, blocks, first, m, V, scale, known, solved, found):
    """Average over the C - 1 fields of a lattice; return whether all of its points were solved.

    Parameters
    ----------
    k, weights : arrays (colors, points) and (points,)
        Fields are `scale` k, the masked one m more.
    before, many : arrays (4, points) and (points,), without the points of the first blocks
        The points that a point starts from, and one less than how many of them there are.
    blocks, first : array, int
        Where blocks of points begin and end, and how many of them have no point before: there all
        fields but the masked one are 0.
    known : bool
        Whether `solved` has a solution of nearby order parameters, to start from.
    solved : array (colors + 1, points)
        Receives log p of every colour, and the log normaliser.
    found : array (5,)
        Receives E 1, E g_1, E |g|², E tr K, E log(1/p_1).
    """
    colors = len(k)
    n = colors - 1.0
    log_n = np.log(n)
    # Apart from one another for all colours: else no lanes, as compilers look at whole arrays.
    p, share, steps = (
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
    )
    one, two, three, four = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    last = second = np.nan
    for j in range(5):
        found[j] = 0.0
    for block in range(blocks.size - 1):
        begin, end = blocks[block], blocks[block + 1]
        if not known and block < first:
            for i in range(begin, end):
                z = two_valued(V, n, scale * k[0, i] + m - log_n, 2.0 * last - second)
                last, second = z, last
                log_u = min(0.0, -z) - np.log1p(np.exp(-abs(z)))
                solved[0, i] = log_u + z
                for a in range(1, colors):
                    solved[a, i] = log_u - log_n
                solved[colors, i] = log_n - log_u - V * np.exp(log_u) / n
        elif not known:
            for i in range(begin, end):
                j = i - blocks[first]
                w = SHARES[many[j]]
                i0, i1, i2, i3 = before[0, j], before[1, j], before[2, j], before[3, j]
                for a in range(colors + 1):
                    now = w[0] * solved[a, i0] + w[1] * solved[a, i1]
                    solved[a, i] = now + (w[2] * solved[a, i2] + w[3] * solved[a, i3])
        if not _settle(k, scale, m + V, V, solved, begin, end, p, share, steps, one, two, three):
            return False
        _add(p, share, solved[0, begin:end], weights[begin:end], one, two, three, four, found)
    return True
