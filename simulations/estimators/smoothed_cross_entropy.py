"""The cross-entropy averaged over all masks, whose sums over tokens are taken for Gaussian.

Given the sequence, hiding tokens with probability p leaves t_c = Σ_j w_j [s_j = c] the mean
(1-p) t_c and the variance n_c = p(1-p) Σ_j w_j² [s_j = c], independently for every colour c. Each
is a sum over about L/C tokens, so that the average of the loss over masks is, up to 1/L, that over
Gaussian fields of the mean (1-p) U t and the covariance U diag(n) Uᵀ. This is also the exact
average over tokens that are multiplied by Gaussian numbers of mean 1-p and variance p(1-p) instead
of by 0 and 1, and as such a convex function of w. Its gradient is

    (1-p) Σ_μ E(Uᵀg)_{s_j} + p(1-p) w_j Σ_μ E(UᵀHU)_{s_j s_j} ,

g and H the gradient and the Hessian of the loss: masks act as a weight decay of every site.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import product

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from simulations.estimators.curvature import Curvature
from simulations.estimators.lbfgs import Minimum, minimise
from simulations.estimators.minimiser import Training, trained
from simulations.estimators.objective import Rows
from simulations.kernels.local_fields import colored_sums, gathered
from simulations.kernels.smoothed import LANES, smoothed
from simulations.tokens import Floats

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000

#: Nodes of Gauss-Hermite rules in each direction, by the number of colours.
_NODES = {2: 48, 3: 20}

#: Points of smaller weight are left out.
_LEAST = 1e-13

#: With more colours: sets of points that serve sequences in turn, and half the points of each.
_SETS, _PAIRS = 32, 64


def minimise_smoothed(
    rows: Rows, rate: float, seed: int | np.random.SeedSequence, tolerance: float, max_steps: int
) -> tuple[Training, Floats]:
    """Return rows at the minimum of the averaged cross-entropy, and their training losses.

    Parameters
    ----------
    rows : Rows
        The objectives without masks.
    rate : float
        p.
    seed : int or SeedSequence
        Source of the points of averages, with more than three colours.
    tolerance, max_steps
        As in `train`; a row is taken to be as near to its minimiser as the weight decay of the
        masks, and of the objective, tells.
    """
    average = _Average(rows, rate, seed)
    points, every = np.zeros((rows.tokens.shape[1], len(rows.rows))), np.arange(len(rows.rows))
    first = average.objective(points, every)
    precondition = average.preconditioner()
    convexity = 0.0 if rows.bias else rows.decay
    found = minimise(
        average.objective, precondition, points, first, tolerance, max_steps, convexity
    )
    statuses = found.statuses.copy()
    statuses[(statuses == "converged") & ~average.near(found, tolerance)] = "max-steps"
    if rows.decay == 0 or rows.bias:
        statuses[[average.lacks_minimiser(int(r)) for r in every]] = "diverged"
    held = Minimum(found.points, found.residuals, found.evaluations, statuses, found.slopes)
    losses = average.evaluate(found.points, every)[0]
    return trained(rows, held), losses / len(rows.tokens)


class _Average:
    """The objectives of rows, averaged over masks.

    Parameters
    ----------
    rows : Rows
        The objectives without masks.
    rate : float
        p.
    seed : int or SeedSequence
        Source of points.
    """

    def __init__(self, rows: Rows, rate: float, seed: int | np.random.SeedSequence) -> None:
        self._rows, self._seed = rows, seed
        sites = np.arange(rows.tokens.shape[1]) < rows.sites
        # What is hidden is no bias.
        self._kept = np.where(sites, 1.0 - rate, 1.0)[:, None]
        self._noise = np.where(sites, rate * (1.0 - rate), 0.0)[:, None]

    @cached_property
    def _points(self) -> tuple[Floats, Floats]:
        """Points and weights of averages over N(0, I)."""
        colors = self._rows.colors
        if colors in _NODES:
            return _product_rule(_NODES[colors], colors - 1)
        return _random_sets(colors, self._seed)

    def evaluate(self, points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Return losses, gradients, and the weight decay by masks at every site."""
        rows, count = self._rows, points.shape[1]
        losses, slopes, stiffness = np.empty(count), np.empty_like(points), np.empty_like(points)
        samples, symbols = len(rows.tokens), rows.values.shape[1]
        width = max(1, _LARGEST // (samples * symbols))
        for first in range(0, count, width):
            part = slice(first, first + width)
            some = points[:, part]
            sums = colored_sums(rows.tokens, (self._kept * some).T, symbols)
            variances = colored_sums(rows.tokens, (self._noise * some**2).T, symbols)
            answers, bends = np.empty(sums.shape), np.empty(sums.shape)
            targets = np.ascontiguousarray(rows.tokens[:, rows.rows[columns[part]]])
            arrays = np.ascontiguousarray(sums), np.ascontiguousarray(variances), targets
            smoothed(*arrays, rows.values, *self._points, losses[part], answers, bends)
            stiffness[:, part] = self._noise * gathered(rows.tokens, bends)
            slopes[:, part] = (
                self._kept * gathered(rows.tokens, answers) + stiffness[:, part] * some
            )
        return losses, slopes, stiffness

    def objective(self, points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return values and gradients."""
        rows = self._rows
        losses, slopes, _ = self.evaluate(points, columns)
        slopes += rows.pull(points)
        slopes[rows.rows[columns], np.arange(len(columns))] = 0.0
        weights = points[: rows.sites]
        return losses + 0.5 * rows.decay * np.einsum("jr,jr->r", weights, weights), slopes

    def preconditioner(self) -> Callable[[Floats, NDArray[np.int64]], Floats]:
        """Return about the inverse Hessians at the minimum."""
        rows = self._rows
        kept, noise = float(self._kept[0, 0]), float(self._noise[0, 0])
        curvature, scale = Curvature(rows.tokens, rows.values, rows.rows), 0.8 / rows.colors
        own = np.diagonal(rows.overlap)[rows.tokens[:, : rows.sites]].sum() / rows.sites
        inverse = curvature.preconditioner(scale * kept**2, rows.decay + scale * noise * float(own))
        return inverse.solve

    def near(self, found: Minimum, tolerance: float) -> NDArray[np.bool_]:
        """Tell which rows are, as the least weight decay of a site tells, within √tolerance |w|."""
        rows, columns = self._rows, np.arange(len(self._rows.rows))
        stiffness = self.evaluate(found.points, columns)[2][: rows.sites]
        stiffness[rows.rows, columns] = np.inf
        steep = np.linalg.norm(found.slopes, axis=0)
        radius = np.sqrt(tolerance) * np.linalg.norm(found.points, axis=0)
        return np.asarray(steep <= (rows.decay + stiffness.min(axis=0)) * radius)

    def lacks_minimiser(self, column: int) -> bool:
        """Tell whether some token, masks or none, never misleads and sometimes helps.

        Along a direction that no mask makes worse every site must help by itself, as the others may
        all be hidden; only then the average over masks has no minimiser without weight decay.
        """
        rows = self._rows
        if rows.bias and rows.absent[column]:
            return True
        if rows.decay > 0:
            return False
        margins = rows.margins(column)
        least, most = margins.min(axis=0), margins.max(axis=0)
        return bool(np.any((least >= 0) & (most > 0) | (most <= 0) & (least < 0)))


def _product_rule(nodes: int, dimensions: int) -> tuple[Floats, Floats]:
    """Return the product of Gauss-Hermite rules, as one set of points."""
    places, shares = hermegauss(nodes)
    shares = shares / shares.sum()
    points = np.array(list(product(places, repeat=dimensions))).T
    weights = np.prod(list(product(shares, repeat=dimensions)), axis=1)
    count = -(-int(np.sum(weights > _LEAST)) // LANES) * LANES
    on = np.argsort(-weights, kind="stable")[:count]
    return np.ascontiguousarray(points[None, :, on]), weights[on] / weights[on].sum()


def _random_sets(dimensions: int, seed: int | np.random.SeedSequence) -> tuple[Floats, Floats]:
    """Return sets of random points, each with its opposite, of exact second moments."""
    pairs = -(-max(_PAIRS, 2 * dimensions) // LANES) * LANES
    half = np.random.default_rng(seed).standard_normal((_SETS, dimensions, pairs))
    moments = half @ half.transpose(0, 2, 1) / pairs
    half = np.linalg.solve(np.linalg.cholesky(moments), half)
    return np.concatenate([half, -half], axis=2), np.full(2 * pairs, 0.5 / pairs)
