"""The saddle-point equations of a problem, as one map of its conjugate order parameters."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.channels.channel import Channel
from replica.channels.channel_of import channel_of, masked_channel_of
from replica.channels.masked import MaskedChannel
from replica.ensembles import ensemble_of
from replica.ensembles.masked import MaskedSpectrum
from replica.ensembles.measured import MeasuredMoments
from replica.ensembles.moments import Moments
from replica.ensembles.spectrum import Spectrum
from replica.problem import Masking, Problem
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.saddle_point.couplings import couplings_of
from replica.saddle_point.equations import (
    Conjugates,
    CouplingEquations,
    Overlaps,
    conjugates_of,
)
from replica.saddle_point.masked_couplings import MaskedCouplings
from replica.saddle_point.masked_measured_couplings import MaskedMeasuredCouplings
from replica.saddle_point.masked_moment_couplings import MaskedMomentCouplings
from replica.saddle_point.solution import Solution, vector
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
    share : float
        Of the sequences, that which trains the row once: with static masks p, else 1.
    alpha, lam : float
        Sample ratio and weight decay of these sequences; λ that of the problem unless a path
        leads there.
    evaluations : int
        How often the map was evaluated, at whatever accuracy.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.share = 1.0
        self.ensemble = ensemble_of(problem.data)
        self.couplings: CouplingEquations
        self.channel: Channel
        if problem.masking is None:
            self.couplings = couplings_of(self.ensemble, problem.bias)
            self.channel = channel_of(self.ensemble.law, problem.loss)
        else:
            self._mask(problem, problem.masking)
        self.alpha, self.lam = self.share * problem.alpha, self.share * problem.lam
        self.evaluations = 0
        # Where the last overlaps are, which are asked for again and again.
        self._place: tuple[bytes, float] | None = None
        self._overlaps: Overlaps
        self._rule: Rule | None = None
        self._known: dict[tuple[bytes, Accuracy], Averages] = {}

    def _mask(self, problem: Problem, masking: Masking) -> None:
        law, context = self.ensemble.law, self.ensemble.context
        self.share = masking.seen
        if isinstance(context, Spectrum):
            masked = MaskedSpectrum(context, masking)
            self.couplings = MaskedCouplings(masked, self.ensemble.colors)
            self.channel = masked_channel_of(law, problem.loss, masked)
            return
        if not isinstance(context, Moments):
            raise invalid("masking", str(masking), "None for these data")
        if masking.dynamic or masking.draws > 1:
            raise invalid("masking", str(masking), "static and drawn once where moments are given")
        colors = self.ensemble.colors
        how = masking.rate, colors, problem.bias
        if isinstance(context, MeasuredMoments):
            self.couplings = MaskedMeasuredCouplings(context, *how)
        else:
            self.couplings = MaskedMomentCouplings(context, *how)
        self.channel = channel_of(law, problem.loss)

    def conjugates(self, x: Vector) -> Conjugates:
        """Return the conjugates at coordinates x."""
        return self.couplings.conjugates(x, self.lam)

    def overlaps(self, x: Vector) -> Overlaps:
        """Return the overlaps at coordinates x, by the coupling equations."""
        key = x.tobytes(), self.lam
        if key != self._place:
            self._place, self._overlaps = key, self.couplings.overlaps(x, self.lam)
        return self._overlaps

    def seen(self, values: Vector) -> Vector:
        """Return the entries of m, q or V that belong to fields: all, but for that of |w|²."""
        return values[:-1] if isinstance(self.channel, MaskedChannel) else values

    def rule_for(self, order: Overlaps) -> Rule:
        """Return the quadrature rule, which is kept while it covers the overlaps."""
        if self._rule is None or not self._rule.covers(*order[:3]):
            self.forget_rule()
            self._rule = self.channel.rule(*order[:3])
        return self._rule

    def averages(self, order: Overlaps, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields."""
        rule, (m, q, V) = self.rule_for(order), order[:3]
        key = m.tobytes() + q.tobytes() + V.tobytes(), accuracy
        average = self._known.get(key)
        if average is None:
            average = self._known[key] = rule.averages(m, q, V, accuracy)
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
        return self.couplings.coordinates(conjugates_of(average, self.alpha), order)

    def unlearnt(self, accuracy: Accuracy) -> Vector:
        """Return the coordinates that follow on the row w = 0, where the expansion is exact."""
        nothing = self.couplings.untrained
        average = self.channel.expansion().averages(nothing.m, nothing.q, nothing.V, accuracy)
        return self.couplings.coordinates(conjugates_of(average, self.alpha), nothing)


def order_of(solution: Solution) -> tuple[Overlaps, Conjugates]:
    """Return the order parameters of a solution in the shapes that the equations have."""
    if solution.coordinates is None:
        m, q, V = (vector(each) for each in (solution.m, solution.q, solution.V))
        hats = (vector(each) for each in (solution.m_hat, solution.q_hat, solution.V_hat))
        return Overlaps(m, q, V, np.nan, solution.norm2), Conjugates(*hats)
    saddle = SaddlePoint(solution.problem)
    x = np.array(solution.coordinates)
    return saddle.overlaps(x), saddle.conjugates(x)
