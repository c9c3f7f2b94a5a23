"""Rows of the attention at V = U, trained to the exact minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.problem.data_model import LossName
from replica.validation import integer, invalid, positive, truth
from simulations.estimators.bias import Inputs, with_bias
from simulations.estimators.given import given
from simulations.estimators.lbfgs import Minimum
from simulations.estimators.objective import Rows
from simulations.estimators.own_loss import OwnLoss
from simulations.kernels.one_thread import one_thread
from simulations.tokens import Floats

#: How the search for a row ends, from the best to the worst.
StatusName = Literal["converged", "max-steps", "diverged", "not-finite"]
STATUSES: tuple[StatusName, ...] = get_args(StatusName)


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
        "converged"; "max-steps"; "diverged", where there is no finite minimiser: at λ = 0, or
        of a bias where some colour is never the masked token; "not-finite".
    bias : array (rows, colors), optional
        The biases, of which the components of a row add up to zero unless the loss sees their sum;
        None without.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 60, seed=1)
    >>> trained = train(tokens, 3, lam=0.1, rows=[0, 5])
    >>> trained.status, trained.weights.shape, bool((trained.residuals < 1e-6).all())
    ('converged', (2, 20), True)
    """

    weights: Floats
    rows: NDArray[np.int64]
    residuals: Floats
    evaluations: NDArray[np.int64]
    statuses: NDArray[np.object_]
    bias: Floats | None = None

    @classmethod
    def joined(cls, parts: Sequence[Training]) -> Training:
        """Return the rows of several trainings, one or more, together."""
        if not parts or not all(isinstance(part, Training) for part in parts):
            raise invalid("parts", parts, "a sequence of one Training or more")
        biased = {part.bias is not None for part in parts}
        if len(biased) > 1:
            raise invalid("parts", parts, "all with a bias, or all without")
        names = [field.name for field in fields(cls) if field.name != "bias" or biased == {True}]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @property
    def status(self) -> StatusName:
        """The worst of the statuses."""
        for status in reversed(STATUSES):
            if status in self.statuses:
                return status
        return "converged"


@one_thread
def train(
    tokens: Any,
    colors: int,
    lam: float,
    loss: LossName | OwnLoss = "cross-entropy",
    similarity: Any = None,
    rows: Any = None,
    tolerance: float = 1e-8,
    max_steps: int = 1000,
    bias: bool = False,
) -> Training:
    """Minimise Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ + b) + (L λ / 2) |w|² for many sites i.

    At V = U the rows of the factored attention decouple (Rende et al., arXiv:2304.07235);
    each is a convex problem. Without weight decay the cross-entropy has no finite minimiser if
    along some w no token is ever predicted worse and one is predicted better, which a linear
    program decides where the minimum does not prove itself (see
    `simulations.estimators.certificate`). Of several minimisers, which differ by what changes no
    prediction, the shortest is returned.

    A bias b in R^C, where it is asked for, does not decay. If some colour is never the masked
    token, its component falls for ever, and with the cross-entropy there is no minimiser at any λ.

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
    bias : bool
        Whether every row has a bias b; else b = 0.

    Returns
    -------
    Training
        One row per site i, each with a status of its own.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 60, seed=1)
    >>> rows = train(tokens, 3, lam=0.1)
    >>> rows.status, rows.weights.shape
    ('converged', (20, 20))
    """
    tolerance = positive("tolerance", tolerance)
    max_steps = integer("max_steps", max_steps, 1)
    objectives = objectives_of(tokens, colors, lam, loss, similarity, rows, bias)
    return trained(objectives, objectives.loss.minimise(objectives, tolerance, max_steps))


def trained(rows: Rows, minimum: Minimum) -> Training:
    """Return rows at the minima of their objectives."""
    biases = rows.biases(minimum.points).T if rows.bias else None
    if biases is not None and not rows.loss.sees_common_part(rows.colors):
        biases = biases - biases.mean(axis=1, keepdims=True)
    return Training(
        np.ascontiguousarray(minimum.points[: rows.sites].T),
        rows.rows,
        minimum.residuals,
        minimum.evaluations,
        minimum.statuses,
        biases,
    )


def objectives_of(
    tokens: Any,
    colors: int,
    lam: float,
    loss: LossName | OwnLoss,
    similarity: Any,
    rows: Any,
    bias: bool = False,
) -> Rows:
    """Return what `train` minimises, or raise ValueError if an argument is not allowed."""
    known = given(tokens, colors, lam, loss, similarity, rows)
    decay = known.tokens.shape[1] * known.lam
    inputs = Inputs(known.tokens, known.values, 0)
    if truth("bias", bias):
        common = known.loss.sees_common_part(len(known.values))
        inputs = with_bias(known.tokens, known.values, known.plain, common)
    return Rows(
        known.loss, inputs.tokens, inputs.values, decay, known.rows, known.plain, inputs.bias
    )
