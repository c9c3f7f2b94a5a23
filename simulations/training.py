"""Rows of the attention at V = U, trained to the exact minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arguments import integer, non_negative, positive
from replica.immutable import Immutable
from simulations.crossentropy import evaluate, sites_by_color
from simulations.fields import (
    Floats,
    Tokens,
    checked_similarity,
    checked_sites,
    checked_tokens,
    seen,
)
from simulations.gram import LeaveOneOut, multiply, pair_sums
from simulations.losses import CrossEntropy, SquaredError, loss_named
from simulations.minimise import Minimum, minimise
from simulations.own_loss import OwnLoss, own_minimum
from simulations.potts import checked_colors


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
        "converged"; "max-steps"; "diverged", where λ = 0 and no finite minimum exists, as some
        w predicts every token with a probability above one half; "not-finite".
    """

    weights: Floats
    rows: NDArray[np.int64]
    residuals: Floats
    evaluations: NDArray[np.int64]
    statuses: NDArray[np.object_]

    @classmethod
    def joined(cls, parts: Sequence[Training]) -> Training:
        """Return the rows of several trainings together."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @property
    def status(self) -> str:
        """The worst of the statuses."""
        for status in ("not-finite", "diverged", "max-steps"):
            if status in self.statuses:
                return status
        return "converged"


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
    each is a convex problem.

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
        below this, and the next step, relative to w, below its root.
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
        sums = pair_sums(tokens, np.arange(tokens.shape[1]), _centred(matrix))
        decay = tokens.shape[1] * lam
        minimum = own_minimum(chosen, tokens, matrix, sums, decay, sites, tolerance, max_steps)
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
    sums = pair_sums(tokens, np.arange(sites), _centred(values))
    hessian = sums * (0.8 / colors)
    ridge = max(decay, 1e-3 * np.trace(hessian) / sites, np.finfo(float).tiny)
    inverse = LeaveOneOut(hessian + ridge * np.eye(sites), rows)
    # Losses that add up to less than log 2 prove that every token is predicted with a
    # probability above one half: without weight decay, doubling w then lowers them all.
    floor = np.log(2) if lam == 0 else -np.inf
    start = np.zeros((sites, len(rows)))
    # For U = I the Hessian holds the first gradients, too.
    overlaps = sums[:, rows] if similarity is None else _overlaps(tokens, values, rows)
    overlaps[rows, np.arange(len(rows))] = 0.0
    first = np.full(len(rows), len(tokens) * np.log(colors)), -overlaps
    return minimise(objective, inverse.solve, start, first, tolerance, max_steps, decay, floor)


def _squared_error(
    tokens: Tokens,
    colors: int,
    lam: float,
    similarity: Floats | None,
    rows: NDArray[np.int64],
    tolerance: float,
) -> Minimum:
    sites = tokens.shape[1]
    values = np.eye(colors) if similarity is None else similarity
    hessian = pair_sums(tokens, np.arange(sites), _centred(values)) + sites * lam * np.eye(sites)
    columns = np.arange(len(rows))
    own = rows, columns
    target = _overlaps(tokens, values, rows)

    def gradient(points: Floats) -> Floats:
        slope = multiply(hessian, points) - target
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
    statuses = np.where(residuals < tolerance, "converged", "max-steps").astype(object)
    statuses[~np.isfinite(residuals)] = "not-finite"
    return Minimum(points, residuals, np.ones(len(rows), dtype=np.int64), statuses)


def _overlaps(tokens: Tokens, values: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return Σ_μ (K0 U s_j)·s_i, zero for j = i: minus the gradient of either loss at w = 0."""
    overlaps = pair_sums(tokens, rows, values - values.mean(axis=1, keepdims=True))
    overlaps[rows, np.arange(len(rows))] = 0.0
    return overlaps


def _centred(values: Floats) -> Floats:
    """Return U K0 U, the overlap of two tokens as inputs."""
    product: Floats = values @ (values - values.mean(axis=0))
    return (product + product.T) / 2
