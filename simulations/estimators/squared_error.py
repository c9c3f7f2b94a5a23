"""The squared error of one masked token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from simulations.estimators.curvature import fewer_by_samples, hits_of, lines_of, overlaps
from simulations.estimators.lbfgs import Minimum
from simulations.estimators.least_squares import regressed
from simulations.estimators.objective import Force, Loss, Rows
from simulations.kernels.second_moments import LeaveOneOut, pair_sums
from simulations.tokens import Floats, Tokens

#: Products with the matrix of a linear system, or its inverse, that a solution takes.
_PRODUCTS = 5


class SquaredError(Loss):
    """ℓ(y, z) = ½ |K0 y - K0 z|², with K0 = I - 11ᵀ/C."""

    name = "squared-error"
    evaluations = 2
    attained = True

    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z) along the last axis of both arrays."""
        colors = fields.shape[-1]
        centred = fields - fields.mean(axis=-1, keepdims=True)
        product = np.sum((centred - 2 * probabilities) * centred, axis=-1)
        loss: Floats = 0.5 * (1 - 1 / colors + product)
        return loss

    def gradient(self, fields: Floats, seen: Floats) -> Floats:
        """Return K0 (z - y) for known tokens."""
        gap = fields - seen
        slope: Floats = gap - gap.mean(axis=-1, keepdims=True)
        return slope

    def curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives K0 in z."""
        colors = fields.shape[-1]
        return np.broadcast_to(np.eye(colors) - 1 / colors, (*seen.shape, colors))

    def flattest(self, fields: Floats, tokens: Tokens) -> Floats:
        """Return 1: the curvature is K0."""
        return np.ones(fields.shape[:-1])

    def optimum(self, probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z) = ½ (1 - |p|²), reached at z = p."""
        loss: Floats = 0.5 * (1 - np.sum(probabilities**2, axis=-1))
        return loss

    def minimise(self, rows: Rows, tolerance: float, max_steps: int) -> Minimum:
        """Return the minima of rows from linear systems, the shortest where there are many."""
        tokens, values = rows.tokens[:, : rows.sites], rows.values[:, : rows.symbols]
        tokens, decay = np.ascontiguousarray(tokens), rows.decay
        samples, sites = tokens.shape
        means = _Means(tokens, values, rows.rows) if rows.bias else None
        # With fewer equations than weights and no weight decay the sums of pairs have no inverse.
        free = samples - (means is not None)
        singular = decay == 0 and free * (rows.colors - 1) < sites
        few = singular or fewer_by_samples(tokens, rows.colors, _PRODUCTS * len(rows.rows))
        if few and rows.ridge is None:
            inputs = lines_of(tokens, values)
            answers = lines_of(tokens[:, rows.rows], np.eye(rows.colors))
            if means is not None:
                inputs -= np.repeat(means.inputs, samples, axis=0)
                answers -= np.repeat(means.answers, samples, axis=0)
            found = regressed(inputs, answers, decay, rows.rows, tolerance)
            return _solved(rows, means, *found, tolerance)
        stiff = decay if rows.ridge is None else decay + rows.ridge
        hessian = pair_sums(tokens, np.arange(sites), overlaps(values)) + stiff * np.eye(sites)
        columns = np.arange(len(rows.rows))
        own = rows.rows, columns
        target = hits_of(tokens, values, rows.rows)
        if means is not None:
            hessian -= samples * means.inputs.T @ means.inputs
            target -= samples * means.inputs.T @ means.answers
            target[own] = 0.0

        def gradient(points: Floats) -> Floats:
            slope: Floats = hessian @ points - target
            slope[own] = 0.0
            return slope

        points = np.zeros_like(target)
        scale = np.linalg.norm(target, axis=0)
        scale[scale == 0] = 1.0
        correction = np.full_like(points, np.inf)
        try:
            inverse = LeaveOneOut(hessian, rows.rows)
            # The second round removes the rounding errors of the first, and tells their size.
            for _ in range(2):
                correction = inverse.solve(gradient(points), columns)
                points -= correction
        except np.linalg.LinAlgError:
            pass
        residuals = np.linalg.norm(gradient(points), axis=0) / scale
        lengths, corrections = (np.linalg.norm(each, axis=0) for each in (points, correction))
        if not np.all((residuals < tolerance) & (corrections <= np.sqrt(tolerance) * lengths)):
            # Singular or close to it, as for λ = 0 and few samples: the shortest minimiser.
            for r, site in enumerate(rows.rows):
                others = np.arange(sites) != site
                matrix = hessian[np.ix_(others, others)]
                points[others, r] = np.linalg.lstsq(matrix, target[others, r], rcond=1e-12)[0]
            residuals = np.linalg.norm(gradient(points), axis=0) / scale
        return _solved(rows, means, points, gradient(points), residuals, tolerance)

    def lacks_minimiser(self, rows: Rows, point: Floats, column: int) -> bool:
        """Return False: a quadratic function that is bounded from below has a minimum."""
        return False

    def force(self, fields: Floats, seen: Floats, variance: Floats) -> Force:
        """Return the forces of h = (ω + V K0 y)/(1 + V)."""
        colors = fields.shape[-1]
        stiff = 1 + variance[:, None]
        answer = (seen - 1 / colors - fields) / stiff
        return Force(answer, np.broadcast_to((colors - 1) / stiff[:, 0], fields.shape[:2]))


class _Means:
    """Means of inputs and answers over the sequences: with a bias, regression is that of the rest.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    values : array (colors, colors)
        U.
    rows : int array (rows,)
        The sites i.

    Attributes
    ----------
    inputs, answers : arrays (colors - 1, sites) and (colors - 1, rows)
        In the basis of `lines_of`.
    """

    def __init__(self, tokens: Tokens, values: Floats, rows: NDArray[np.int64]) -> None:
        self._basis = linalg.helmert(len(values))
        shares = np.array([np.mean(tokens == a, axis=0) for a in range(values.shape[1])])
        self.inputs = self._basis @ values @ shares
        self.answers = self._basis @ shares[: len(values), rows]

    def bias(self, points: Floats) -> Floats:
        """Return the best biases, an array (colors, rows)."""
        bias: Floats = self._basis.T @ (self.answers - self.inputs @ points)
        return bias


def _solved(
    rows: Rows,
    means: _Means | None,
    points: Floats,
    slopes: Floats,
    residuals: Floats,
    tolerance: float,
) -> Minimum:
    if means is not None:
        bias = means.bias(points)
        points = np.concatenate([points, bias[:-1] - bias[-1]])
        slopes = np.concatenate([slopes, np.zeros((rows.bias, len(residuals)))])
    statuses = np.where(residuals < tolerance, "converged", "max-steps").astype(object)
    statuses[~np.isfinite(residuals)] = "not-finite"
    evaluations = np.ones(len(residuals), dtype=np.int64)
    return Minimum(points, residuals, evaluations, statuses, slopes)
