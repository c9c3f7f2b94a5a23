"""Where the searches of many problems start: from what those before them have found.

Along a curve the states of its last points are extrapolated in log α. Beside a curve that has been
solved only the difference from it is, which is smaller and smoother; where more curves lie behind
than points of this one, their states at the same α lead on across them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from replica.problem import Problem
from replica.saddle_point.continuation import State, extrapolated
from replica.saddle_point.stretches import differ_in_alpha_only

#: States that an extrapolation goes through.
_MOST = 7

#: Columns of numbers in which curves may differ that start from one another, and of others.
_NUMBERS = frozenset({"lam", "beta", "spike", "coupling_norm", "shift"})
_HANDED = _NUMBERS | {"row"}


class Neighbours:
    """What problems were solved with, along the sample ratio, one curve after the other.

    Attributes
    ----------
    along : list of (float, State)
        log α and the states of the last points of this curve.
    """

    def __init__(self) -> None:
        self._last: Problem | None = None
        self._columns: dict[str, Any] = {}
        self.along: list[tuple[float, State]] = []
        # What these are beyond the curve before, and the states of all points by α.
        self._beyond: list[tuple[float, State]] = []
        self._solved: dict[float, State] = {}
        # Of the curves before, by α: where they lie, in the parameter that changes, and the states.
        self._across: dict[float, list[tuple[float, State]]] = {}
        self._parameter, self._place = "", 0.0

    def start(self, problem: Problem) -> State | None:
        """Return where the search for the solution of a problem starts, or None for nowhere."""
        if self._last is None or not differ_in_alpha_only(problem, self._last):
            self._turn(problem)
        self._last = problem
        before = self._across.get(problem.alpha, [])
        if len(before) > len(self.along):
            return _led_across(before, self._place)
        here = math.log(problem.alpha)
        along, change = extrapolated(self.along, here), extrapolated(self._beyond, here)
        if not before or along is None or change is None:
            return along
        beside = before[-1][1]
        arrays = isinstance(beside.inverse, np.ndarray) and isinstance(change.inverse, np.ndarray)
        inverse = beside.inverse + change.inverse if arrays else along.inverse
        return State(beside.x + change.x, inverse)

    def add(self, problem: Problem, state: State | None) -> None:
        """Note the state of a solution; without one, it did not converge, nothing leads on."""
        if state is None:
            self.along, self._beyond = [], []
            return
        here = math.log(problem.alpha)
        self.along = [*self.along[1 - _MOST :], (here, state)]
        self._solved[problem.alpha] = state
        before = self._across.get(problem.alpha)
        if before:
            change = _difference(state, before[-1][1])
            self._beyond = [*self._beyond[1 - _MOST :], (here, change)]
        else:
            self._beyond = []

    def _turn(self, problem: Problem) -> None:
        """Leave a curve for the next one, to which it may lead on."""
        columns, last = problem.columns(without="alpha"), self._columns
        changed = {n for n in columns.keys() | last.keys() if columns.get(n) != last.get(n)}
        parameter = changed.pop() if len(changed) == 1 and changed <= _NUMBERS else ""
        straight, self._parameter = parameter == self._parameter != "", parameter
        across = self._across if straight else {}
        self._across = {}
        if changed <= _HANDED:
            place = _place(last, parameter)
            for alpha, state in self._solved.items():
                known = across.get(alpha, [])
                self._across[alpha] = [*known[1 - _MOST :], (place, state)]
        self._columns, self._place = columns, _place(columns, parameter)
        self.along, self._beyond, self._solved = [], [], {}


def _led_across(before: list[tuple[float, State]], here: float) -> State | None:
    """Return the extrapolated state with a derivative that changes as it last did."""
    led = extrapolated(before, here)
    if led is None or len(before) == 1:
        return led
    (place, earlier), (last, late) = before[-2:]
    change = _difference(late, earlier).inverse
    if change is None or last == place:
        return led
    return State(led.x, late.inverse + (here - last) / (last - place) * change)


def _difference(one: State, other: State) -> State:
    arrays = isinstance(one.inverse, np.ndarray) and isinstance(other.inverse, np.ndarray)
    return State(one.x - other.x, one.inverse - other.inverse if arrays else None)


def _place(columns: dict[str, Any], parameter: str) -> float:
    """Return where a curve lies among those that differ in one parameter."""
    if not parameter:
        return 0.0
    value = float(columns.get(parameter, 0.0))
    return math.log(value) if parameter == "lam" and value > 0.0 else value
