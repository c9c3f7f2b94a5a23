"""The saddle-point equations of a problem, as one map of its conjugate order parameters."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from replica.arrays import Vector
from replica.channels.channel_of import channel_of
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles import ensemble_of
from replica.problem import Problem
from replica.quadrature.rule import HUGE, Accuracy, Averages, Rule
from replica.saddle_point.couplings import SpectralCouplings
from replica.saddle_point.equations import (
    Conjugates,
    CouplingEquations,
    Overlaps,
    conjugates_of,
)
from replica.saddle_point.fixed_point import largest


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
        self.problem = problem
        self.lam = problem.lam
        self.ensemble = ensemble_of(problem.data)
        spectrum = self.ensemble.spectrum
        self.couplings: CouplingEquations = SpectralCouplings(spectrum)
        self.channel = channel_of(self.ensemble.law, problem.loss)
        self.evaluations = 0
        #: Colour modes that the fields see.
        self._seen = np.flatnonzero(spectrum.scales).tolist()
        self._rule: Rule | None = None
        self._known: dict[tuple[bytes, Accuracy], Averages] = {}

    @property
    def unit(self) -> float:
        """The weight decay at which w is about 1 in the unit of the inputs; a power of 2.

        It is 1 for U = I, where the inputs of a site have the variance 1/C.
        """
        spectrum = self.ensemble.spectrum
        variances = (
            self.ensemble.colors * spectrum.scales * (spectrum.covariances @ spectrum.weights)
        )
        strongest = float(variances.max())
        return 2.0 ** round(math.log2(strongest)) if strongest > 0.0 else 1.0

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
        q, V, widest = order.q.tolist(), order.V.tolist(), self.channel.widest
        for k in self._seen:
            if not (0.0 < q[k] < widest and 0.0 < V[k] < HUGE):
                return np.full_like(x, np.nan)
        average = self.averages(order, accuracy)
        return self.couplings.coordinates(conjugates_of(average, self.problem.alpha))

    def unlearnt(self, accuracy: Accuracy) -> Vector:
        """Return the coordinates that follow on the row w = 0, where the expansion is exact."""
        nothing = np.zeros(len(self.ensemble.dimensions))
        average = self.channel.expansion().averages(nothing, nothing, nothing, accuracy)
        return self.couplings.coordinates(conjugates_of(average, self.problem.alpha))

    def start(self) -> Vector:
        """Return where plain iteration arrives with the loss expanded at h = 0.

        Those are the equations of ridge regression, which every iteration brings closer.
        """
        rule = self.channel.expansion()
        x = np.zeros(3 * len(self.ensemble.dimensions))
        for _ in range(200):
            order = self.overlaps(x)
            average = rule.averages(order.m, order.q, order.V, Accuracy.COARSE)
            following = conjugates_of(average, self.problem.alpha)
            last, x = x, self.couplings.coordinates(following, least=1e-30)
            if largest(x - last) < 1e-5:
                break
        # Towards m = 1, which the squared error does not reach, plain iteration overshoots.
        one_mode = len(self.ensemble.dimensions) == 1
        if isinstance(rule, QuadraticChannel) and one_mode and not self._holds(rule, x):
            x = self._ridge(rule)
        log_m_hat = x.reshape(3, -1)[1]
        while not self._holds(rule, x) and log_m_hat[0] > -90.0:
            log_m_hat -= 0.5
        return x

    def _ridge(self, rule: QuadraticChannel) -> Vector:
        """Return the solution of one mode with the loss expanded: m and q obey linear equations.

        m = A m̂ and q = a m̂² + b q̂ under the couplings; the moments of the law are linear in
        m and in q.
        """
        spectrum, law = self.ensemble.spectrum, rule.law
        a, c, alpha = rule.scale, rule.curvature, self.problem.alpha
        n, weights, G = law.dimensions[0], spectrum.weights, spectrum.scaled[0]
        none, one = np.zeros(1), np.ones(1)

        def V_hat(V: float) -> float:
            return float(alpha * n * a * c / (1 + a * c * V))

        def excess(log_V: float) -> float:
            return math.log(weights @ (G / (self.lam + V_hat(math.exp(log_V)) * G))) - log_V

        # The excess falls with V, by less than one e-fold in one.
        V = math.exp(brentq(excess, -300.0, 300.0))
        hats = (Conjugates(one * m, one * q, one * V_hat(V)) for m, q in ((1.0, 0.0), (0.0, 1.0)))
        only_m, only_q = (self.overlaps(self.couplings.coordinates(h, least=1e-300)) for h in hats)
        share = alpha * a / (1 + a * c * V)
        at_0, at_1 = (law.residual(m, none, c).pull[0] for m in (none, one))
        m_hat = share * at_0 / (1 - share * (at_1 - at_0) * only_m.m[0])
        m, q = m_hat * only_m.m, m_hat**2 * only_m.q[0]
        share *= a / (1 + a * c * V)
        at_0, at_1 = (law.residual(m, q, c).square[0] for q in (none, one))
        q_hat = share * (at_0 + (at_1 - at_0) * q) / (1 - share * (at_1 - at_0) * only_q.q[0])
        return self.couplings.coordinates(Conjugates(one * m_hat, one * q_hat, one * V_hat(V)))

    def _holds(self, rule: Rule, x: Vector) -> bool:
        """Tell whether the equations can be evaluated at x; the expanded loss is asked first."""
        order = self.overlaps(x)
        expanded = rule.averages(order.m, order.q, order.V, Accuracy.COARSE)
        holds = all(expanded.overlap[k] > 0.0 for k in self._seen)
        return holds or math.isfinite(largest(self.evaluate(x, Accuracy.COARSE)))
