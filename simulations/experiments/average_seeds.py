"""Averages over independent realisations, with standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from replica.tables import Table
from replica.tables.columns import FURTHER, KNOWN, OBSERVABLES, POINT, failed
from replica.validation import invalid
from simulations.experiments.once import once, point
from simulations.spread import standard_error


def average_seeds(table: Table) -> Table:
    """Return one line per point: means over seeds and their standard errors.

    Seeds are independent realisations of couplings and sequences, so this is the error bar
    to compare with the theory. Lines that did not converge are averaged with the others,
    those that could not be computed are left out, and the point then carries their status.
    A system that stands in the table twice, as in two tables put together, counts once.

    Parameters
    ----------
    table : Table
        A simulation table, one line per (point, seed).

    Returns
    -------
    Table
        For each observable NAME the mean and, in the column NAME_stderr, its standard
        error (empty for a single seed); in the column `seeds` how many there are in the mean.

    Raises
    ------
    ValueError
        If `table` is no Table, a line of it is not that of a seed of a simulation, or a system
        stands in it with different numbers.

    Examples
    --------
    >>> from replica import PottsTokens, Problem
    >>> from simulations import average_seeds, simulate_many
    >>> problem = Problem(2.0, 0.1, PottsTokens(3, 1.5))
    >>> table = simulate_many([problem], [20], range(4), test_samples=200)
    >>> means = average_seeds(table)
    >>> len(table), len(means), means["seeds"], bool(means["test_loss_stderr"][0] < 0.1)
    (4, 1, array([4.]), True)
    """
    simulated = isinstance(table, Table) and set(table["source"]) == {"simulation"}
    if not simulated or "seeds" in table.columns:
        allowed = 'a Table of one line per seed, as table.where(source="simulation")'
        raise invalid("table", table, allowed)
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in once(table).lines():
        groups.setdefault(point(line), []).append(line)
    return Table(_parameters(lines[0]) | _average(lines) for lines in groups.values())


def _parameters(line: dict[str, Any]) -> dict[str, Any]:
    known = {name: line[name] for name in FURTHER if line.get(name) is not None}
    return {name: line.get(name) for name in POINT} | known


def _average(lines: list[dict[str, Any]]) -> dict[str, Any]:
    computed = [line for line in lines if not failed(line)]
    result: dict[str, Any] = {}
    for name in OBSERVABLES:
        if KNOWN[name].tables and all(line.get(name) is None for line in lines):
            continue
        values = np.array([np.nan if (v := line.get(name)) is None else v for line in computed])
        result[name] = float(np.mean(values)) if computed else None
        if len(values) > 1:
            result[f"{name}_stderr"] = float(standard_error(values))
    failures = [line.get("status") for line in lines if line.get("status") != "converged"]
    result["status"] = failures[0] if failures else "converged"
    for name in ("residual", "evaluations"):
        known = [line[name] for line in computed if line.get(name) is not None]
        result[name] = max(known, default=None)
    result["seeds"] = len(computed)
    return result
