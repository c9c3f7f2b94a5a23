"""Kernels of the cross-entropy under several masks of one sequence, at points of their fields."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.smoothed import divided, factorised
from replica.quadrature.kernels.softmax_prox import _log_normaliser, _polish

#: Newton steps for the common part of the fields, and halvings of a step.
_STEPS, _HALVINGS = 100, 40


@inlined
def _response(p, b, c, R, Q):
    """Add K = c (diag(r) - r rᵀ/Σr) to R and K² to Q, where r = p/(1 + b p)."""
    colors = p.size
    total = two = 0.0
    for a in range(colors):
        r = p[a] / (1.0 + b * p[a])
        total += r
        two += r * r
    for a in range(colors):
        r = p[a] / (1.0 + b * p[a])
        R[a, a] += c * r
        Q[a, a] += c * c * r * r
        for e in range(colors):
            s = p[e] / (1.0 + b * p[e])
            R[a, e] -= c * r * s / total
            Q[a, e] += c * c * r * s / total * (two / total - r - s)


@inlined
def _answer(omega, u, b, t, log_p, p):
    """Solve h = ω + u + b (e_1 - softmax(h)) near t and log p; return t and log(1/p_1).

    t is the logarithm of the normaliser, log p = h - t.
    """
    colors = p.size
    shifted = np.empty(colors)
    for a in range(colors):
        shifted[a] = omega[a] + u[a] + (b if a == 0 else 0.0)
    t, solved = _polish(shifted, b, t, log_p, p)
    if not solved:
        t = _log_normaliser(shifted, b, p)
        for a in range(colors):
            log_p[a] = shifted[a] - t - b * p[a]
        t, solved = _polish(shifted, b, t, log_p, p)
    wrong = 0.0
    for a in range(1, colors):
        wrong += p[a]
    return t, -np.log1p(-wrong) if wrong < 0.5 else -log_p[0]


@inlined
def _solve(factor, x):
    """Replace x by the solution of a linear system, given its Cholesky factor."""
    for a in range(x.size):
        for e in range(a):
            x[a] -= factor[a, e] * x[e]
        x[a] /= factor[a, a]
    for a in range(x.size - 1, -1, -1):
        for e in range(a + 1, x.size):
            x[a] -= factor[e, a] * x[e]
        x[a] /= factor[a, a]


@jit
def solved_draws(omega, common, own, c, p, losses):
    """Fill p = softmax(h) of all masked fields of every sequence, and their losses.

    h_k = ω_k + u + own f_k with u = common Σ_k f_k and forces f_k = c (e_1 - p_k): given u the
    fields answer one by one, and u minimises |u|²/(2 common) + Σ_k (c ℓ_k + own |f_k|²/2), which
    is convex. Newton's steps are halved until it falls.

    Parameters
    ----------
    omega : array (points, draws, colors)
        ω, the masked colour first.
    common, own, c : float
        Local variances, and the size of forces.
    p, losses : arrays (points, draws, colors) and (points, draws)
        Filled; NaN where the search has no end.
    """
    points, draws, colors = omega.shape
    t, log_p = np.empty(draws), np.empty((draws, colors))
    R, Q = np.empty((colors, colors)), np.empty((colors, colors))
    factor = np.empty((colors, colors))
    u, tried, slope, step = np.empty(colors), np.empty(colors), np.empty(colors), np.empty(colors)
    for point in range(points):
        probabilities = p[point]
        u[:], step[:] = 0.0, 0.0
        value, share, fall, length = np.inf, 1.0, 0.0, np.inf
        for k in range(draws):
            t[k] = np.nan
        for _ in range(_STEPS):
            for _ in range(_HALVINGS):
                now = 0.0
                for a in range(colors):
                    tried[a] = u[a] + share * step[a]
                    slope[a] = tried[a] / common
                    now += 0.5 * tried[a] * tried[a] / common
                for k in range(draws):
                    t[k], loss = _answer(
                        omega[point, k], tried, own * c, t[k], log_p[k], probabilities[k]
                    )
                    losses[point, k] = loss
                    wrong = 0.0
                    square = 0.0
                    for a in range(1, colors):
                        force = -c * probabilities[k, a]
                        wrong -= force
                        square += force * force
                        slope[a] -= force
                    slope[0] -= wrong
                    now += c * loss + 0.5 * own * (square + wrong * wrong)
                if not now > value + 1e-4 * share * fall + 1e-13 * abs(value):
                    break
                share *= 0.5
            u[:] = tried
            value, share = now, 1.0
            if length < 1e-8:
                break
            R[:] = 0.0
            for k in range(draws):
                _response(probabilities[k], own * c, c, R, Q)
            factorised(colors, common, R, factor)
            for a in range(colors):
                step[a] = -common * slope[a]
            _solve(factor, step)
            fall = length = 0.0
            for a in range(colors):
                fall += slope[a] * step[a]
                length = max(length, abs(step[a]))
            length /= 1.0 + 1e-3 * abs(u[0])
        if not length < 1e-8:
            probabilities[:] = np.nan
            losses[point, :] = np.nan


@jit
def draws_terms(p, losses, common, own, c, terms):
    """Fill what is averaged over sequences, one line of `terms` for each.

    e_1·Σf, |Σf|², Σ|f|², tr Σ_kk' K_kk', tr Σ_k K_kk and c Σ ℓ, where f_k = c (e_1 - p_k) and
    K_kk' = -∂f_k/∂ω_k'.
    """
    points, draws, colors = p.shape
    R, Q = np.empty((colors, colors)), np.empty((colors, colors))
    factor, X = np.empty((colors, colors)), np.empty((colors, colors))
    pull = np.empty(colors)
    for point in range(points):
        R[:], Q[:], pull[:] = 0.0, 0.0, 0.0
        square = loss = 0.0
        for k in range(draws):
            _response(p[point, k], own * c, c, R, Q)
            wrong = 0.0
            for a in range(1, colors):
                wrong += p[point, k, a]
                pull[a] -= c * p[point, k, a]
                square += (c * p[point, k, a]) ** 2
            pull[0] += c * wrong
            square += (c * wrong) ** 2
            loss += c * losses[point, k]
        factorised(colors, common, R, factor)
        divided(colors, factor, R, X)
        response = apart = total = 0.0
        for a in range(colors):
            response += X[a, a]
            apart += R[a, a]
            total += pull[a] * pull[a]
        divided(colors, factor, Q, X)
        for a in range(colors):
            apart -= common * X[a, a]
        terms[point, 0], terms[point, 1], terms[point, 2] = pull[0], total, square
        terms[point, 3], terms[point, 4], terms[point, 5] = response, apart, loss
