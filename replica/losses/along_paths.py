"""Losses and their first two derivatives at fields that have their own masked token each."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.losses.custom import CustomPoints

#: Differences of fields for derivatives of a user's loss, whose errors are of their fourth order.
_STEP = 3e-3


class Bend(NamedTuple):
    """What a loss makes of fields, in the axes of their noise.

    Attributes
    ----------
    force : array (axes, paths)
        g = -∂ℓ/∂h.
    curvature : array (axes, axes, paths)
        H = ∂²ℓ/∂h∂h.
    losses : array (paths,)
        ℓ(e_y, h).
    """

    force: Matrix
    curvature: NDArray[np.float64]
    losses: Vector


class PathLoss(Protocol):
    """A loss at fields (axes, paths) of masked tokens (paths,).

    Attributes
    ----------
    curvature : float
        The largest eigenvalue of H at any fields, or at those that it was asked for so far.
    """

    @property
    def curvature(self) -> float:
        """The largest eigenvalue of H, known or met so far."""

    def bend(self, h: Matrix, masked: NDArray[np.int64]) -> Bend:
        """Return the loss and its derivatives."""


class CrossEntropyPaths:
    """ℓ(e_y, h) = log Σ_a e^{h_a} - h_y.

    Parameters
    ----------
    basis : array (axes, colors)
        The axes.
    """

    #: That of diag(p) - p pᵀ: at most 1/2, where two tokens are equally likely.
    curvature = 0.5

    def __init__(self, basis: Matrix) -> None:
        self._basis = basis

    def bend(self, h: Matrix, masked: NDArray[np.int64]) -> Bend:
        """Return the loss and its derivatives."""
        basis = self._basis
        fields = basis.T @ h
        fields -= fields.max(axis=0)
        p = np.exp(fields)
        total = p.sum(axis=0)
        p /= total
        mean = basis @ p
        curvature = np.tensordot(np.einsum("ac,bc->abc", basis, basis), p, axes=1)
        curvature -= mean[:, None] * mean
        losses = np.log(total) - fields[masked, np.arange(len(masked))]
        return Bend(basis[:, masked] - mean, curvature, losses)


class CustomPaths:
    """A loss of the user's, whose derivatives are differences of its values.

    Parameters
    ----------
    loss : CustomPoints
        The loss, which is known where the first colour is masked.
    basis : array (axes, colors)
        The axes.
    """

    def __init__(self, loss: CustomPoints, basis: Matrix) -> None:
        self._loss, self._basis = loss, basis
        self.curvature = 0.0

    def bend(self, h: Matrix, masked: NDArray[np.int64]) -> Bend:
        """Return the loss and its derivatives, by differences of fourth order."""
        axes = range(len(h))
        moves = _STEP * np.eye(len(h))[:, :, None]
        here = self._value(h)
        force, curvature = np.empty_like(h), np.empty((len(h), *h.shape))
        for a in axes:
            down2, down, up, up2 = (self._value(h + n * moves[a]) for n in (-2, -1, 1, 2))
            force[a] = -(8 * (up - down) - (up2 - down2)) / (12 * _STEP)
            curvature[a, a] = (16 * (up + down) - (up2 + down2) - 30 * here) / (12 * _STEP**2)
            for b in range(a):
                corners = [
                    self._mixed(h, n * moves[a], n * moves[b]) / (4 * (n * _STEP) ** 2)
                    for n in (1, 2)
                ]
                curvature[a, b] = curvature[b, a] = (4 * corners[0] - corners[1]) / 3
        if np.isfinite(curvature).all():
            levels = np.linalg.eigvalsh(np.moveaxis(curvature, 2, 0))
            self.curvature = max(self.curvature, float(levels[:, -1].max()))
        return Bend(force, curvature, here)

    def _mixed(self, h: Matrix, one: Matrix, other: Matrix) -> Vector:
        same = self._value(h + one + other) + self._value(h - one - other)
        return same - self._value(h + one - other) - self._value(h - one + other)

    def _value(self, h: Matrix) -> Vector:
        return self._loss.value(np.ascontiguousarray((self._basis.T @ h).T))
