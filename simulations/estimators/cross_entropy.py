"""The cross-entropy of one masked token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import wrightomega

from simulations.estimators.certificate import reviewed
from simulations.estimators.curvature import Curvature, hits_of
from simulations.estimators.lbfgs import Minimum, clear_rounding, minimise
from simulations.estimators.objective import Force, Loss, Rows
from simulations.estimators.recession import recession_direction, separates
from simulations.kernels.cross_entropy import evaluate, sites_by_color
from simulations.kernels.local_fields import log_sum_exp, softmax
from simulations.tokens import Floats, Tokens

#: Newton steps for the normaliser; four to eight reach the rounding error.
_MOST_STEPS = 60

#: Minus the bias of what is never the masked token.
_NEVER = 1e300


class CrossEntropy(Loss):
    """ℓ(y, z) = log Σ_a exp(z_a) - y·z."""

    name = "cross-entropy"

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z) along the last axis of both arrays."""
        loss: Floats = log_sum_exp(fields) - np.sum(probabilities * fields, axis=-1)
        return loss

    def gradient(self, fields: Floats, seen: Floats) -> Floats:
        """Return softmax(z) - y for known tokens, p_y - 1 as minus the others: to all digits."""
        others = np.where(seen > 0, 0.0, softmax(fields))
        return np.where(seen > 0, -others.sum(axis=-1, keepdims=True), others)

    def curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives diag(p) - p pᵀ in z, p_y (1 - p_y) to all digits."""
        slope = self.gradient(fields, seen)
        p = slope + seen
        bend = -p[..., :, None] * p[..., None, :]
        own = np.arange(p.shape[-1])
        bend[..., own, own] = np.where(seen > 0, -p * slope, p * (1 - p))
        return bend

    def total_curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives summed over sequences, an array (rows, colors, colors)."""
        p = softmax(fields).transpose(1, 0, 2)
        total: Floats = -p.transpose(0, 2, 1) @ p
        own = np.arange(p.shape[-1])
        total[:, own, own] += p.sum(axis=1)
        return total

    def flattest(self, fields: Floats, tokens: Tokens) -> Floats:
        """Return a bound c of the curvature from below, c K0 with K0 = I - 11ᵀ/C.

        The eigenvalues of diag(p) - p pᵀ, but for one of zero, lie between those of diag(p).
        """
        z = np.ascontiguousarray(np.moveaxis(fields, -1, 0))
        z -= z.max(axis=0)
        least: Floats = np.exp(z.min(axis=0)) / np.exp(z).sum(axis=0)
        return least

    def optimum(self, probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z) = -Σ_a p_a log p_a, the entropy."""
        # A probability that underflowed contributes nothing.
        logarithms = np.log(np.maximum(probabilities, np.finfo(float).tiny))
        loss: Floats = -np.sum(probabilities * logarithms, axis=-1)
        return loss

    def minimise(self, rows: Rows, tolerance: float, max_steps: int) -> Minimum:
        """Return the minima of rows, from w = 0 by quasi-Newton steps."""
        values, decay, sites, length = rows.values, rows.decay, rows.rows, rows.sites
        tokens = np.ascontiguousarray(rows.tokens[:, :length])
        # To the kernel what is missing is one more colour, of zeros in U, with a bias that lets it
        # be no token.
        similarity = np.ascontiguousarray(
            np.pad(values[:, : rows.symbols], ((0, rows.missing), (0, 0)))
        )
        groups = sites_by_color(tokens, rows.symbols)
        unused = np.empty_like(similarity)

        def objective(points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
            value, slope = np.empty(len(columns)), np.empty_like(points)
            targets, weights = sites[columns], points[:length]
            bias = rows.biases(points)[: rows.colors if rows.bias or rows.missing else 0]
            if rows.missing:
                bias = np.pad(bias, ((0, 1), (0, 0)), constant_values=-_NEVER)
            in_bias = np.empty_like(bias)
            evaluate(
                tokens, groups, targets, weights, similarity, not rows.plain,
                value, slope[:length], unused, bias, in_bias,
            )  # fmt: skip
            slope[length:] = in_bias[: rows.bias]
            slope += rows.pull(points)
            slope[targets, np.arange(len(targets))] = 0.0
            return value + 0.5 * decay * np.einsum("jr,jr->r", weights, weights), slope

        # The Hessian at w = 0, where every probability is 1/C, is the same for all rows, and that
        # at their best biases about the same. At the minimum tokens are predicted better and the
        # curvature is smaller, by about a fifth.
        if rows.bias:
            curvature = Curvature(rows.tokens, values, sites, self._mean_curvature(rows))
            inverse = curvature.preconditioner(0.8, decay)
        else:
            curvature = Curvature(rows.tokens, values, sites)
            inverse = curvature.preconditioner(0.8 / rows.colors, decay)
        # Losses that add up to less than log 2 prove that every token is predicted with a
        # probability above one half: without weight decay, doubling w then lowers them all.
        floor = np.log(2) if decay == 0 else -np.inf
        start = np.zeros((rows.tokens.shape[1], len(sites)))
        if rows.bias:
            start[length:] = self._log_odds(rows)
            value, slope = objective(start, np.arange(len(sites)))
            # Where a colour is absent there is no minimum, whatever the weights.
            slope[:, rows.absent] = 0.0
        else:
            # For U = I the sums of all pairs hold the first gradients, too.
            if rows.plain and curvature.sums is not None:
                hits = curvature.sums[:, sites]
                hits[sites, np.arange(len(sites))] = 0.0
            else:
                hits = hits_of(tokens, values, sites)
            value, slope = np.full(len(sites), len(tokens) * np.log(rows.colors)), -hits
        clear_rounding(slope, np.finfo(float).eps * len(tokens) * np.abs(values).max())
        convexity = 0.0 if rows.bias else decay
        found = minimise(
            objective, inverse.solve, start, (value, slope), tolerance, max_steps, convexity, floor
        )
        if rows.bias:
            found.residuals[rows.absent] = 1.0
        return reviewed(rows, found, tolerance)

    def _mean_curvature(self, rows: Rows) -> Floats:
        """Return diag(π) - π πᵀ of the shares π of the colours, averaged over rows."""
        masked = rows.tokens[:, rows.rows]
        shares = np.array([np.mean(masked == a, axis=0) for a in range(rows.colors)])
        mean: Floats = np.diag(shares.mean(axis=1)) - shares @ shares.T / len(rows.rows)
        return mean

    def _log_odds(self, rows: Rows) -> Floats:
        """Return the best biases at w = 0, where no colour is absent."""
        masked = rows.tokens[:, rows.rows]
        counts = np.array([np.sum(masked == a, axis=0) for a in range(rows.colors)])
        logarithms = np.log(np.maximum(counts, 0.5))
        odds: Floats = logarithms[: rows.bias] - logarithms[-1]
        return odds

    def lacks_minimiser(self, rows: Rows, point: Floats, column: int) -> bool:
        """Tell whether some direction predicts no token worse, and one better."""
        matrix = rows.margins(column)
        if separates(matrix, rows.free(point, column)):
            return True
        return recession_direction(matrix) is not None

    def force(self, fields: Floats, seen: Floats, variance: Floats) -> Force:
        """Return the forces of h = ω + V (y - p) with p = softmax(h).

        That is log p_a + V p_a = ω_a + V y_a - t for every a. At given t it is Wright's omega
        function, V p_a = ω_W(ω_a + V y_a - t + log V), and t follows from Σ_a p_a = 1.
        """
        V = variance[:, None]
        target = fields + V * seen
        # Without variance p is the softmax of the field: V = 0 must not divide.
        tiny = np.maximum(V, 1e-100)
        # Σ p falls with t and is convex. Newton's steps from where it is one or more, as it is
        # where the largest p alone is one, approach the root from there.
        t = target.max(axis=-1, keepdims=True) - V
        p = softmax(target)
        for _ in range(_MOST_STEPS if V.max() > 0 else 0):
            p = wrightomega(target - t + np.log(tiny)) / tiny
            excess = p.sum(axis=-1, keepdims=True) - 1
            t += excess / (p / (1 + V * p)).sum(axis=-1, keepdims=True)
            if np.abs(excess).max() < 1e-14 * len(p[0, 0]):
                break
        slope = p / (1 + V * p)
        total = slope.sum(axis=-1)
        return Force(seen - p, total - (slope**2).sum(axis=-1) / total)
