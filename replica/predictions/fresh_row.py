"""A row that meets every sequence for the first time: its equations, and their integration."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.channels.by_points import PointChannel
from replica.channels.channel import Channel
from replica.channels.independent_cross_entropy import IndependentCrossEntropyChannel
from replica.ensembles.given_couplings import RowSpectrum
from replica.ensembles.spectrum import Spectrum
from replica.predictions.followed import Reached
from replica.problem.schedules import AnySchedule
from replica.quadrature.rule import TINY_OVERLAP, Accuracy
from replica.saddle_point.status import Status

#: What sees how far something is.
Watch = Callable[[float], object]

#: The own overlap beyond which a course has run away, and the same of averages that take long
#: where fields are wide.
_RUNAWAY, _RUNAWAY_SLOW = 1e5, 1e3

#: Absolute tolerance, in units of the relative one and of what a and v grow to.
_FLOOR = 1e-2


class Order(NamedTuple):
    """Overlaps m_k and q_k of each colour mode, w*·w and |w|²."""

    m: Vector
    q: Vector
    teacher_overlap: float
    norm2: float


class Stage(NamedTuple):
    """The row at a point of a course, NaN if it was not reached, and what that took."""

    row: Reached
    status: Status
    evaluations: int


@dataclass(frozen=True, eq=False)
class FreshRow:
    """The equations of stochastic gradient descent on fresh sequences (THEORY.md, section 17).

    In the eigenbasis of G the row is w_i = a_i w*_i + noise of variance v_i, and with
    S = Σ_k x_k E g_k, B = Σ_k x_k E tr H_k, E = Σ_k x_k E|g_k|² at x_k = u_k² G_k

        ȧ = η [S - (B + λ) a],   v̇ = -2η (B + λ) v + η² E.

    Attributes
    ----------
    spectrum : Spectrum
        Of the context.
    channel : Channel
        Of the forces.
    lam : float
        λ, per sequence.
    """

    spectrum: Spectrum
    channel: Channel
    lam: float

    def order(self, state: Vector) -> Order:
        """Return the overlaps of a row with these a and v, one behind the other."""
        a, v = np.split(state, 2)
        s = self.spectrum
        scaled, signal = s.scaled, s.teacher * a
        square = signal * a + s.weights * v
        along = s.cross @ a if isinstance(s, RowSpectrum) else signal.sum()
        return Order(scaled @ signal, scaled @ square, float(along), float(square.sum()))

    def lost(self, status: Status, evaluations: int) -> Stage:
        """Return what is known of a row that could not be followed any further."""
        unknown = np.full(len(self.spectrum.scales), np.nan)
        return _told(Order(unknown, unknown, np.nan, np.nan), status, evaluations)

    def slope(self, state: Vector, rate: float, accuracy: Accuracy) -> Vector:
        """Return the derivatives of a and v in the number of sequences per site."""
        a, v = np.split(state, 2)
        m, q, _, _ = self.order(state)
        force = self.channel.fresh(m, np.maximum(q, TINY_OVERLAP), accuracy)
        S, B, E = (
            each @ self.spectrum.scaled for each in (force.overlap, force.response, force.energy)
        )
        forgetting = B + self.lam
        return np.concatenate(
            (rate * (S - forgetting * a), -2.0 * rate * forgetting * v + rate * rate * E)
        )


class _Ended(Exception):
    """A course that cannot be followed any further."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class FreshCourse:
    """The course of a row from w = 0, by a method of Runge and Kutta of the eighth order.

    `watch` is told after every step up to where it leads.

    Attributes
    ----------
    status : Status
        How far it could be followed: until it is asked for no more, or less.
    evaluations : int
        Evaluations of the equations so far.
    """

    def __init__(
        self,
        row: FreshRow,
        schedule: AnySchedule,
        accuracy: Accuracy,
        tolerance: float,
        most: int,
        watch: Watch = float,
    ) -> None:
        self._row, self._schedule, self._accuracy = row, schedule, accuracy
        self._tolerance, self._most, self._watch = tolerance, most, watch
        slow = isinstance(row.channel, PointChannel | IndependentCrossEntropyChannel)
        self._most_q = _RUNAWAY_SLOW if slow else _RUNAWAY
        self.status, self.evaluations = Status.CONVERGED, 0

    def through(self, places: Sequence[float]) -> Iterator[Stage]:
        """Yield the row at ascending places, while it can be followed."""
        here, last = 0.0, places[-1]
        state = np.zeros(2 * len(self._row.spectrum.weights))
        yield from (self._reached(state) for place in places if place == here)
        kinks = [kink for kink in self._schedule.kinks() if kink < last]
        try:
            for end in (*kinks, last):
                inside = [place for place in places if here < place <= end]
                if end > here:
                    state = yield from self._smooth(here, state, end, inside)
                here = end
        except _Ended as ended:
            self.status = ended.status

    def _smooth(
        self, here: float, state: Vector, end: float, places: list[float]
    ) -> Generator[Stage, None, Vector]:
        """Yield the row at places on a smooth part of the schedule, and return its end."""
        # An import of a few hundredths of a second, which few need.
        from scipy.integrate import DOP853

        floor = self._floor(end)
        with np.errstate(over="ignore", invalid="ignore"):
            solver: Any = DOP853(self._slope, here, state, end, rtol=self._tolerance, atol=floor)
        while solver.status == "running":
            with np.errstate(over="ignore", invalid="ignore"):
                solver.step()
                if solver.status == "failed" or not self._followable(solver.y):
                    raise _Ended(Status.DIVERGED)
                inside = bool(places) and places[0] < solver.t
                self._watch(solver.t)
                between: Any = solver.dense_output() if inside else None
            while places and places[0] <= solver.t:
                place = places.pop(0)
                yield self._reached(between(place) if place < solver.t else solver.y)
        reached: Vector = solver.y
        return reached

    def _slope(self, seen: float, state: Vector) -> Vector:
        if self.evaluations >= self._most:
            raise _Ended(Status.MAX_STEPS)
        self.evaluations += 1
        return self._row.slope(state, self._schedule(seen), self._accuracy)

    def _floor(self, last: float) -> Vector:
        """Return the absolute tolerances of a and v, below what they grow to at small rates."""
        rate = max(map(self._schedule, np.linspace(0.0, last, 65).tolist()))
        nodes = len(self._row.spectrum.weights)
        sizes = np.minimum([rate * last, rate * rate * last], 1.0)
        return np.repeat(np.maximum(_FLOOR * self._tolerance * sizes, 1e-300), nodes)

    def _followable(self, state: Vector) -> bool:
        return bool(np.isfinite(state).all()) and self._row.order(state).q.max() < self._most_q

    def _reached(self, state: Vector) -> Stage:
        return _told(self._row.order(state), self.status, self.evaluations)


def _told(order: Order, status: Status, evaluations: int) -> Stage:
    unknown = np.full(1, np.nan)
    along, norm2 = np.array([order.teacher_overlap]), np.array([order.norm2])
    return Stage(Reached(order.m[None], order.q[None], along, norm2, unknown), status, evaluations)
