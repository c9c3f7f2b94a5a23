"""What the saddle point asks of a loss: averages over the fields, at three accuracies."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

from replica.arrays import Vector


class Accuracy(IntEnum):
    """COARSE to approach a solution, FINE to report it, FINER to bound the error of FINE."""

    COARSE = 0
    FINE = 1
    FINER = 2


#: Overlaps from here on are not a number that later arithmetic can carry.
HUGE = 1e30

#: Own overlap of a row so short that its losses are those of no row at all.
NO_ROW = 1e-30


class Averages(NamedTuple):
    """Averages over the fields ω and the masked token, per sample.

    With h = prox(ω) and g = (h - ω)/V, projected on each colour mode: overlap = E (e_y·g),
    energy = E |g|², response = -E tr ∂g/∂ω, one entry per mode; loss = E ℓ(e_y, h).
    """

    overlap: Vector
    energy: Vector
    response: Vector
    loss: float


class Rule(Protocol):
    """A quadrature rule fit for one region of the order parameters."""

    @property
    def common_error(self) -> float:
        """Relative error that the accuracies may share, which their difference hides."""

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is still fit at these order parameters."""

    def averages(
        self,
        m: Vector,
        q: Vector,
        V: Vector,
        accuracy: Accuracy,
    ) -> Averages:
        """Return the averages at these order parameters."""


class Channel(Protocol):
    """One loss at a given number of colours."""

    @property
    def widest(self) -> float:
        """The q beyond which the averages cost too much or say too little."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return a quadrature rule fit for the surroundings of these order parameters."""

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_y, ω), the loss on fresh sequences."""

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability of a wrong guess; NaN where nothing is guessed."""

    def response_square(
        self,
        m: Vector,
        q: Vector,
        V: Vector,
        accuracy: Accuracy,
    ) -> Vector:
        """Return E tr (P_k K P_l K) of K = -∂g/∂ω for every pair of colour modes."""

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the loss of the true conditional law, whose fields have m = q = ρ."""

    def expansion(self) -> Rule:
        """Return the channel of the loss expanded to second order at h = 0, to start from."""
