"""Averages over the rows of one model: what a whole layer of attention reaches."""

from __future__ import annotations

from typing import Any

import numpy as np

from replica.tables.columns import FURTHER, OBSERVABLES, POINT, failed
from replica.tables.table import Table
from replica.validation import invalid


def average_rows(table: Table) -> Table:
    """Return one line per point, of the theory or of one seed: means over the rows of a model.

    Rows that did not converge are averaged with the others, those that could not be computed are
    left out, and the point then carries their status.

    Parameters
    ----------
    table : Table
        One line per row of a model, with the column `row`, each once: of `sweep_rows`,
        `replica sweep` or `replica-simulate`.

    Returns
    -------
    Table
        For each observable its mean, and in the column `rows` of how many it is. The rows of one
        system share their sequences: an error bar is the one over seeds, which
        `simulations.average_seeds` makes of these lines.

    Raises
    ------
    ValueError
        If `table` is no Table of rows, a row stands in it twice, or no two rows have a point in
        common, as where each has its own best weight decay.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import Problem, RowTokens, average_rows, sweep_rows
    >>> J = np.random.default_rng(0).standard_normal((60, 60)) / 60**0.5
    >>> J = np.triu(J, 1) + np.triu(J, 1).T
    >>> rows = RowTokens.rows_from_couplings(J, [4, 5], colors=3, beta=1.5)
    >>> table = sweep_rows(Problem(2.0, 0.1, rows[0]), rows, [2.0])
    >>> average_rows(table)["test_loss"].round(3), table["test_loss"].round(3)
    (array([1.087]), array([1.053, 1.12 ]))
    """
    allowed = "a Table with a row of one model in every line, each once"
    if not isinstance(table, Table):
        raise invalid("table", table, allowed)
    groups: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for line in table.lines():
        row = line.get("row")
        group = groups.setdefault(_point(line), {})
        if row is None or row in group:
            raise invalid("table", table, f"{allowed}; one has row = {row}")
        group[row] = line
    rows = {row for group in groups.values() for row in group}
    if len(rows) > 1 and all(len(group) == 1 for group in groups.values()):
        allowed = "of rows with points in common; each of these has its own, as a best weight decay"
        raise invalid("table", table, allowed)
    return Table(_average(list(group.values())) for group in groups.values())


#: What tells points apart that are averages: not the moments of a row, which are its own.
_APART = (*(name for name in (*POINT, *FURTHER) if name not in ("row", "moments")), "seed")


def _point(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in _APART)


def _average(lines: list[dict[str, Any]]) -> dict[str, Any]:
    first, computed = lines[0], [line for line in lines if not failed(line)]
    result = {
        name: first.get(name) for name in _APART if name in POINT or first.get(name) is not None
    }
    for name in (*OBSERVABLES, "V"):
        values = [np.nan if (v := line.get(name)) is None else v for line in computed]
        result[name] = float(np.mean(values)) if values else None
    failures = [line.get("status") for line in lines if line.get("status") != "converged"]
    result["status"] = failures[0] if failures else "converged"
    for name in ("residual", "evaluations"):
        known = [line[name] for line in computed if line.get(name) is not None]
        result[name] = max(known, default=None)
    return result | {"rows": len(computed)}
