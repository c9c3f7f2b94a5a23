"""What a command says of points that did not converge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.terminal import say
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.tables.columns import failed


def report_unconverged(points: Iterable[tuple[Problem, Mapping[str, Any]]]) -> int:
    """Say what became of the points that did not converge, and return the exit status.

    Parameters
    ----------
    points : iterable of (Problem, line of a table)
        Where there is nothing to say, the problem is not looked at.
    """
    from replica.saddle_point.messages import reason

    status = CONVERGED
    for problem, line in points:
        if line["status"] == Status.CONVERGED:
            continue
        status = NOT_CONVERGED
        if failed(line):
            where = "" if line.get("row") is None else f"row = {line['row']}, "
            say(f"replica: {where}alpha = {problem.alpha}: {line['status']}")
        else:
            residual = math.nan if line.get("residual") is None else line["residual"]
            # At its best λ is a result.
            solved = problem.at(lam=line["lam"])
            say(f"replica: {reason(solved, line['status'], line['evaluations'], residual)}")
    return status
