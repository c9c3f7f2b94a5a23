"""Messages about a problem that was not solved: how the search ended, and what may help."""

from __future__ import annotations

import math

from replica.ensembles import ensemble_of
from replica.problem import Problem
from replica.saddle_point.existence_threshold import known_threshold
from replica.saddle_point.solution import Solution
from replica.saddle_point.status import Status

#: The sentence of each status; a table that was edited may have another text.
_SENTENCES: dict[str, str] = {status: status.sentence for status in Status}


def failure_message(solution: Solution) -> str:
    """Return the line that says how a solution failed, and what may help."""
    return reason(solution.problem, solution.status, solution.evaluations, solution.residual)


def reason(problem: Problem, status: str, evaluations: int, residual: float) -> str:
    """Return the line that says how a problem was not solved, and what may help."""
    row = problem.columns().get("row")
    where = "" if row is None else f"row = {row}, "
    where += f"alpha = {problem.alpha}, lam = {problem.lam}"
    if status == Status.BELOW_THRESHOLD:
        threshold = known_threshold(
            ensemble_of(problem.data), problem.loss, problem.masking, problem.bias
        )
        larger = " or a larger alpha" if math.isfinite(threshold) else ""
        return (
            f"{where}: {Status.BELOW_THRESHOLD.sentence} up to "
            f"alpha_c = {threshold:.8g}; take lam > 0{larger}"
        )
    if status == Status.DIVERGED and evaluations == 0 and problem.bias:
        return f"{where}: some colour is never the masked token, whose bias then has no best value"
    meaning = f" ({_SENTENCES[status]})" if status in _SENTENCES else ""
    return (
        f"{where}: the solver stopped as {status} after {evaluations} "
        f"evaluations with residual {residual:.1e}{meaning}"
    )
