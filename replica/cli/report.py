"""What a command says of points that did not converge."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.grid import Refused
from replica.commandline.terminal import say
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.tables.columns import failed

#: Columns that every message tells.
_TOLD = ("row", "alpha", "lam")


def report_unconverged(
    points: Iterable[tuple[Problem | Refused, Mapping[str, Any]]], names: Collection[str] = ()
) -> int:
    """Say what became of the points that did not converge, and return the exit status.

    Parameters
    ----------
    points : iterable of (Problem, line of a table)
        Where there is nothing to say, the problem is not looked at.
    names : collection of str
        Columns in which the points differ.
    """
    from replica.saddle_point.messages import reason

    status = CONVERGED
    for problem, line in points:
        if line["status"] == Status.CONVERGED:
            continue
        status = NOT_CONVERGED
        among = "".join(f"{n} = {line.get(n)}, " for n in names if n not in _TOLD)
        if failed(line):
            where = among + ("" if line.get("row") is None else f"row = {line['row']}, ")
            say(f"replica: {where}alpha = {problem.alpha}: {line['status']}")
        else:
            residual = math.nan if line.get("residual") is None else line["residual"]
            # At its best λ is a result.
            assert isinstance(problem, Problem)
            solved = problem.at(lam=line["lam"])
            say(f"replica: {among}{reason(solved, line['status'], line['evaluations'], residual)}")
    return status


def report_failed(reasons: Iterable[str]) -> int:
    """Say why points have no answer, and return the exit status."""
    status = CONVERGED
    for reason in reasons:
        say(f"replica: {reason}")
        status = NOT_CONVERGED
    return status
