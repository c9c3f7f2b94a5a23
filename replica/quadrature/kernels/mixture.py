"""Kernel of the cross-entropy at points of fields with a matrix of local variances."""

from __future__ import annotations

import numpy as np

from replica.jit import jit, part
from replica.quadrature.kernels.special import exponential

#: Points that are solved together, each in a lane of its own.
_LANES = 128

#: Steps, and the change of a logit beyond which one is shortened and below which it is the last.
_STEPS, _LONG, _LAST = 100, 2.0, 1e-6


@part
def _factorise(A):
    """Leave the Cholesky factors of 1 + A, of which the lower half counts, in its place."""
    n, lanes = len(A), A.shape[2]
    for i in range(n):
        for j in range(i):
            row, other = A[i, j], A[j, j]
            for k in range(j):
                x, y = A[i, k], A[j, k]
                for lane in range(lanes):
                    row[lane] -= x[lane] * y[lane]
            for lane in range(lanes):
                row[lane] /= other[lane]
        row = A[i, i]
        for lane in range(lanes):
            row[lane] += 1.0
        for k in range(i):
            x = A[i, k]
            for lane in range(lanes):
                row[lane] -= x[lane] * x[lane]
        for lane in range(lanes):
            row[lane] = np.sqrt(row[lane])


@part
def _weigh(logits, p, top, total):
    """Fill p = softmax of the logits, their largest and Σ e^{logits - largest}."""
    colors, lanes = p.shape
    for lane in range(lanes):
        top[lane], total[lane] = logits[0, lane], 0.0
    for b in range(1, colors):
        row = logits[b]
        for lane in range(lanes):
            top[lane] = max(top[lane], row[lane])
    for b in range(colors):
        row, out = logits[b], p[b]
        for lane in range(lanes):
            out[lane] = exponential(row[lane] - top[lane])
            total[lane] += out[lane]
    for b in range(colors):
        out = p[b]
        for lane in range(lanes):
            out[lane] /= total[lane]


@part
def _curvature(vectors, p, mean, A):
    """Fill the mean Σ_b p_b v_b, and the lower half of A with the covariance of v under p."""
    colors, n = vectors.shape
    lanes = p.shape[1]
    for i in range(n):
        at = mean[i]
        for lane in range(lanes):
            at[lane] = 0.0
        for b in range(colors):
            v, weight = vectors[b, i], p[b]
            for lane in range(lanes):
                at[lane] += weight[lane] * v
    for i in range(n):
        first = mean[i]
        for j in range(i + 1):
            second, out = mean[j], A[i, j]
            for lane in range(lanes):
                out[lane] = 0.0
            for b in range(colors):
                v, w, weight = vectors[b, i], vectors[b, j], p[b]
                for lane in range(lanes):
                    out[lane] += weight[lane] * (v - first[lane]) * (w - second[lane])


@part
def _newton(vectors, masked, mean, A, u, step, largest):
    """Fill the Newton step of u, and the largest change of a logit that it makes, and move u."""
    colors, n = vectors.shape
    lanes = u.shape[1]
    for i in range(n):
        out, v = step[i], vectors[masked, i]
        for lane in range(lanes):
            out[lane] = v - mean[i, lane] - u[i, lane]
        for k in range(i):
            x, y = A[i, k], step[k]
            for lane in range(lanes):
                out[lane] -= x[lane] * y[lane]
        x = A[i, i]
        for lane in range(lanes):
            out[lane] /= x[lane]
    for i in range(n - 1, -1, -1):
        out, pivot = step[i], A[i, i]
        for k in range(i + 1, n):
            x, y = A[k, i], step[k]
            for lane in range(lanes):
                out[lane] -= x[lane] * y[lane]
        for lane in range(lanes):
            out[lane] /= pivot[lane]
    change = np.empty(lanes)
    for lane in range(lanes):
        largest[lane] = 0.0
    for b in range(colors):
        for lane in range(lanes):
            change[lane] = 0.0
        for i in range(n):
            v, x = vectors[b, i], step[i]
            for lane in range(lanes):
                change[lane] += v * x[lane]
        for lane in range(lanes):
            largest[lane] = max(largest[lane], abs(change[lane]))
    for i in range(n):
        x, out = step[i], u[i]
        for lane in range(lanes):
            out[lane] += x[lane] if largest[lane] < _LONG else x[lane] * (_LONG / largest[lane])


@part
def _fill_response(root, A, H, B):
    """Leave the lower half of K = H - H R (1 + RᵀHR)^{-1} RᵀH, R the root, in that of H."""
    n, lanes = len(H), H.shape[2]
    for j in range(n):
        for i in range(n):
            out = B[j, i]
            for lane in range(lanes):
                out[lane] = 0.0
            for k in range(n):
                r, x = root[k, i], H[j, k] if k <= j else H[k, j]
                for lane in range(lanes):
                    out[lane] += r * x[lane]
            for k in range(i):
                x, y = A[i, k], B[j, k]
                for lane in range(lanes):
                    out[lane] -= x[lane] * y[lane]
            x = A[i, i]
            for lane in range(lanes):
                out[lane] /= x[lane]
    for i in range(n):
        for j in range(i + 1):
            out = H[i, j]
            for k in range(n):
                x, y = B[i, k], B[j, k]
                for lane in range(lanes):
                    out[lane] -= x[lane] * y[lane]


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
    fields, logits = np.empty((colors, _LANES)), np.empty((colors, _LANES))
    p, top, total = np.empty((colors, _LANES)), np.empty(_LANES), np.empty(_LANES)
    u, mean, step = np.empty((n, _LANES)), np.empty((n, _LANES)), np.empty((n, _LANES))
    largest = np.empty(_LANES)
    A, H, B = np.empty((n, n, _LANES)), np.empty((n, n, _LANES)), np.empty((n, n, _LANES))
    failures = 0
    for first in range(0, points, _LANES):
        # The last block is filled up with its last point.
        count = min(_LANES, points - first)
        for lane in range(_LANES):
            at = first + min(lane, count - 1)
            for b in range(colors):
                fields[b, lane] = 0.0
                for i in range(n):
                    fields[b, lane] += basis[b, i] * omega[at, i]
            for i in range(n):
                u[i, lane] = 0.0
                for k in range(n):
                    u[i, lane] += root[k, i] * g[at, k]
        solved = False
        for _ in range(_STEPS):
            for b in range(colors):
                row, field = logits[b], fields[b]
                for lane in range(_LANES):
                    row[lane] = field[lane]
                for i in range(n):
                    v, x = vectors[b, i], u[i]
                    for lane in range(_LANES):
                        row[lane] += v * x[lane]
            _weigh(logits, p, top, total)
            _curvature(vectors, p, mean, A)
            _factorise(A)
            if solved:
                break
            _newton(vectors, masked, mean, A, u, step, largest)
            # The next pass ends with an error of second order in this step.
            solved = largest.max() < _LAST
        if not solved:
            for lane in range(count):
                failures += not largest[lane] < _LAST
        _curvature(basis, p, mean, H)
        _fill_response(root, A, H, B)
        for lane in range(count):
            at = first + lane
            # Nothing here is a difference of nearly equal numbers where p of the masked one is
            # near 1.
            wrong = 0.0
            for i in range(n):
                g[at, i] = 0.0
            for b in range(colors):
                if b != masked:
                    wrong += p[b, lane]
                    for i in range(n):
                        g[at, i] += p[b, lane] * (basis[masked, i] - basis[b, i])
            near = wrong < 0.5
            losses[at] = (
                -np.log1p(-wrong)
                if near
                else top[lane] + np.log(total[lane]) - logits[masked, lane]
            )
            for i in range(n):
                for j in range(i + 1):
                    K[at, i, j] = H[i, j, lane]
                    K[at, j, i] = H[i, j, lane]
    return failures
