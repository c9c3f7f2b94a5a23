"""Directions along which no token is ever predicted worse, decided by a linear program."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulations.kernels.aside import aside
from simulations.tokens import Floats, Tokens

#: A margin below this, relative to the largest entry times |d|_1, is rounding.
_ROUNDING = 1e-12

#: How far HiGHS may stay from the constraints: the least that it takes.
_FEASIBLE = 1e-10


def margins(tokens: Tokens, row: int, values: Floats) -> Floats:
    """Return the matrix that takes w, without its entry i, to z_y - z_a for all a ≠ y.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, whose token is y.
    values : array (colors, colors)
        U, in the fields z = Σ_j w_j U s_j.

    Returns
    -------
    array (samples · (colors - 1), sites - 1)
        For U = I of integers, without any rounding.
    """
    colors = len(values)
    others, answers = np.delete(tokens, row, axis=1), tokens[:, row, None].astype(int)
    hit = values[answers, others]
    return np.concatenate([hit - values[(answers + k) % colors, others] for k in range(1, colors)])


def recession_direction(margins: Any) -> Floats | None:
    """Return some d of which no margin is negative, and not all are zero; None if there is none.

    Without weight decay the cross-entropy has a finite minimiser if and only if there is none:
    log(1 + Σ e^(-margin)) falls for ever along d and along nothing else (Albert & Anderson 1984;
    Rockafellar, *Convex Analysis*, theorem 27.1). Directions of which all margins are zero change
    nothing and do no harm.

    Among all d with A d ≥ 0 whose entries add up to as much as A has rows, or less, the sum is
    greatest at the bound where there is such a d, and at 0 where there is none: what the solver
    leaves of the constraints, a relative 1e-10, does not bridge this gap. Integer margins are
    exact; of others, what is below a relative 1e-12 of the largest counts as zero.

    Parameters
    ----------
    margins : array or sparse array (margins, variables)
        A, which takes d to its margins.

    Raises
    ------
    ArithmeticError
        If the solver comes to no result.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, issparse, vstack

    matrix = csr_array(margins if issparse(margins) else _distinct(margins))
    scale = float(abs(matrix).max()) if matrix.nnz else 0.0
    if scale == 0:
        return None
    matrix = matrix / scale
    matrix.data[np.abs(matrix.data) < _ROUNDING] = 0.0
    count, sums = matrix.shape[0], csr_array(matrix.sum(axis=0)[None])
    for method in ("highs-ds", "highs-ipm"):
        program = aside(
            linprog,
            -sums.toarray()[0],
            A_ub=vstack([-matrix, sums]),
            b_ub=np.append(np.zeros(count), count),
            bounds=(None, None),
            method=method,
            options={
                "primal_feasibility_tolerance": _FEASIBLE,
                "dual_feasibility_tolerance": _FEASIBLE,
            },
        )
        if program.status == 0:
            direction: Floats = program.x
            return direction if -program.fun > count / 2 else None
    raise ArithmeticError(f"the linear program of the recession directions: {program.message}")


def separates(margins: Floats, weights: Floats) -> bool:
    """Tell whether all margins of w are positive, beyond any rounding: w is such a direction."""
    least = _ROUNDING * np.abs(margins).max(initial=0.0) * np.abs(weights).sum()
    return bool(np.isfinite(weights).all() and np.all(margins @ weights > least))


def _distinct(margins: Floats) -> Floats:
    """Return the different rows, each once, without those of zeros."""
    different: Floats = np.unique(margins, axis=0)
    return different[np.any(different != 0, axis=1)]
