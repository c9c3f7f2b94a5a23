"""The saddle-point equations of a problem, as one map of its conjugate order parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from replica.channel import Accuracy, Averages, Channel, Rule
from replica.couplings import Conjugates, Overlaps, overlaps
from replica.cross_entropy import CrossEntropyChannel
from replica.problem import Problem
from replica.spectrum import potts_spectrum
from replica.squared_error import SquaredErrorChannel

Vector = NDArray[np.float64]

#: The channel of each loss, to be built with the number of colours.
CHANNELS: dict[str, Callable[[int], Channel]] = {
    "cross-entropy": CrossEntropyChannel,
    "squared-error": SquaredErrorChannel,
}


#: Overlaps from here on are not a number that later arithmetic can carry.
_HUGE = 1e30


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
        self.spectrum = potts_spectrum(problem.data)
        self.channel: Channel = CHANNELS[problem.loss](problem.data.colors)
        self.evaluations = 0
        self._rule: Rule | None = None
        self._known: dict[tuple[bytes, Accuracy], Averages] = {}

    def conjugates(self, x: Vector) -> Conjugates:
        """Return the conjugates at coordinates x."""
        V_hat, m_hat, q_hat = np.exp(x).reshape(3, -1)
        return Conjugates(m_hat, q_hat, V_hat)

    def overlaps(self, x: Vector) -> Overlaps:
        """Return the overlaps at coordinates x, by the coupling equations."""
        return overlaps(self.conjugates(x), self.lam, self.spectrum)

    def averages(self, order: Overlaps, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields, by a rule kept while it covers the overlaps."""
        fields = order.m, order.q, order.V
        if self._rule is None or not self._rule.covers(*fields):
            self.forget_rule()
            self._rule = self.channel.rule(*fields)
        key = np.concatenate(fields).tobytes(), accuracy
        if key not in self._known:
            self._known[key] = self._rule.averages(*fields, accuracy)
        return self._known[key]

    def forget_rule(self) -> None:
        """Make the next evaluation choose its quadrature rule afresh."""
        self._rule = None
        self._known.clear()

    def evaluate(self, x: Vector, accuracy: Accuracy) -> Vector:
        """Return the coordinates that one application of the equations makes of x.

        NaN where x is beyond what floating point can carry.
        """
        self.evaluations += 1
        order = self.overlaps(x)
        if not all(0.0 < value < _HUGE for value in (*order.q.tolist(), *order.V.tolist())):
            return np.full_like(x, np.nan)
        average = self.averages(order, accuracy)
        response = np.concatenate([average.response, average.overlap, average.energy])
        if not min(response.tolist()) > 0.0:
            return np.full_like(x, np.nan)
        return np.asarray(np.log(self.problem.alpha * response))

    def start(self) -> Vector:
        """Return the solution with the loss replaced by its quadratic expansion at h = 0.

        Then the equations are those of ridge regression: one scalar equation for V̂, and
        linear ones for m̂ and q̂.
        """
        alpha, lam = self.problem.alpha, self.lam
        n = self.problem.data.colors - 1
        force, curve = self.channel.curvature()
        G, weights, teacher = (
            self.spectrum.covariances[0],
            self.spectrum.weights,
            self.spectrum.teacher,
        )
        V_hat = alpha * n * curve
        for _ in range(50):
            V = min(weights @ (G / (lam + V_hat * G)), 1e6 / curve)
            V_hat = alpha * n * curve / (1 + curve * V)
        D = lam + V_hat * G
        stiff = 1 + curve * V
        gain = alpha * n / stiff
        # m = slope m̂ and m̂ = gain (force - curve m / C · ...), both at leading order.
        slope = teacher @ (G * G / D)
        m_hat = gain * force / (1 + gain * force * curve * slope)
        energy = gain / stiff * (force * (1 - curve * slope * m_hat) ** 2)
        fed_back = gain / stiff * curve**2
        source = teacher @ (G**3 / D**2) * m_hat**2
        spread = weights @ (G * G / D**2)
        q_hat = (energy + fed_back * source) / max(1 - fed_back * spread, 0.05)
        return np.log([V_hat, m_hat, q_hat])
