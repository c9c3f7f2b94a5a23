"""Kernel of the cross-entropy for fields with several colour modes: many points at once.

With S = diag p - p pᵀ the matrix K = S (1 + W S)^{-1} is Q - Q 11ᵀ Q/(1ᵀQ1), where
Q = √p (1 + √p W √p)^{-1} √p = Xᵀ X, X = L^{-1} √p, needs the factor L of a positive matrix alone.
"""

from __future__ import annotations

import numpy as np

from replica.jit import jit, part
from replica.quadrature.kernels.special import exponential

#: Points that are solved at once.
BLOCK = 64

#: The last step of a field, which leaves an error of second order; the longest; the most of them.
_LAST, _LONGEST, _MOST_STEPS = 3e-7, 3.0, 300


@part
def _fill(centre, spread, W, x, forces, omega, h):
    """Fill ω, and h = ω + W g of the forces to start from."""
    for a in range(len(omega)):
        for i in range(BLOCK):
            omega[a, i] = centre[a]
        for k in range(len(spread)):
            for i in range(BLOCK):
                omega[a, i] += spread[k, a] * x[k, i]
        for i in range(BLOCK):
            h[a, i] = omega[a, i]
        for b in range(len(omega)):
            for i in range(BLOCK):
                h[a, i] += W[a, b] * forces[b, i]


@part
def _softmax(h, p, root, top, total):
    """Leave softmax(h) in `p`, its root, max h and Σ e^{h - max h}."""
    for i in range(BLOCK):
        top[i], total[i] = h[0, i], 0.0
    for a in range(1, len(h)):
        for i in range(BLOCK):
            top[i] = max(top[i], h[a, i])
    for a in range(len(h)):
        for i in range(BLOCK):
            p[a, i] = exponential(h[a, i] - top[i])
            total[i] += p[a, i]
    for a in range(len(h)):
        for i in range(BLOCK):
            p[a, i] /= total[i]
            root[a, i] = np.sqrt(p[a, i])


@part
def _factor(W, root, L, X, line):
    """Fill L, with the inverse of its diagonal instead of that, and X."""
    for a in range(len(W)):
        for b in range(a + 1):
            for i in range(BLOCK):
                line[i] = W[a, b] * root[a, i] * root[b, i]
            for c in range(b):
                for i in range(BLOCK):
                    line[i] -= L[a, c, i] * L[b, c, i]
            for i in range(BLOCK):
                L[a, b, i] = line[i] * L[b, b, i] if b < a else 1.0 / np.sqrt(1.0 + line[i])
        for b in range(a + 1):
            for i in range(BLOCK):
                line[i] = root[a, i] if a == b else 0.0
            for c in range(b, a):
                for i in range(BLOCK):
                    line[i] -= L[a, c, i] * X[c, b, i]
            for i in range(BLOCK):
                X[a, b, i] = line[i] * L[a, a, i]


@part
def _respond(X, rest, pull, ones, line, top, total):
    """Fill `pull` with K r, `ones` with Q 1 and `total` with 1ᵀ Q 1."""
    for i in range(BLOCK):
        total[i] = 0.0
    for a in range(len(X)):
        for i in range(BLOCK):
            line[i] = top[i] = pull[a, i] = ones[a, i] = 0.0
        for b in range(a + 1):
            for i in range(BLOCK):
                line[i] += X[a, b, i] * rest[b, i]
                top[i] += X[a, b, i]
        for b in range(a + 1):
            for i in range(BLOCK):
                pull[b, i] += X[a, b, i] * line[i]
                ones[b, i] += X[a, b, i] * top[i]
        for i in range(BLOCK):
            total[i] += top[i] * top[i]
    for i in range(BLOCK):
        line[i] = 0.0
    for a in range(len(X)):
        for i in range(BLOCK):
            line[i] += pull[a, i]
    for a in range(len(X)):
        for i in range(BLOCK):
            pull[a, i] -= line[i] / total[i] * ones[a, i]


@part
def _step(W, rest, pull, step, bound, h, line, top, back):
    """Take Newton's step, r - W K r, in h and return its largest entry.

    `step` has the last one: where a point turns back, the bound of its steps is halved.
    """
    for i in range(BLOCK):
        top[i] = back[i] = 0.0
    for a in range(len(W)):
        for b in range(len(W)):
            for i in range(BLOCK):
                rest[a, i] -= W[a, b] * pull[b, i]
        for i in range(BLOCK):
            back[i] += rest[a, i] * step[a, i]
            top[i] = max(top[i], abs(rest[a, i]))
    largest = 0.0
    for i in range(BLOCK):
        largest = max(largest, top[i])
        bound[i] = 0.5 * bound[i] if back[i] < 0.0 else min(_LONGEST, 2.0 * bound[i])
        line[i] = min(1.0, bound[i] / max(top[i], 1e-300))
    for a in range(len(W)):
        for i in range(BLOCK):
            step[a, i] = line[i] * rest[a, i]
            h[a, i] += step[a, i]
    return largest


@jit
def mode_averages(centre, spread, W, masked, x, weights, forces, responses):
    """Average over ω = centre + Σ_i spread_i x_i, where h = ω + W g, g = e_y - softmax(h).

    By Newton's method for h, with steps of bounded length on this strictly convex problem.

    Parameters
    ----------
    centre, spread : arrays (colors,) and (n, colors)
        Of the fields.
    W : array (colors, colors)
        Σ_k V_k P_k.
    masked : int
        The masked colour y.
    x, weights : arrays (n, points) and (points,)
        Points of the noise, a multiple of `BLOCK` of them, and their weights.
    forces : array (colors, points)
        The g to start from; receives those that are found.
    responses : array (colors, colors, points), or (0, 0, 0)
        Receives K = -∂g/∂ω of every point, if it has room.

    Returns
    -------
    tuple
        E g, E g gᵀ, E K, E log(1/p_y), and whether all points were solved.
    """
    colors = len(centre)
    gain = np.zeros(colors)
    square, response = np.zeros((colors, colors)), np.zeros((colors, colors))
    loss = 0.0
    trained = np.any(W != 0.0)
    # Apart from one another: else no lanes, as compilers look at whole arrays.
    omega, h, p, root = (
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
    )
    step, rest, pull, ones = (
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
        np.empty((colors, BLOCK)),
    )
    top, total, line, bound = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    L, X = np.zeros((colors, colors, BLOCK)), np.zeros((colors, colors, BLOCK))
    for begin in range(0, weights.size, BLOCK):
        end = begin + BLOCK
        weight, force = weights[begin:end], forces[:, begin:end]
        _fill(centre, spread, W, x[:, begin:end], force, omega, h)
        step[:], bound[:] = 0.0, _LONGEST
        largest, steps = np.inf, 0
        while True:
            _softmax(h, p, root, top, total)
            mean = 0.0
            for i in range(BLOCK):
                mean += weight[i] * (top[i] + np.log(total[i]) - h[masked, i])
            if not trained:
                break
            _factor(W, root, L, X, line)
            # r = ω + W (e_y - p) - h.
            for a in range(colors):
                for i in range(BLOCK):
                    rest[a, i] = omega[a, i] + W[a, masked] - h[a, i]
                for b in range(colors):
                    for i in range(BLOCK):
                        rest[a, i] -= W[a, b] * p[b, i]
            _respond(X, rest, pull, ones, line, top, total)
            # After a last step there is an error of second order in it.
            if largest < _LAST:
                break
            largest = _step(W, rest, pull, step, bound, h, line, top, total)
            steps += 1
            if steps > _MOST_STEPS or not largest < 1e300:
                return gain, square, response, loss, False
        loss += mean
        for a in range(colors):
            for b in range(a + 1):
                sum_g = sum_K = 0.0
                own_a, own_b = 1.0 if a == masked else 0.0, 1.0 if b == masked else 0.0
                for i in range(BLOCK):
                    line[i] = p[a, i] * ((1.0 if a == b else 0.0) - p[b, i])
                if trained:
                    for i in range(BLOCK):
                        line[i] = -ones[a, i] * ones[b, i] / total[i]
                    for c in range(a, colors):
                        for i in range(BLOCK):
                            line[i] += X[c, a, i] * X[c, b, i]
                for i in range(BLOCK):
                    sum_K += weight[i] * line[i]
                    sum_g += weight[i] * (own_a - p[a, i]) * (own_b - p[b, i])
                square[a, b] += sum_g
                response[a, b] += sum_K
                if responses.size:
                    for i in range(BLOCK):
                        responses[a, b, begin + i] = responses[b, a, begin + i] = line[i]
            own, sum_g = 1.0 if a == masked else 0.0, 0.0
            for i in range(BLOCK):
                force[a, i] = own - p[a, i]
                sum_g += weight[i] * force[a, i]
            gain[a] += sum_g
    for a in range(colors):
        for b in range(a):
            square[b, a], response[b, a] = square[a, b], response[a, b]
    return gain, square, response, loss, True
