"""What the masks of training are to systems that are only trained without any."""

from __future__ import annotations

from replica.problem import Problem
from replica.validation import invalid


def check_unmasked(problem: Problem) -> None:
    """Raise ValueError for a problem with masks, which no system is trained with."""
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for courses and Gaussian tokens")
