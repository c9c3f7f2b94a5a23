"""The ways to estimate the rows of a finite system, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from replica.problem import PottsTokens, Problem
from replica.problem.coupling_laws import GaussianCouplings
from replica.problem.data_model import LossName
from replica.validation import invalid
from simulations.tokens import is_identity

if TYPE_CHECKING:
    from simulations.estimators.minimiser import Training
    from simulations.estimators.own_loss import OwnLoss
    from simulations.sequences.independent import IndependentRow
    from simulations.sequences.potts import PottsModel
    from simulations.tokens import Tokens

#: The exact minimiser of the training objective, message passing towards it, minus the inverse
#: of the correlation matrix, and linear regression rescaled with the norm of the true row.
EstimatorName = Literal["minimiser", "amp", "naive-mean-field", "quadratic"]
ESTIMATORS: tuple[EstimatorName, ...] = get_args(EstimatorName)

#: Ways of training that are looked at on their way: stochastic gradient descent that sees every
#: sequence once, and gradient descent on all of them.
COURSES = ("one-pass", "descent")

#: Numbers in the largest array that message passing makes.
_LARGEST = 8_000_000


def check_estimator(estimator: str, problem: Problem, sites: int, samples: int) -> None:
    """Raise ValueError if the estimator does not apply to a problem of this size."""
    if estimator != "minimiser" and not isinstance(problem.data, PottsTokens):
        raise invalid("estimator", estimator, f"minimiser with {type(problem.data).__name__}")
    if estimator != "minimiser" and not isinstance(problem.loss, str):
        raise invalid("estimator", estimator, "minimiser with a loss of your own")
    if estimator != "minimiser" and problem.bias:
        raise invalid("estimator", estimator, "minimiser with a bias")
    if estimator != "minimiser" and problem.masking is not None:
        raise invalid("estimator", estimator, "minimiser with masks")
    similarity = getattr(problem.data, "similarity", None)
    if estimator != "minimiser" and similarity is not None and not is_identity(similarity):
        raise invalid("estimator", estimator, "minimiser where a similarity is given")
    couplings = getattr(problem.data, "couplings", GaussianCouplings.text)
    if estimator == "amp" and couplings != GaussianCouplings.text:
        allowed = "another with such couplings, whose reaction message passing does not know"
        raise invalid("estimator", estimator, allowed)
    linear = estimator in ("naive-mean-field", "quadratic")
    # One component of each colour goes into the means that naive mean field subtracts.
    free = samples - 1 if estimator == "naive-mean-field" else samples
    if linear and problem.lam == 0 and free * (problem.data.colors - 1) < sites:
        allowed = f"large enough that M (C-1) exceeds L = {sites} at lam = 0 with {estimator}"
        raise invalid("alpha", problem.alpha, allowed)
    if estimator == "quadratic" and getattr(problem.data, "beta", None) == 0:
        raise invalid("beta", 0.0, "other than 0 with quadratic, whose scale it is")


def estimate_rows(
    estimator: str,
    model: PottsModel | IndependentRow,
    tokens: Tokens,
    lam: float,
    loss: LossName | OwnLoss,
    rows: range,
    bias: bool = False,
) -> tuple[Training, float | None]:
    """Return estimated rows, and the variance V at which message passing arrived, None for others.

    Parameters
    ----------
    estimator : str
        One of `ESTIMATORS`.
    model : PottsModel or IndependentRow
        The model of the sequences.
    tokens : uint8 array (samples, sites)
        Training sequences.
    lam : float
        λ.
    loss : str or OwnLoss
        The loss; the linear estimators have no other than the squared error.
    rows : range
        The sites i.
    bias : bool
        Whether the minimiser has a bias.
    """
    from simulations.estimators.mean_field import naive_mean_field, quadratic_estimate
    from simulations.estimators.minimiser import train
    from simulations.sequences.independent import IndependentRow

    colors = model.colors
    if estimator == "amp":
        assert isinstance(loss, str)
        assert not isinstance(model, IndependentRow)
        return _message_passing(model, tokens, lam, loss, rows)
    if estimator == "naive-mean-field":
        return naive_mean_field(tokens, colors, lam, rows), None
    if estimator == "quadratic":
        norms = np.sum(model.teacher[rows] ** 2, axis=1)
        return quadratic_estimate(tokens, colors, norms, lam, rows), None
    return train(tokens, colors, lam, loss, model.similarity, rows, bias=bias), None


def _message_passing(
    model: PottsModel, tokens: Tokens, lam: float, loss: LossName, rows: range
) -> tuple[Training, float | None]:
    from simulations.estimators.message_passing import approximate_message_passing
    from simulations.estimators.minimiser import Training

    width = max(8, _LARGEST // (len(tokens) * model.colors))
    parts = [
        approximate_message_passing(model, tokens, lam, loss, some)
        for some in (rows[first : first + width] for first in range(0, len(rows), width))
    ]
    joined = Training.joined([part.training for part in parts])
    variance = float(np.mean(np.concatenate([part.V[-1] for part in parts])))
    return joined, variance
