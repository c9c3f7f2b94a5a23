"""The saddle-point equations of a problem, as one map of its conjugate order parameters."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.channels.channel_of import channel_of
from replica.ensembles import ensemble_of
from replica.problem import Problem
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.saddle_point.couplings import couplings_of
from replica.saddle_point.equations import Conjugates, Overlaps, conjugates_of
from replica.validation import invalid


class SaddlePoint:
    """The map of conjugates (m̂, q̂, V̂) → overlaps (m, q, V) → conjugates, in coordinates.

    Here the data are looked at, once: their ensemble gives the coupling equations, and with the
    loss the channel. One evaluation of the map is one set of averages over the fields.

    Attributes
    ----------
    ensemble : Ensemble
        What is known of the data.
    couplings : CouplingEquations
        From conjugates to overlaps.
    channel : Channel
        From overlaps to conjugates.
    lam : float
        Weight decay, that of the problem unless a path leads there.
    evaluations : int
        How often the map was evaluated, at whatever accuracy.
    """

    def __init__(self, problem: Problem) -> None:
        if problem.masking is not None:
            raise invalid("masking", problem.masking, "None for the theory")
        self.problem = problem
        self.lam = problem.lam
        self.ensemble = ensemble_of(problem.data)
        self.couplings = couplings_of(self.ensemble)
        self.channel = channel_of(self.ensemble.law, problem.loss)
        self.evaluations = 0
        self._rule: Rule | None = None
        self._known: dict[tuple[bytes, Accuracy], Averages] = {}

    def conjugates(self, x: Vector) -> Conjugates:
        """Return the conjugates at coordinates x."""
        return self.couplings.conjugates(x)

    def overlaps(self, x: Vector) -> Overlaps:
        """Return the overlaps at coordinates x, by the coupling equations."""
        return self.couplings.overlaps(x, self.lam)

    def averages(self, order: Overlaps, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields, by a rule kept while it covers the overlaps."""
        m, q, V = order.m, order.q, order.V
        if self._rule is None or not self._rule.covers(m, q, V):
            self.forget_rule()
            self._rule = self.channel.rule(m, q, V)
        key = m.tobytes() + q.tobytes() + V.tobytes(), accuracy
        average = self._known.get(key)
        if average is None:
            average = self._known[key] = self._rule.averages(m, q, V, accuracy)
        return average

    @property
    def common_error(self) -> float:
        """Relative error that the accuracies of the present rule may share."""
        return 0.0 if self._rule is None else self._rule.common_error

    def forget_rule(self) -> None:
        """Make the next evaluation choose its quadrature rule afresh."""
        self._rule = None
        self._known.clear()

    def evaluate(self, x: Vector, accuracy: Accuracy) -> Vector:
        """Return the coordinates that one application of the equations makes of x.

        NaN where x is beyond what floating point or the quadrature can carry.
        """
        self.evaluations += 1
        order = self.overlaps(x)
        if not self.couplings.admits(order, self.channel.largest_q):
            return np.full_like(x, np.nan)
        average = self.averages(order, accuracy)
        return self.couplings.coordinates(conjugates_of(average, self.problem.alpha))

    def unlearnt(self, accuracy: Accuracy) -> Vector:
        """Return the coordinates that follow on the row w = 0, where the expansion is exact."""
        nothing = self.couplings.untrained
        average = self.channel.expansion().averages(nothing.m, nothing.q, nothing.V, accuracy)
        return self.couplings.coordinates(conjugates_of(average, self.problem.alpha))
