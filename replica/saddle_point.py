"""The saddle-point equations of a problem, as one map of its conjugate order parameters."""

from __future__ import annotations

import math

import numpy as np

from replica.arrays import Vector
from replica.channel import HUGE, Accuracy, Averages, Rule
from replica.channels import channel_of
from replica.couplings import Conjugates, Overlaps, overlaps
from replica.fixed_point import largest
from replica.problem import Problem
from replica.spectrum import spectrum_of


class SaddlePoint:
    """The map (V̂, m̂, q̂) → overlaps → (V̂, m̂, q̂), in logarithms.

    All three conjugates are positive, and follow powers of λ and of the distance from the
    threshold, so their logarithms are the coordinates. One evaluation of the map is one set of
    averages over the fields.

    Attributes
    ----------
    lam : float
        Weight decay, that of the problem unless a path leads there.
    evaluations : int
        How often the map was evaluated, at whatever accuracy.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.lam = problem.lam
        self.spectrum = spectrum_of(problem.data)
        self.channel = channel_of(problem.data, problem.loss)
        self.evaluations = 0
        #: Colour modes that the fields see.
        self._seen = np.flatnonzero(self.spectrum.scales).tolist()
        self._rule: Rule | None = None
        self._known: dict[tuple[bytes, Accuracy], Averages] = {}

    def conjugates(self, x: Vector) -> Conjugates:
        """Return the conjugates at coordinates x."""
        V_hat, m_hat, q_hat = np.exp(x).reshape(3, -1)
        return Conjugates(m_hat, q_hat, V_hat)

    def overlaps(self, x: Vector) -> Overlaps:
        """Return the overlaps at coordinates x, by the coupling equations."""
        return overlaps(np.exp(x), self.lam, self.spectrum)

    def averages(self, order: Overlaps, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields, by a rule kept while it covers the overlaps."""
        fields = order.m, order.q, order.V
        if self._rule is None or not self._rule.covers(*fields):
            self.forget_rule()
            self._rule = self.channel.rule(*fields)
        key = b"".join(field.tobytes() for field in fields), accuracy
        if key not in self._known:
            self._known[key] = self._rule.averages(*fields, accuracy)
        return self._known[key]

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
        q, V, widest = order.q.tolist(), order.V.tolist(), self.channel.widest
        if not all(0.0 < q[k] < widest and 0.0 < V[k] < HUGE for k in self._seen):
            return np.full_like(x, np.nan)
        average = self.averages(order, accuracy)
        response = np.concatenate((average.response, average.overlap, average.energy))
        if not min(response.tolist()) > 0.0:
            return np.full_like(x, np.nan)
        return np.asarray(np.log(self.problem.alpha * response))

    def start(self) -> Vector:
        """Return where plain iteration arrives with the loss expanded at h = 0.

        Those are the equations of ridge regression, which every iteration brings closer.
        """
        rule = self.channel.expansion()
        x = np.zeros(3 * len(self.spectrum.scales))
        for _ in range(200):
            fields = self.overlaps(x)[:3]
            average = rule.averages(*fields, Accuracy.COARSE)
            response = np.concatenate([average.response, average.overlap, average.energy])
            last, x = x, np.log(np.maximum(self.problem.alpha * response, 1e-30))
            if largest(x - last) < 1e-5:
                break
        # Towards m = 1, which the squared error does not reach, plain iteration overshoots.
        modes = len(self.spectrum.scales)
        while not self._holds(rule, x) and x[modes] > -90.0:
            x[modes : 2 * modes] -= 0.5
        return x

    def _holds(self, rule: Rule, x: Vector) -> bool:
        """Tell whether the equations can be evaluated at x; the expanded loss is asked first."""
        expanded = rule.averages(*self.overlaps(x)[:3], Accuracy.COARSE)
        holds = all(expanded.overlap[k] > 0.0 for k in self._seen)
        return holds or math.isfinite(largest(self.evaluate(x, Accuracy.COARSE)))
