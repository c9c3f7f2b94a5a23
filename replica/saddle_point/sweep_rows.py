"""Solve a problem for the rows of one model, each along the sample ratio."""

from __future__ import annotations

from collections.abc import Iterable

from replica.problem import Problem, RowTokens
from replica.saddle_point.sweep import Curve, sweep
from replica.validation import invalid


def sweep_rows(
    problem: Problem,
    rows: Iterable[RowTokens],
    alphas: Iterable[float],
    *,
    workers: int | None = None,
) -> Curve:
    """Solve a problem for many rows of given data, each at many sample ratios.

    Parameters
    ----------
    problem : Problem
        What to solve; its own alpha and data are not used.
    rows : iterable of RowTokens
        The rows, as of `RowTokens.rows_from_couplings`.
    alphas : iterable of float
        Sample ratios α = M/L, in any order.
    workers : int, optional
        Threads, on which no number depends; by default those of the machine's cores.

    Returns
    -------
    Curve
        One line per row and alpha, row by row: `curve.where(row=3)` is the curve of one, and
        `average_rows(curve)` the mean over all of them.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import Problem, RowTokens, sweep_rows
    >>> J = np.random.default_rng(0).standard_normal((60, 60)) / 60**0.5
    >>> J = np.triu(J, 1) + np.triu(J, 1).T
    >>> rows = RowTokens.rows_from_couplings(J, [4, 5], colors=3, beta=1.5)
    >>> layer = sweep_rows(Problem(2.0, 0.1, rows[0]), rows, [1.0, 2.0])
    >>> layer.where(row=4)["test_loss"].round(3)
    array([1.099, 1.053])
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    known = tuple(rows) if isinstance(rows, Iterable) else (rows,)
    for row in known:
        if not isinstance(row, RowTokens):
            raise invalid("rows", row, "RowTokens, such as RowTokens.rows_from_couplings() returns")
    return sweep(problem, alphas, workers=workers, data=known)
