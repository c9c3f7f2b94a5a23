"""Where the search for a fixed point begins."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from replica.arrays import Vector
from replica.channels.quadratic import QuadraticChannel
from replica.quadrature.rule import Accuracy, Rule
from replica.saddle_point.equations import Conjugates, conjugates_of
from replica.saddle_point.fixed_point import largest
from replica.saddle_point.saddle_point import SaddlePoint

#: The change of the coordinates with which plain iteration ends, and where they are many: there it
#: costs as much as the search that follows.
_NEAR, _NEAR_OF_MANY = 1e-5, 0.3

#: The m̂ below which a smaller one changes nothing.
_LEAST = math.exp(-90.0)


def start(saddle: SaddlePoint) -> Vector:
    """Return where plain iteration arrives with the loss expanded at h = 0.

    Those are the equations of ridge regression, which every iteration brings closer.
    """
    couplings, rule = saddle.couplings, saddle.channel.expansion()
    near = _NEAR_OF_MANY if couplings.many else _NEAR
    x = couplings.origin
    for _ in range(200):
        order = saddle.overlaps(x)
        average = rule.averages(order.m, order.q, order.V, Accuracy.COARSE)
        following = conjugates_of(average, saddle.alpha)
        last, x = x, couplings.coordinates(following, order, least=1e-30)
        if largest(x - last) < near:
            break
    # Towards m = 1, which the squared error does not reach, plain iteration overshoots.
    if isinstance(rule, QuadraticChannel) and not _holds(saddle, rule, x):
        x = _ridge(saddle, rule) if len(rule.law.dimensions) == 1 else x
    while not _holds(saddle, rule, x) and np.abs(saddle.conjugates(x).m).max() > _LEAST:
        x = couplings.weaker(x)
    return x


def _ridge(saddle: SaddlePoint, rule: QuadraticChannel) -> Vector:
    """Return the solution of one mode with the loss expanded: m and q obey linear equations.

    m = A m̂ and q = a m̂² + b q̂ under the couplings; the moments of the law are linear in
    m and in q.
    """
    spectrum, law, couplings = saddle.ensemble.spectrum, rule.law, saddle.couplings
    a, c, alpha = rule.scale, rule.curvature, saddle.alpha
    n, weights, G = law.dimensions[0], spectrum.weights, spectrum.scaled[0]
    none, one = np.zeros(1), np.ones(1)

    def V_hat(V: float) -> float:
        return float(alpha * n * a * c / (1 + a * c * V))

    def excess(log_V: float) -> float:
        return math.log(weights @ (G / (saddle.lam + V_hat(math.exp(log_V)) * G))) - log_V

    # The excess falls with V, by less than one e-fold in one.
    V = math.exp(brentq(excess, -300.0, 300.0))
    hats = (Conjugates(one * m, one * q, one * V_hat(V)) for m, q in ((1.0, 0.0), (0.0, 1.0)))
    only_m, only_q = (saddle.overlaps(couplings.coordinates(h, least=1e-300)) for h in hats)
    share = alpha * a / (1 + a * c * V)
    at_0, at_1 = (law.residual(m, none, c).pull[0] for m in (none, one))
    m_hat = share * at_0 / (1 - share * (at_1 - at_0) * only_m.m[0])
    m, q = m_hat * only_m.m, m_hat**2 * only_m.q[0]
    share *= a / (1 + a * c * V)
    at_0, at_1 = (law.residual(m, q, c).square[0] for q in (none, one))
    q_hat = share * (at_0 + (at_1 - at_0) * q) / (1 - share * (at_1 - at_0) * only_q.q[0])
    return couplings.coordinates(Conjugates(one * m_hat, one * q_hat, one * V_hat(V)))


def _holds(saddle: SaddlePoint, rule: Rule, x: Vector) -> bool:
    """Tell whether the equations can be evaluated at x; the expanded loss is asked first."""
    order = saddle.overlaps(x)
    expanded = rule.averages(order.m, order.q, order.V, Accuracy.COARSE)
    holds = bool((expanded.overlap > 0.0).all())
    return holds or math.isfinite(largest(saddle.evaluate(x, Accuracy.COARSE)))
