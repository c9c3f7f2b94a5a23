"""Sampled paths: the triangular root of their covariance, and how forces answer to noise."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit

#: Paths that are taken together, in one instruction each.
LANES = 16


@inlined
def _echo(past, Y, first, last, entry, echo):
    """Leave Σ_v R(v) Y_v in `echo`, four steps at a time."""
    for j in range(LANES):
        echo[j] = 0.0
    v = first
    while v + 3 < last:
        r0, r1, r2, r3 = past[v], past[v + 1], past[v + 2], past[v + 3]
        for j in range(LANES):
            echo[j] += (r0 * Y[v, entry, j] + r1 * Y[v + 1, entry, j]) + (
                r2 * Y[v + 2, entry, j] + r3 * Y[v + 3, entry, j]
            )
        v += 4
    while v < last:
        for j in range(LANES):
            echo[j] += past[v] * Y[v, entry, j]
        v += 1


@inlined
def _product(rows, axes, left, bend, found):
    """Leave the product of a matrix (rows, axes) and a curvature in `found`."""
    for a in range(rows):
        for b in range(axes):
            line = found[a * axes + b]
            for j in range(LANES):
                line[j] = 0.0
            for c in range(axes):
                x, y = left[a * axes + c], bend[c * axes + b]
                for j in range(LANES):
                    line[j] += x[j] * y[j]


@jit
def response(memory, mode, probes, bends, weights, answers):
    """Average what the force of the last step answers to noise over paths.

    With Y_t = Z H_t and Y_s = -(Σ_{v>s} Y_v R(v, s)) H_s, matrices of a row for each probe and a
    column for each axis of the fields, the derivative of the force of step t in the noise of step
    s is -Zᵀ Y_s where the probes Z are orthonormal, and in the mean over probes where Zᵀ Z is 1
    in the mean.

    Parameters
    ----------
    memory : array (modes, steps, steps)
        R_k(v, s) at [k, s, v], of which v > s is asked.
    mode : int array (axes,)
        The mode of each axis.
    probes : array (blocks, rows * axes, 16)
        Z of each path.
    bends : array (steps, blocks, axes * axes, 16)
        H_s along each path, with t the last step.
    weights : array (blocks, 16)
        Of the paths.
    answers : array (modes, steps)
        Where the average of tr P_k Zᵀ Y_s is put.
    """
    steps, blocks = bends.shape[:2]
    axes = mode.size
    rows = probes.shape[1] // axes
    Y = np.empty((steps, rows * axes, LANES))
    echo = np.empty((rows * axes, LANES))
    traces = np.zeros((answers.shape[0], steps, LANES))
    for block in range(blocks):
        probe, weight = probes[block], weights[block]
        for s in range(steps - 1, -1, -1):
            if s == steps - 1:
                for entry in range(rows * axes):
                    for j in range(LANES):
                        echo[entry, j] = weight[j] * probe[entry, j]
            else:
                for a in range(rows):
                    for b in range(axes):
                        entry = a * axes + b
                        _echo(memory[mode[b], s], Y, s + 1, steps, entry, echo[entry])
                        for j in range(LANES):
                            echo[entry, j] = -echo[entry, j]
            _product(rows, axes, echo, bends[s, block], Y[s])
            for a in range(rows):
                for b in range(axes):
                    entry = a * axes + b
                    trace, x, y = traces[mode[b], s], probe[entry], Y[s, entry]
                    for j in range(LANES):
                        trace[j] += x[j] * y[j]
    for k in range(answers.shape[0]):
        for s in range(steps):
            answers[k, s] = traces[k, s].sum()


@jit
def add_row(row, root, none):
    """Add a row to the triangular root of a covariance, which may be singular.

    Parameters
    ----------
    row : array (steps,)
        Covariances of the last step with every step.
    root : array of as many rows or more
        The rows of the steps before; the new one is put behind them.
    none : float
        Variance given the other steps, relative to the own one, that is none.
    """
    t = row.size - 1
    for s in range(t + 1):
        rest = row[s]
        for v in range(s):
            rest -= root[t, v] * root[s, v]
        if s < t:
            root[t, s] = rest / root[s, s] if root[s, s] > 0.0 else 0.0
        else:
            root[t, t] = np.sqrt(rest) if rest > none * row[t] else 0.0
