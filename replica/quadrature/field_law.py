"""What a channel needs of the joint law of a row's fields ω and the masked token y."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.quadrature.point_sets import complement
from replica.quadrature.rule import Accuracy
from replica.quadrature.temperature import Points


class Sample(NamedTuple):
    """Points of the joint law of the fields and the masked token, which is colour 1.

    Attributes
    ----------
    fields : array (points, colors)
        ω.
    weights : array (points,)
        Their weights, which sum to one.
    noise : array (points, colors)
        ξ, the part of ω/√q that is normal.
    pull : array (points, colors)
        The overlap is E pull·g: K0 e_1, or the derivative of the log weight by the true field.
    tilt : float
        The response is tilt x overlap - E ξ·g/√q: the share of the pull that is the derivative
        of the log weight by ω.
    parts : int
        Number of equal parts, one behind the other, that are independent samples.
    """

    fields: Matrix
    weights: Vector
    noise: Matrix
    pull: Matrix
    tilt: float
    parts: int = 1


class Residual(NamedTuple):
    """Second moments of r = y - c ω, where y and ω count without their mean over the colours.

    Attributes
    ----------
    square : array (modes,)
        E |P_k r|² in each colour mode, P_k its projector.
    pull : array (modes,)
        What E pull·P_k r is, with the pull of `Sample`.
    """

    square: Vector
    pull: Vector


class Guesses(NamedTuple):
    """Equally likely fields, and how the guess fares that the largest component makes.

    Attributes
    ----------
    fields : array (parts, points, colors)
        ω, in independent parts.
    right : array (parts, points)
        The probability, given ω or more, that the largest component is that of the masked token.
    """

    fields: NDArray[np.float64]
    right: Matrix


class Evidence(NamedTuple):
    """What a sequence tells a posterior of the row whose mean has the overlaps m = q.

    Attributes
    ----------
    information : float
        E |∂ log P(y|ω)/∂ω|², the precision that it adds in units of a component of the fields.
    loss : float
        -E log P(y|ω), the cross-entropy of the best prediction.
    """

    information: float
    loss: float


class FieldLaw:
    """The joint law of ω and y as the order parameters m and q describe it.

    It is what an ensemble gives the channel side of the saddle point, whatever the loss. A law
    states its second moments, from which any quadratic loss follows, and its error rate; one
    that can be sampled serves every loss there is (`replica.channels.by_points`). Order parameters
    have one entry per colour mode. Laws of a mixture of Gaussians, whose colours are not alike,
    have m, q and V with an index per colour instead, and Σ_y of `Sample`s weighted with the
    frequencies of y.

    Attributes
    ----------
    colors : int
        C, the number of components of ω and y.
    """

    colors: int

    @cached_property
    def dimensions(self) -> NDArray[np.int64]:
        """Dimension of each colour mode."""
        return np.array([self.colors - 1])

    @property
    def regression_noise(self) -> float:
        """About the noise of a regression of y on the inputs, in units of 1/|w*|²."""
        return float(self.colors)

    def residual(self, m: Vector, q: Vector, c: float) -> Residual:
        """Return the second moments of y - c ω."""
        raise NotImplementedError

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return E |y - E[y|ν]|² of the true fields ν, which no predictor of y undercuts."""
        raise NotImplementedError

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that ω_y is not the largest; NaN where nothing is guessed."""
        raise NotImplementedError

    def chance(self) -> tuple[float, float]:
        """Return the error rate at small x = m/√q, and how fast it falls with x."""
        raise NotImplementedError

    def best_scale(self, rho: Vector) -> float:
        """Return the factor of the true field that predicts y with the least squared error."""
        raise NotImplementedError

    def evidence(self, m: float, accuracy: Accuracy) -> Evidence | None:
        """Return what a sequence tells a posterior of the row.

        None where it tells as much at any m, and softmax(ω) is the best prediction.
        """
        return None

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return the relative error of an error rate that comes from random points, else 0."""
        return 0.0

    def size(self, m: float, q: float) -> float:
        """Return the variance of the largest fields that enter a prox or a weight."""
        return q

    @cached_property
    def axes(self) -> tuple[Matrix, NDArray[np.int64]]:
        """Orthonormal directions of the noise of fields, one per row, and the mode of each."""
        return complement(self.colors), np.zeros(self.colors - 1, dtype=np.int64)

    def points(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return points of the law for a masked colour, or for each that stands for others."""
        size = self.size(float(m[0]), float(q[0]))
        sample = self.sample(float(m[0]), float(q[0]), size, accuracy)
        return [Points(sample.fields, sample.weights, 0)]

    def guesses(self, m: Vector, q: Vector, accuracy: Accuracy) -> Guesses:
        """Return random points of the law, whatever token is masked, with the fate of a guess."""
        raise NotImplementedError

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""
        raise NotImplementedError


def guessed(fields: Matrix, logits: Matrix, parts: int) -> Guesses:
    """Return the guesses that fields make of a token whose law is the softmax of these logits."""
    points, colors = fields.shape
    top = fields.argmax(axis=1)[:, None]
    logits = logits - np.take_along_axis(logits, top, axis=1)
    right = 1.0 / np.exp(np.minimum(logits, 700.0)).sum(axis=1)
    return Guesses(
        fields.reshape(parts, points // parts, colors), right.reshape(parts, points // parts)
    )
