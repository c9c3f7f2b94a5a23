"""The sample ratio up to which a row separates its samples, for fields of any covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.channels.cone import cone_rule
from replica.channels.masked import StaticChannel, StaticRule
from replica.ensembles.ensemble import Ensemble
from replica.errors import ConvergenceError
from replica.memory import kept
from replica.problem import Masking, Problem
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.mixture_law import MixtureLaw
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.saddle_point.anderson import accelerate
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.fixed_point import find_fixed_point, largest
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.status import Status

#: Residual with which the search ends: α is off by about its square.
_TOLERANCE = 1e-6

#: Differences of colours up to which averages have all digits.
EXACT = 3

#: The largest threshold that is told from none, and the frequency of a colour that never shows.
_LARGEST, _NEVER = 1e8, 1e-8

#: Evaluations of the equations, and plain iterations before the search.
_MOST, _PLAIN = 150, 3

#: Weight decay in units of the inputs' variance: for directions that no input shows.
_LITTLE = 1e-13


class Threshold(NamedTuple):
    """An existence threshold, and how far it may be wrong.

    Attributes
    ----------
    alpha : float
        α_c.
    error : float
        Relative error of the averages and of the search.
    """

    alpha: float
    error: float


@dataclass
class _Direction:
    """The equations at λ → 0 for a row that grows along a direction (THEORY.md, section 6).

    The loss is that of a cone, so that m, √q and V have no unit: those of V̂ and q̂ are fixed
    instead. α is what makes Σ V̂ V the same on both sides.
    """

    saddle: SaddlePoint
    rule: Rule
    lam: float
    evaluations: int = 0

    def orders(self, x: Vector) -> tuple[Overlaps, Conjugates]:
        """Return overlaps and conjugates at coordinates x."""
        couplings = self.saddle.couplings
        return couplings.overlaps(x, self.lam), couplings.conjugates(x, self.lam)

    def averages(self, order: Overlaps, accuracy: Accuracy) -> Averages:
        """Return the averages over fields."""
        return self.rule.averages(order.m, order.q, order.V, accuracy)

    def evaluate(self, x: Vector) -> Vector:
        """Return the coordinates that one application of the equations makes of x."""
        self.evaluations += 1
        order, hats = self.orders(x)
        if not all(np.isfinite(each).all() for each in order[:3]):
            return np.full_like(x, np.nan)
        with np.errstate(all="ignore"):
            average = self.averages(order, Accuracy.FINE)
            alpha = (hats.V * order.V).sum() / (average.response * order.V).sum()
            V = alpha * average.response
            unit = np.linalg.norm(V)
            m, q = alpha * average.overlap / unit, alpha * average.energy / unit**2
            length = math.sqrt(float(np.linalg.norm(q)))
            following = Conjugates(m / length, q / length**2, V / unit)
            if not all(np.isfinite(each).all() for each in following):
                return np.full_like(x, np.nan)
            return self.saddle.couplings.coordinates(following, order._replace(m=order.m / length))

    def threshold(self, x: Vector, accuracy: Accuracy) -> float:
        """Return the α at which the objective of this direction is 0.

        It is stationary at the solution: to first order an error of x does not count.
        """
        order, hats = self.orders(x)
        gained = (hats.V * order.q).sum() - (hats.m * order.m).sum()
        return float(gained) / (2.0 * self.averages(order, accuracy).loss)


@kept()
def separability(ensemble: Ensemble, bias: bool, masking: Masking | None) -> Threshold:
    """Return the sample ratio up to which some row separates its samples.

    Raises
    ------
    ConvergenceError
        If the saddle point was not found.
    """
    problem = Problem(1.0, 0.0, ensemble.data, "cross-entropy", bias, masking)
    saddle = SaddlePoint(problem)
    law = saddle.channel.law
    assert isinstance(law, ModeLaw | MixtureLaw)
    if bias and isinstance(law, MixtureLaw) and law.frequencies.min() < _NEVER:
        # Its logit falls for ever.
        return Threshold(math.inf, 0.0)
    rule: Rule = cone_rule(law)
    if isinstance(saddle.channel, StaticChannel):
        rule = StaticRule(saddle.channel, rule)
    direction = _Direction(saddle, rule, _LITTLE * saddle.couplings.unit)
    x = saddle.couplings.origin
    for _ in range(_PLAIN):
        x = direction.evaluate(x)
    find = accelerate if saddle.couplings.many else find_fixed_point
    found = find(direction.evaluate, x, None, _TOLERANCE, lambda: _MOST - direction.evaluations)
    if found.status != Status.CONVERGED:
        raise ConvergenceError(
            f"the search for the existence threshold stopped as {found.status} after "
            f"{direction.evaluations} evaluations with residual {largest(found.gap):.1e}",
            None,
        )
    nearby = direction.threshold(found.x + found.gap, Accuracy.FINE)
    fine, finer = (direction.threshold(found.x, each) for each in (Accuracy.FINE, Accuracy.FINER))
    error = 2.0 * (abs(fine / finer - 1.0) + abs(nearby / fine - 1.0) + rule.common_error)
    alpha = finer / saddle.share
    return Threshold(alpha, error) if alpha < _LARGEST else Threshold(math.inf, 0.0)
