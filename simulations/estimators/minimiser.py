"""Rows of the attention at V = U, trained to the exact minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.validation import integer, non_negative, positive, refusal
from simulations.estimators.certificate import Rows, reviewed
from simulations.estimators.curvature import Curvature, fewer_by_samples, lines_of, overlaps
from simulations.estimators.lbfgs import Minimum, clear_rounding, minimise
from simulations.estimators.least_squares import regressed
from simulations.estimators.losses import CrossEntropy, SquaredError, loss_named
from simulations.estimators.own_loss import OwnLoss, own_minimum
from simulations.kernels.cross_entropy import evaluate, sites_by_color
from simulations.kernels.one_thread import one_thread
from simulations.kernels.second_moments import LeaveOneOut, pair_sums
from simulations.sequences.potts import checked_colors
from simulations.tokens import (
    Floats,
    Tokens,
    checked_similarity,
    checked_sites,
    checked_tokens,
    seen,
)

#: Products with the matrix of a linear system, or its inverse, that a solution takes.
_PRODUCTS = 5


@dataclass(frozen=True, eq=False)
class Training(Immutable):
    """Trained rows of the attention, one entry per row.

    Parameters
    ----------
    weights : array (rows, sites)
        The rows of A, with zeros at A_ii.
    rows : int array (rows,)
        The sites i they predict.
    residuals : array (rows,)
        Norm of the gradient, relative to that at A = 0.
    evaluations : int array (rows,)
        Evaluations of the objective with its gradient; 1 for a linear solve.
    statuses : array of str (rows,)
        "converged"; "max-steps"; "diverged", where λ = 0 and there is no finite minimiser;
        "not-finite".
    """

    weights: Floats
    rows: NDArray[np.int64]
    residuals: Floats
    evaluations: NDArray[np.int64]
    statuses: NDArray[np.object_]

    @classmethod
    def joined(cls, parts: Sequence[Training]) -> Training:
        """Return the rows of several trainings, one or more, together."""
        if not parts or not all(isinstance(part, Training) for part in parts):
            raise refusal("parts", parts, "a sequence of one Training or more")
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @property
    def status(self) -> str:
        """The worst of the statuses."""
        for status in ("not-finite", "diverged", "max-steps"):
            if status in self.statuses:
                return status
        return "converged"


@one_thread
def train(
    tokens: Any,
    colors: int,
    lam: float,
    loss: str | OwnLoss = "cross-entropy",
    similarity: Any = None,
    rows: Any = None,
    tolerance: float = 1e-8,
    max_steps: int = 1000,
) -> Training:
    """Minimise Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (L λ / 2) |w|² for many sites i.

    At V = U the rows of the factored attention decouple (Rende et al., arXiv:2304.07235);
    each is a convex problem. Without weight decay the cross-entropy has no finite minimiser if
    along some w no token is ever predicted worse and one is predicted better, which a linear
    program decides where the minimum does not prove itself (see
    `simulations.estimators.certificate`). Of several minimisers, which differ by what changes no
    prediction, the shortest is returned.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, 0 or greater.
    loss : str or OwnLoss
        "cross-entropy", "squared-error" or a loss of the user's.
    similarity : array (colors, colors), optional
        U; None is the identity.
    rows : sequence of int, optional
        The sites i; None is all.
    tolerance : float
        A row has converged when the norm of its gradient, relative to that at w = 0, is
        below this, and its distance from the minimiser, relative to |w|, below its root; this
        is proven, up to rounding, for the cross-entropy, and estimated from second derivatives
        by differences for a loss of the user's.
    max_steps : int
        The most steps of the minimiser.

    Returns
    -------
    Training
        One row per site i, each with a status of its own.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    lam = non_negative("lam", lam)
    tolerance = positive("tolerance", tolerance)
    max_steps = integer("max_steps", max_steps, 1)
    sites = checked_sites(rows, tokens.shape[1])
    values = None
    if similarity is not None:
        values = seen(checked_similarity(similarity, colors))
    chosen = loss_named(loss)
    if isinstance(chosen, CrossEntropy):
        minimum = _cross_entropy(tokens, colors, lam, values, sites, tolerance, max_steps)
    elif isinstance(chosen, SquaredError):
        minimum = _squared_error(tokens, colors, lam, values, sites, tolerance)
    else:
        matrix = np.eye(colors) if values is None else values
        decay = tokens.shape[1] * lam
        minimum = own_minimum(chosen, tokens, matrix, decay, sites, tolerance, max_steps)
    if not isinstance(chosen, SquaredError):
        matrix, decay = np.eye(colors) if values is None else values, tokens.shape[1] * lam
        minimum = reviewed(Rows(chosen, tokens, matrix, decay, sites), minimum, tolerance)
    return Training(
        np.ascontiguousarray(minimum.points.T),
        sites,
        minimum.residuals,
        minimum.evaluations,
        minimum.statuses,
    )


def _cross_entropy(
    tokens: Tokens,
    colors: int,
    lam: float,
    similarity: Floats | None,
    rows: NDArray[np.int64],
    tolerance: float,
    max_steps: int,
) -> Minimum:
    sites = tokens.shape[1]
    values = np.eye(colors) if similarity is None else similarity
    decay = sites * lam
    groups = sites_by_color(tokens, colors)
    unused = np.empty_like(values)

    def objective(points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        value, slope = np.empty(len(columns)), np.empty_like(points)
        targets = rows[columns]
        evaluate(
            tokens, groups, targets, points, values, similarity is not None, value, slope, unused
        )
        slope += decay * points
        slope[targets, np.arange(len(targets))] = 0.0
        return value + 0.5 * decay * np.einsum("jr,jr->r", points, points), slope

    # The Hessian at w = 0, where every probability is 1/C, is the same for all rows. At the
    # minimum tokens are predicted better and the curvature is smaller, by about a fifth.
    curvature = Curvature(tokens, values, rows)
    inverse = curvature.preconditioner(0.8 / colors, decay)
    # Losses that add up to less than log 2 prove that every token is predicted with a
    # probability above one half: without weight decay, doubling w then lowers them all.
    floor = np.log(2) if lam == 0 else -np.inf
    start = np.zeros((sites, len(rows)))
    # For U = I the sums of all pairs hold the first gradients, too.
    if similarity is None and curvature.sums is not None:
        hits = curvature.sums[:, rows]
        hits[rows, np.arange(len(rows))] = 0.0
    else:
        hits = _hits(tokens, values, rows)
    clear_rounding(hits, np.finfo(float).eps * len(tokens) * np.abs(values).max())
    first = np.full(len(rows), len(tokens) * np.log(colors)), -hits
    return minimise(objective, inverse.solve, start, first, tolerance, max_steps, decay, floor)


def _squared_error(
    tokens: Tokens,
    colors: int,
    lam: float,
    similarity: Floats | None,
    rows: NDArray[np.int64],
    tolerance: float,
) -> Minimum:
    samples, sites = tokens.shape
    values = np.eye(colors) if similarity is None else similarity
    # With fewer equations than weights and no weight decay the sums of pairs have no inverse.
    singular = lam == 0 and samples * (colors - 1) < sites
    if singular or fewer_by_samples(tokens, colors, _PRODUCTS * len(rows)):
        inputs, answers = lines_of(tokens, values), lines_of(tokens[:, rows], np.eye(colors))
        return _solved(*regressed(inputs, answers, sites * lam, rows, tolerance), tolerance)
    hessian = pair_sums(tokens, np.arange(sites), overlaps(values)) + sites * lam * np.eye(sites)
    columns = np.arange(len(rows))
    own = rows, columns
    target = _hits(tokens, values, rows)

    def gradient(points: Floats) -> Floats:
        slope: Floats = hessian @ points - target
        slope[own] = 0.0
        return slope

    points = np.zeros_like(target)
    scale = np.linalg.norm(target, axis=0)
    scale[scale == 0] = 1.0
    correction = np.full_like(points, np.inf)
    try:
        inverse = LeaveOneOut(hessian, rows)
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
        for r, site in enumerate(rows):
            others = np.arange(sites) != site
            matrix = hessian[np.ix_(others, others)]
            points[others, r] = np.linalg.lstsq(matrix, target[others, r], rcond=1e-12)[0]
        residuals = np.linalg.norm(gradient(points), axis=0) / scale
    return _solved(points, gradient(points), residuals, tolerance)


def _solved(points: Floats, slopes: Floats, residuals: Floats, tolerance: float) -> Minimum:
    statuses = np.where(residuals < tolerance, "converged", "max-steps").astype(object)
    statuses[~np.isfinite(residuals)] = "not-finite"
    evaluations = np.ones(len(residuals), dtype=np.int64)
    return Minimum(points, residuals, evaluations, statuses, slopes)


def _hits(tokens: Tokens, values: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return Σ_μ (K0 U s_j)·s_i, zero for j = i: minus the gradient of either loss at w = 0."""
    hits = pair_sums(tokens, rows, values - values.mean(axis=1, keepdims=True))
    hits[rows, np.arange(len(rows))] = 0.0
    return hits
