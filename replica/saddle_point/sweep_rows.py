"""Solve a problem for the rows of one model, each along the sample ratio."""

from __future__ import annotations

from collections.abc import Iterable

from replica.problem import Problem, RowTokens
from replica.saddle_point.sweep import Curve, sweep
from replica.validation import invalid


def sweep_rows(problem: Problem, rows: Iterable[RowTokens], alphas: Iterable[float]) -> Curve:
    """Solve a problem for many rows of given data, each at many sample ratios.

    Parameters
    ----------
    problem : Problem
        What to solve; its own alpha and data are not used.
    rows : iterable of RowTokens
        The rows, as of `RowTokens.rows_from_couplings`.
    alphas : iterable of float
        Sample ratios α = M/L, in any order.

    Returns
    -------
    Curve
        One line per row and alpha, row by row: `curve.where(row=3)` is the curve of one, and
        `average_rows(curve)` the mean over all of them.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    known = tuple(rows) if isinstance(rows, Iterable) else (rows,)
    for row in known:
        if not isinstance(row, RowTokens):
            raise invalid("rows", row, "RowTokens, such as RowTokens.rows_from_couplings() returns")
    return sweep(problem, alphas, data=known)
