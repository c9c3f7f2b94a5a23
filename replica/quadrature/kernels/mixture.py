"""Kernel of the cross-entropy at points of fields with a matrix of local variances."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit


@inlined
def _factorise(A):
    """Leave the Cholesky factor of 1 + A, of which the lower half counts, in its place."""
    n = len(A)
    for i in range(n):
        for j in range(i + 1):
            total = A[i, j]
            if i == j:
                total += 1.0
            for k in range(j):
                total -= A[i, k] * A[j, k]
            A[i, j] = np.sqrt(total) if i == j else total / A[j, j]


@inlined
def _curvature(vectors, p, mean, A):
    """Leave the lower half of Σ_b p_b v_b v_bᵀ - mean meanᵀ, the covariance of v under p, in A."""
    colors, n = vectors.shape
    for i in range(n):
        for j in range(i + 1):
            A[i, j] = 0.0
    for b in range(colors):
        for i in range(n):
            centred = p[b] * (vectors[b, i] - mean[i])
            for j in range(i + 1):
                A[i, j] += centred * (vectors[b, j] - mean[j])


@jit
def solved_classes(basis, masked, omega, root, g, K, losses):
    """Fill g, K and the loss at h = prox(ω) for every point of the fields.

    With V = root rootᵀ the prox is h = ω + root u at the minimum of |u|²/2 + ℓ(ω + root u), which
    Newton's method finds with steps of bounded length.

    Parameters
    ----------
    basis : array (colors, n)
        The unit vectors in the coordinates of the fields.
    masked : int
        The masked colour.
    omega : array (points, n)
        Fields.
    root : array (n, n)
        A root of V.
    g, K, losses : arrays (points, n), (points, n, n) and (points,)
        Receive -∂ℓ/∂h, -∂g/∂ω and ℓ; g holds a guess before.

    Returns
    -------
    int
        The number of points where Newton's method failed.
    """
    points, n = omega.shape
    colors = len(basis)
    vectors = basis @ root
    logits = np.empty(colors)
    p = np.empty(colors)
    fields = np.empty(colors)
    u = np.empty(n)
    mean = np.empty(n)
    step = np.empty(n)
    A = np.empty((n, n))
    H = np.empty((n, n))
    B = np.empty((n, n))
    failures = 0
    for point in range(points):
        for b in range(colors):
            fields[b] = 0.0
            for i in range(n):
                fields[b] += basis[b, i] * omega[point, i]
        for i in range(n):
            u[i] = 0.0
            for k in range(n):
                u[i] += root[k, i] * g[point, k]
        solved = False
        for _ in range(100):
            top = -np.inf
            for b in range(colors):
                logits[b] = fields[b]
                for i in range(n):
                    logits[b] += vectors[b, i] * u[i]
                top = max(top, logits[b])
            total = 0.0
            for b in range(colors):
                p[b] = np.exp(logits[b] - top)
                total += p[b]
            for b in range(colors):
                p[b] /= total
            for i in range(n):
                mean[i] = 0.0
                for b in range(colors):
                    mean[i] += p[b] * vectors[b, i]
            _curvature(vectors, p, mean, A)
            _factorise(A)
            if solved:
                break
            for i in range(n):
                step[i] = vectors[masked, i] - mean[i] - u[i]
                for k in range(i):
                    step[i] -= A[i, k] * step[k]
                step[i] /= A[i, i]
            for i in range(n - 1, -1, -1):
                for k in range(i + 1, n):
                    step[i] -= A[k, i] * step[k]
                step[i] /= A[i, i]
            largest = 0.0
            for b in range(colors):
                change = 0.0
                for i in range(n):
                    change += vectors[b, i] * step[i]
                largest = max(largest, abs(change))
            factor = 1.0 if largest < 2.0 else 2.0 / largest
            for i in range(n):
                u[i] += factor * step[i]
            # The next pass ends with an error of second order in this step.
            solved = largest < 1e-6
        if not solved:
            failures += 1
        # Nothing here is a difference of nearly equal numbers where p of the masked one is near 1.
        wrong = 0.0
        for i in range(n):
            g[point, i] = 0.0
        for b in range(colors):
            if b != masked:
                wrong += p[b]
                for i in range(n):
                    g[point, i] += p[b] * (basis[masked, i] - basis[b, i])
        losses[point] = -np.log1p(-wrong) if wrong < 0.5 else top + np.log(total) - logits[masked]
        # K = H - H R (1 + RᵀHR)^{-1} RᵀH, R the root.
        for i in range(n):
            mean[i] = 0.0
            for b in range(colors):
                mean[i] += p[b] * basis[b, i]
        _curvature(basis, p, mean, H)
        for i in range(n):
            for j in range(i):
                H[j, i] = H[i, j]
        for j in range(n):
            for i in range(n):
                entry = 0.0
                for k in range(n):
                    entry += root[k, i] * H[j, k]
                for k in range(i):
                    entry -= A[i, k] * B[j, k]
                B[j, i] = entry / A[i, i]
        for i in range(n):
            for j in range(i + 1):
                entry = H[i, j]
                for k in range(n):
                    entry -= B[i, k] * B[j, k]
                K[point, i, j] = entry
                K[point, j, i] = entry
    return failures
