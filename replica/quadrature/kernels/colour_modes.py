"""Kernel of the cross-entropy for fields with several colour modes: a prox at every point."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit


@inlined
def _softmax(h, p):
    """Leave softmax(h) in `p` and return log Σ e^h."""
    top = h[0]
    for a in range(1, h.size):
        top = max(top, h[a])
    total = 0.0
    for a in range(h.size):
        p[a] = np.exp(h[a] - top)
        total += p[a]
    for a in range(h.size):
        p[a] /= total
    return top + np.log(total)


@inlined
def _eliminate(matrix, right):
    """Solve matrix x = right for every column, leaving x in `right`; the pivots are positive."""
    n, columns = right.shape
    for i in range(n):
        pivot = 1.0 / matrix[i, i]
        for j in range(i + 1, n):
            factor = matrix[j, i] * pivot
            for k in range(i + 1, n):
                matrix[j, k] -= factor * matrix[i, k]
            for c in range(columns):
                right[j, c] -= factor * right[i, c]
    for i in range(n - 1, -1, -1):
        for c in range(columns):
            for k in range(i + 1, n):
                right[i, c] -= matrix[i, k] * right[k, c]
            right[i, c] /= matrix[i, i]


@jit
def mode_averages(basis, mode, m, q, V, masked, points, weights):
    """Average over ω = Σ_i [m_k (v_i·e_y) + √q_k x_i] v_i, k the mode of the vector v_i.

    The prox solves z_i = ω_i + V_k v_i·(e_y - softmax(h)) for h = Σ_i z_i v_i, by Newton's method
    with steps of bounded length on this strictly convex problem.

    Parameters
    ----------
    basis, mode : arrays (n, colors) and (n,)
        Vectors v_i, n = C - 1, and the mode of each.
    m, q, V : arrays (modes,)
        Order parameters.
    masked : int
        The masked colour y.
    points, weights : arrays (points, n) and (points,)
        Values of x and their weights.

    Returns
    -------
    tuple
        E (v·e_y)(v·g), E (v·g)² and E v·K v, summed over each mode, E log(1/p_y),
        E (v·K v')² summed over each pair of modes, and the number of points where Newton's
        method failed.
    """
    n, colors = basis.shape
    modes = m.size
    overlap = np.zeros(modes)
    energy = np.zeros(modes)
    response = np.zeros(modes)
    squares = np.zeros((modes, modes))
    loss = 0.0
    failures = 0
    z = np.zeros(n)
    omega = np.empty(n)
    g = np.empty(n)
    h = np.empty(colors)
    p = np.empty(colors)
    S = np.empty((n, n))
    matrix = np.empty((n, n))
    step = np.empty((n, 1))
    for point in range(weights.size):
        shift = 0.0
        for i in range(n):
            before = omega[i] if point > 0 else 0.0
            omega[i] = m[mode[i]] * basis[i, masked] + np.sqrt(q[mode[i]]) * points[point, i]
            # Start where the last solution had this field.
            z[i] = z[i] + omega[i] - before if point > 0 else omega[i]
        solved = False
        for _ in range(100):
            for a in range(colors):
                h[a] = 0.0
                for i in range(n):
                    h[a] += z[i] * basis[i, a]
            shift = _softmax(h, p)
            for i in range(n):
                mean = 0.0
                for a in range(colors):
                    mean += basis[i, a] * p[a]
                g[i] = basis[i, masked] - mean
            for i in range(n):
                for j in range(i, n):
                    entry = 0.0
                    for a in range(colors):
                        entry += basis[i, a] * p[a] * basis[j, a]
                    entry -= (basis[i, masked] - g[i]) * (basis[j, masked] - g[j])
                    S[i, j] = entry
                    S[j, i] = entry
            if solved:
                break
            largest = 0.0
            for i in range(n):
                step[i, 0] = omega[i] + V[mode[i]] * g[i] - z[i]
                for j in range(n):
                    matrix[i, j] = V[mode[i]] * S[i, j] + (1.0 if i == j else 0.0)
            _eliminate(matrix, step)
            for i in range(n):
                largest = max(largest, abs(step[i, 0]))
            factor = 1.0 if largest < 3.0 else 3.0 / largest
            for i in range(n):
                z[i] += factor * step[i, 0]
            # The next pass ends with an error of second order in this step.
            solved = largest < 1e-7
        if not solved:
            failures += 1
        # K = S (1 + V S)^{-1} = (1 + S V)^{-1} S.
        weight = weights[point]
        for i in range(n):
            for j in range(n):
                matrix[i, j] = S[i, j] * V[mode[j]] + (1.0 if i == j else 0.0)
        _eliminate(matrix, S)
        for i in range(n):
            k = mode[i]
            overlap[k] += weight * basis[i, masked] * g[i]
            energy[k] += weight * g[i] * g[i]
            response[k] += weight * S[i, i]
            for j in range(n):
                squares[k, mode[j]] += weight * S[i, j] * S[j, i]
        loss += weight * (shift - h[masked])
    return overlap, energy, response, loss, squares, failures
