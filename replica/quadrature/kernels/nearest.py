"""Kernel that finds the points of an orthant next to others, in any metric."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit

#: Exchanges without gain after which one component at a time is exchanged, and the most of all.
_PATIENCE, _MOST = 3, 2000

#: Violations relative to the largest field that are rounding.
_ROUNDING = 1e-13


@inlined
def _inverse(A, size, inverse):
    """Leave the inverse of the leading block of A, of which the lower half is overwritten."""
    for i in range(size):
        for j in range(i + 1):
            total = A[i, j]
            for k in range(j):
                total -= A[i, k] * A[j, k]
            A[i, j] = np.sqrt(total) if i == j else total / A[j, j]
    # The inverse of the factor, below the diagonal.
    for j in range(size):
        inverse[j, j] = 1.0 / A[j, j]
        for i in range(j + 1, size):
            total = 0.0
            for k in range(j, i):
                total -= A[i, k] * inverse[k, j]
            inverse[i, j] = total / A[i, i]
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, size):
                total += inverse[k, i] * inverse[k, j]
            A[i, j] = total
    for i in range(size):
        for j in range(i + 1):
            inverse[i, j] = A[i, j]
            inverse[j, i] = A[i, j]


@jit
def nearest_points(fields, V, touching, g, K):
    """Find g >= 0 with h = ω + V g >= 0 and g·h = 0 for every point of the fields.

    Exchanges all components that violate a sign between those where g and those where h
    vanishes, and one at a time where that gains nothing, which ends for every positive
    definite V (Júdice & Pires 1994).

    Parameters
    ----------
    fields : array (points, n)
        ω.
    V : array (n, n)
        The metric is its inverse.
    touching : bool array (points, n)
        A guess of where h = 0; receives where it is.
    g : array (points, n)
        Receives g.
    K : array (parts, n, n)
        Receives the sums over equal parts of the points of -∂g/∂ω.

    Returns
    -------
    int
        Number of points that were not solved.
    """
    points, n = fields.shape
    per_part = points // len(K)
    block, inverse = np.empty((n, n)), np.empty((n, n))
    inside, h, force = np.empty(n, np.int64), np.empty(n), np.empty(n)
    failures = 0
    for p in range(points):
        scale = 0.0
        for i in range(n):
            scale = max(scale, abs(fields[p, i]))
        least, patience, solved = n + 1, _PATIENCE, False
        for _ in range(_MOST):
            size = 0
            for i in range(n):
                if touching[p, i]:
                    inside[size] = i
                    size += 1
            for i in range(size):
                for j in range(i + 1):
                    block[i, j] = V[inside[i], inside[j]]
            _inverse(block, size, inverse)
            force[:] = 0.0
            for i in range(size):
                total = 0.0
                for j in range(size):
                    total -= inverse[i, j] * fields[p, inside[j]]
                force[inside[i]] = total
            wrong, last = 0, 0
            for i in range(n):
                h[i] = fields[p, i]
                for j in range(size):
                    h[i] += V[i, inside[j]] * force[inside[j]]
                if touching[p, i]:
                    bad = force[i] * V[i, i] < -_ROUNDING * scale
                else:
                    bad = h[i] < -_ROUNDING * scale
                if bad:
                    wrong += 1
                    last = i
            if wrong == 0:
                solved = True
                break
            if wrong < least:
                least, patience = wrong, _PATIENCE
            else:
                patience -= 1
            for i in range(n):
                if patience < 0 and i != last:
                    continue
                if touching[p, i]:
                    bad = force[i] * V[i, i] < -_ROUNDING * scale
                else:
                    bad = h[i] < -_ROUNDING * scale
                if bad:
                    touching[p, i] = not touching[p, i]
        if not solved:
            failures += 1
            continue
        part = p // per_part
        for i in range(size):
            g[p, inside[i]] = max(force[inside[i]], 0.0)
            for j in range(size):
                K[part, inside[i], inside[j]] += inverse[i, j]
    return failures
