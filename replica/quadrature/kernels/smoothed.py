"""Kernel of the cross-entropy that masks smooth, at points of a lattice of trained fields."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit


@inlined
def _levels(k, point, level, count):
    """Group the colours of a point by their level, the masked one first; return their number.

    Colours of one level stand beside one another.
    """
    level[0] = k[point, 0]
    count[0] = 1
    size = 1
    for a in range(1, k.shape[1]):
        if size == 1 or k[point, a] != level[size - 1]:
            level[size] = k[point, a]
            count[size] = 0
            size += 1
        count[size - 1] += 1
    return size


@inlined
def factorised(size, V, R, A):
    """Replace A by the Cholesky factor of I + V R, and return the logarithm of its determinant."""
    log_det = 0.0
    for i in range(size):
        for j in range(i + 1):
            total = V * R[i, j] + (1.0 if i == j else 0.0)
            for e in range(j):
                total -= A[i, e] * A[j, e]
            if i == j:
                A[i, i] = np.sqrt(total)
                log_det += np.log(total)
            else:
                A[i, j] = total / A[j, j]
    return log_det


@inlined
def divided(size, A, R, X):
    """Fill X = (I + V R)^{-1} R, given the Cholesky factor."""
    for column in range(size):
        for i in range(size):
            total = R[i, column]
            for e in range(i):
                total -= A[i, e] * X[e, column]
            X[i, column] = total / A[i, i]
        for i in range(size - 1, -1, -1):
            total = X[i, column]
            for e in range(i + 1, size):
                total -= A[e, i] * X[e, column]
            X[i, column] = total / A[i, i]


@jit
def smoothed_averages(
    k, lowest, multiplicity, m, q, V, centre, step, stride, jump, time_step, window, origin,
    laplace, hazard, sure, laplace1, hazard1, sure1, reach,
):  # fmt: skip
    """Average over the fields ω of rows that were trained on the smoothed cross-entropy.

    The points are trained fields, h = centre e_1 + step k, of which ω = h - V g follows without a
    search: dω = det(I + V H) dh. g = e_1 - E softmax(h + √Δ ζ) and H are integrals over the log
    time u of an exponential race, of products of Ψ(u + h_a) (`replica.quadrature.softmax_race`).

    Parameters
    ----------
    k, multiplicity : arrays (points, colors) and (points,)
        Levels of the colours, the masked one first, those of the others sorted; and the number of
        points that are alike.
    lowest : int
        The lowest level.
    centre, step : float
        Of the lattice.
    stride, jump, time_step : int, int and float
        Of a table of times, levels are `stride` places apart and the times of a sum `jump` places,
        which is time_step; or stride = 0, where each level has a table, and jump = 1.
    window : int
        Number of times from where an event may begin to occur to where it has.
    origin : int
        Place in the tables where the window of a field 0 begins.
    laplace, hazard, sure : arrays (1 or levels, times)
        Ψ, -Ψ'/Ψ and exp(-e^v), time_step apart.
    laplace1, hazard1, sure1 : arrays (1 or levels, times)
        The same at times later by `centre`, for the masked colour.
    reach : float
        Largest |ω - m K0 e_1|²/q.

    Returns
    -------
    tuple
        E 1, E g_1, E |g|², E tr K, E tr H, E ℓ, E tr K², K = H (I + V H)^{-1}.
    """
    points, colors = k.shape
    level = np.empty(colors, dtype=np.int64)
    count = np.empty(colors, dtype=np.int64)
    p = np.empty(colors)
    joint = np.empty((colors, colors))
    R, A, X = np.empty((colors, colors)), np.empty((colors, colors)), np.empty((colors, colors))
    alive = np.empty(window)
    rate = np.empty((colors, window))
    sums = np.zeros(7)
    for point in range(points):
        size = _levels(k, point, level, count)
        # The largest field, from whose window on all times count.
        first = 0
        top = centre + step * level[0]
        for a in range(1, size):
            if step * level[a] > top:
                first, top = a, step * level[a]
        if stride == 0:
            begin = origin - int(np.floor(top / time_step))
        else:
            begin = origin - stride * level[first]
            if first == 0:
                begin -= int(np.floor(centre / time_step * jump))
        at = begin + stride * level[0]
        row = 0 if stride > 0 else level[0] - lowest
        for j in range(window):
            alive[j] = laplace1[row, at + j * jump]
            rate[0, j] = hazard1[row, at + j * jump]
        loss = 0.0
        if first == 0:
            for j in range(window):
                loss += sure1[row, at + j * jump]
        for a in range(1, size):
            at = begin + stride * level[a]
            row = 0 if stride > 0 else level[a] - lowest
            for _ in range(count[a]):
                for j in range(window):
                    alive[j] *= laplace[row, at + j * jump]
            for j in range(window):
                rate[a, j] = hazard[row, at + j * jump]
            if a == first:
                for j in range(window):
                    loss += sure[row, at + j * jump]
        total = 0.0
        for j in range(window):
            total += alive[j]
        loss = (loss - total) * time_step + top - centre - step * level[0]
        for a in range(size):
            total = 0.0
            for j in range(window):
                total += alive[j] * rate[a, j]
            p[a] = total * time_step
        # What is left of |ω - m K0 e_1|².
        one = square = 0.0
        for a in range(size):
            gap = step * level[a] + V * p[a]
            if a == 0:
                wrong = 0.0
                for b in range(1, size):
                    wrong += count[b] * p[b]
                gap = centre + step * level[0] - m - V * wrong
            one += count[a] * gap
            square += count[a] * gap * gap
        distance = (square - one * one / colors) / q
        if distance > reach:
            continue
        for a in range(size):
            for b in range(a + 1):
                total = 0.0
                if a != b or count[a] > 1:
                    for j in range(window):
                        total += alive[j] * rate[a, j] * rate[b, j]
                joint[a, b] = joint[b, a] = total * time_step
        # Differences within a level are eigenvectors of H; R is what it does to the others.
        log_det = response = curvature = squared = 0.0
        for a in range(size):
            within = 0.0
            for b in range(size):
                if b != a:
                    R[a, b] = -np.sqrt(float(count[a] * count[b])) * joint[a, b]
                    within += count[b] * joint[a, b]
            R[a, a] = within
            curvature += within
            if count[a] > 1:
                within += count[a] * joint[a, a]
                share = within / (1.0 + V * within)
                log_det += (count[a] - 1) * np.log1p(V * within)
                response += (count[a] - 1) * share
                squared += (count[a] - 1) * share * share
                curvature += (count[a] - 1) * within
        log_det += factorised(size, V, R, A)
        divided(size, A, R, X)
        for a in range(size):
            response += X[a, a]
            for b in range(size):
                squared += X[a, b] * X[b, a]
        weight = multiplicity[point] * np.exp(log_det - 0.5 * distance)
        energy = wrong * wrong
        for b in range(1, size):
            energy += count[b] * p[b] * p[b]
        sums[0] += weight
        sums[1] += weight * wrong
        sums[2] += weight * energy
        sums[3] += weight * response
        sums[4] += weight * curvature
        sums[5] += weight * loss
        sums[6] += weight * squared
    cell = (step / np.sqrt(2.0 * np.pi * q)) ** (colors - 1) / np.sqrt(colors)
    return sums * cell
