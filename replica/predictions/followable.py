"""Problems of which the training can be followed from its first step."""

from __future__ import annotations

from typing import Any

from replica.ensembles import ensemble_of
from replica.ensembles.ensemble import Ensemble
from replica.problem import Problem, RowTokens
from replica.problem.row_couplings import RowCouplings
from replica.validation import invalid

#: What refuses moments: where tokens are not equally frequent no course is smooth in time.
_ALIKE = (
    "a model of equally frequent tokens; along the mean of others, of length sqrt(L), a step of "
    "training does not become small"
)


def followable(problem: Any, training: str) -> Ensemble:
    """Return what the rows of a problem see, or raise ValueError if they cannot be followed.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    training : str
        How, for refusals.
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    if problem.masking is not None:
        raise invalid("masking", problem.masking, f"None for {training}")
    ensemble = ensemble_of(problem.data)
    if isinstance(problem.data, RowTokens) and not isinstance(problem.data.context, RowCouplings):
        raise ensemble.unknown(_ALIKE)
    return ensemble
