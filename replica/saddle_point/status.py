"""How the search for a solution can end."""

from __future__ import annotations

from enum import Enum


class Status(str, Enum):
    """How a search ended: a text such as "converged", and a sentence on what it means.

    A status is, compares, prints and pickles as its text; only `CONVERGED` is an answer.

    Attributes
    ----------
    sentence : str
        What it means for the solution.
    """

    sentence: str

    CONVERGED = "converged", "the equations hold to the last digits"
    MAX_STEPS = "max-steps", "the evaluations that were allowed did not suffice"
    DIVERGED = "diverged", "the order parameters grew beyond all bounds"
    NOT_FINITE = "not-finite", "an average, or the derivative of the equations, was no number"
    BELOW_THRESHOLD = "below-threshold", "without weight decay there is no unique minimiser"

    def __new__(cls, text: str, sentence: str = "") -> Status:
        """Make a member, which is its text."""
        status = str.__new__(cls, text)
        status._value_ = text
        status.sentence = sentence
        return status

    # Python's versions differ in what str and format make of such a member.

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, specification: str) -> str:
        return str.__format__(self, specification)

    def __repr__(self) -> str:
        return str.__repr__(self)
