"""Schedules of the learning rate: functions of the sequences seen so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from replica.immutable import keep
from replica.validation import invalid, non_negative, numeral, one_of, positive

#: How a rate depends on the sequences seen so far.
ScheduleKind = Literal["constant", "cosine", "1/t", "warm-up"]


@dataclass(frozen=True)
class Schedule:
    """A learning rate η(τ) that depends on τ, the sequences seen so far per site.

    Parameters
    ----------
    rate : float
        η, the largest, greater than 0.
    kind : str
        "constant"; "cosine", from η at 0 down to 0 at the span, η (1 + cos πτ/span)/2;
        "1/t", η/(1 + τ/span); "warm-up", ητ/span up to the span and η from there on.
    span : float, optional
        Greater than 0. None is the whole course for "cosine", and else 1, a sequence per site.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, Schedule, one_pass
    >>> problem = Problem(1.0, 0.0, PottsTokens(3, 1.5))
    >>> one_pass(problem, Schedule(2.0, "1/t", 2.5), [16.0]).test_loss.round(3)
    array([0.905])
    """

    rate: float
    kind: ScheduleKind = "constant"
    span: float | None = None

    kinds: ClassVar[tuple[ScheduleKind, ...]] = get_args(ScheduleKind)

    def __post_init__(self) -> None:
        keep(self, rate=positive("rate", self.rate))
        one_of("schedule", self.kind, self.kinds)
        if self.span is not None:
            if self.kind == "constant":
                raise invalid("span", self.span, "left out of a constant rate")
            keep(self, span=positive("span", self.span))
        elif self.kind in ("1/t", "warm-up"):
            keep(self, span=1.0)

    @classmethod
    def from_text(cls, rate: Any, text: str) -> Schedule:
        """Return the schedule of a text such as "cosine", "1/t:2" or "warm-up:0.5".

        Raises
        ------
        ValueError
            If it is none, or the rate is not allowed.
        """
        kind, colon, span = str(text).partition(":")
        if kind not in cls.kinds or (colon and numeral(span) is None):
            allowed = f"one of {', '.join(cls.kinds)}, or one with its span, as 1/t:2"
            raise invalid("schedule", text, allowed)
        return cls(rate, kind, numeral(span) if colon else None)

    def __str__(self) -> str:
        """Return the text that tells it from others of the same rate."""
        return self.kind if self.span is None else f"{self.kind}:{self.span:.12g}"

    def over(self, last: float) -> Schedule:
        """Return the schedule of a course that ends at τ = `last`, with a span where it has one."""
        if self.kind != "cosine" or self.span is not None or last == 0.0:
            return self
        return Schedule(self.rate, self.kind, last)

    def __call__(self, seen: float) -> float:
        """Return η after so many sequences per site."""
        if self.span is None:
            return self.rate
        share = seen / self.span
        if self.kind == "cosine":
            return 0.5 * self.rate * (1.0 + math.cos(math.pi * min(share, 1.0)))
        if self.kind == "1/t":
            return self.rate / (1.0 + share)
        return self.rate * min(share, 1.0)

    def kinks(self) -> tuple[float, ...]:
        """Return the places where the rate is not smooth."""
        return (self.span,) if self.kind in ("cosine", "warm-up") and self.span else ()

    def columns(self) -> dict[str, Any]:
        """Return the cells of a line of a table."""
        return {"rate": self.rate, **({} if self.kind == "constant" else {"schedule": str(self)})}


@dataclass(frozen=True)
class OwnSchedule:
    """A learning rate that a function of the user's gives.

    Parameters
    ----------
    function : callable
        From τ to η(τ), 0 or greater.
    """

    function: Callable[[float], float]

    def __call__(self, seen: float) -> float:
        """Return η after so many sequences per site, or raise ValueError if it is no rate."""
        return non_negative("rate", self.function(seen))

    def kinks(self) -> tuple[float, ...]:
        """Return nothing: where it is not smooth the integrator finds out."""
        return ()

    def columns(self) -> dict[str, Any]:
        """Return the name of the function for a line of a table."""
        return {"schedule": getattr(self.function, "__name__", type(self.function).__name__)}


#: Either of them.
AnySchedule = Schedule | OwnSchedule


def schedule_of(rate: Any, last: float) -> AnySchedule:
    """Return what gives the rates of a course up to τ = `last`.

    Parameters
    ----------
    rate : float, Schedule or callable
        A constant rate, a schedule, or a function from τ to the rate.
    last : float
        Where the course ends.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if isinstance(rate, Schedule):
        return rate.over(last)
    if callable(rate):
        return OwnSchedule(rate)
    return Schedule(rate)
