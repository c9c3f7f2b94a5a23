"""What the saddle point asks of a law and a loss: averages over the fields, at three accuracies."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.temperature import Calibrated


class ManySamples(NamedTuple):
    """Leading terms of a row that has seen many samples.

    Attributes
    ----------
    scale : float
        The factor of the true row that it approaches.
    best : float
        The loss there.
    excess : float
        α times what the test loss exceeds it by, and the training loss falls below it.
    V : float
        α times the local variance.
    spread : float
        α|w - w*|²/<1/G>, where the row is unbiased; else 0, which is left out.
    """

    scale: float
    best: float
    excess: float
    V: float
    spread: float


class Channel(ABC):
    """A loss averaged over a law of the fields.

    Attributes
    ----------
    law : FieldLaw
        The joint law of fields and masked token.
    largest_q : float
        The q beyond which the averages cost too much or have too few digits.
    """

    law: FieldLaw

    @property
    @abstractmethod
    def largest_q(self) -> float:
        """The q beyond which the averages cost too much or have too few digits."""

    @abstractmethod
    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return a quadrature rule fit for the surroundings of these order parameters."""

    @abstractmethod
    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_y, ω), the loss on fresh sequences."""

    @abstractmethod
    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr (P_k K P_l K) of K = -∂g/∂ω for every pair of colour modes."""

    @abstractmethod
    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the loss of the true conditional law, whose fields have m = q = ρ."""

    @abstractmethod
    def expansion(self) -> Rule:
        """Return the channel of the loss expanded to second order at h = 0, to start from."""

    def fresh(self, m: Vector, q: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over sequences that have not trained the row, whose h = ω."""
        nothing = np.zeros_like(q)
        return self.rule(m, q, nothing).averages(m, q, nothing, accuracy)

    def unlearnt(self, V: float) -> Averages:
        """Return the averages of a row that has learnt nothing yet, at m = q = 0."""
        raise NotImplementedError

    def many_samples(self, rho: Vector) -> ManySamples:
        """Return what a row is like that has seen many samples."""
        raise NotImplementedError

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature of fields as logits, and the cross-entropy at it.

        NaN where the loss is another, or fields are no logits.
        """
        return Calibrated(math.nan, math.nan)

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess, whatever the loss; NaN where none is made."""
        return self.law.error_rate(m, q, accuracy)

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return the relative error that the accuracies of the error rate share."""
        return self.law.rate_error(m, q)
