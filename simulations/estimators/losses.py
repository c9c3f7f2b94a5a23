"""The losses of one masked token, averaged over what the token may be."""

from __future__ import annotations

import numpy as np

from replica.validation import one_of
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.kernels.local_fields import log_sum_exp, softmax
from simulations.tokens import Floats


class CrossEntropy:
    """ℓ(y, z) = log Σ_a exp(z_a) - y·z."""

    name = "cross-entropy"

    @staticmethod
    def expected(fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z) along the last axis of both arrays."""
        loss: Floats = log_sum_exp(fields) - np.sum(probabilities * fields, axis=-1)
        return loss

    @staticmethod
    def gradient(fields: Floats, seen: Floats) -> Floats:
        """Return softmax(z) - y for known tokens, p_y - 1 as minus the others: to all digits."""
        others = np.where(seen > 0, 0.0, softmax(fields))
        return np.where(seen > 0, -others.sum(axis=-1, keepdims=True), others)

    @staticmethod
    def curvature(fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives diag(p) - p pᵀ in z, p_y (1 - p_y) to all digits."""
        slope = CrossEntropy.gradient(fields, seen)
        p = slope + seen
        bend = -p[..., :, None] * p[..., None, :]
        own = np.arange(p.shape[-1])
        bend[..., own, own] = np.where(seen > 0, -p * slope, p * (1 - p))
        return bend

    @staticmethod
    def flattest(fields: Floats) -> Floats:
        """Return a bound c of the curvature from below, c K0 with K0 = I - 11ᵀ/C.

        The eigenvalues of diag(p) - p pᵀ, but for one of zero, lie between those of diag(p).
        """
        z = np.ascontiguousarray(np.moveaxis(fields, -1, 0))
        z -= z.max(axis=0)
        least: Floats = np.exp(z.min(axis=0)) / np.exp(z).sum(axis=0)
        return least

    @staticmethod
    def optimum(probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z) = -Σ_a p_a log p_a, the entropy."""
        # A probability that underflowed contributes nothing.
        logarithms = np.log(np.maximum(probabilities, np.finfo(float).tiny))
        loss: Floats = -np.sum(probabilities * logarithms, axis=-1)
        return loss


class SquaredError:
    """ℓ(y, z) = ½ |K0 y - K0 z|², with K0 = I - 11ᵀ/C."""

    name = "squared-error"

    @staticmethod
    def expected(fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z) along the last axis of both arrays."""
        colors = fields.shape[-1]
        centred = fields - fields.mean(axis=-1, keepdims=True)
        product = np.sum((centred - 2 * probabilities) * centred, axis=-1)
        loss: Floats = 0.5 * (1 - 1 / colors + product)
        return loss

    @staticmethod
    def gradient(fields: Floats, seen: Floats) -> Floats:
        """Return K0 (z - y) for known tokens."""
        gap = fields - seen
        slope: Floats = gap - gap.mean(axis=-1, keepdims=True)
        return slope

    @staticmethod
    def curvature(fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives K0 in z."""
        colors = fields.shape[-1]
        return np.broadcast_to(np.eye(colors) - 1 / colors, (*seen.shape, colors))

    @staticmethod
    def flattest(fields: Floats) -> Floats:
        """Return 1: the curvature is K0."""
        return np.ones(fields.shape[:-1])

    @staticmethod
    def optimum(probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z) = ½ (1 - |p|²), reached at z = p."""
        loss: Floats = 0.5 * (1 - np.sum(probabilities**2, axis=-1))
        return loss


Loss = CrossEntropy | SquaredError | OwnLoss

_LOSSES: dict[str, CrossEntropy | SquaredError] = {
    loss.name: loss for loss in (CrossEntropy(), SquaredError())
}


def loss_named(name: str | OwnLoss) -> Loss:
    """Return the loss called "cross-entropy" or "squared-error", or one of the user's.

    Raises
    ------
    ValueError
        If it is neither.
    """
    return _LOSSES[one_of("loss", name, _LOSSES)] if isinstance(name, str) else checked_loss(name)
