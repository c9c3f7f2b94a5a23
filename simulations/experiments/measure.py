"""The observables of trained rows, as the theory defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.problem.data_model import LossName
from replica.validation import invalid, unmasked
from simulations.estimators.losses import loss_named
from simulations.estimators.minimiser import Training
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss
from simulations.estimators.temperature import calibrated_by
from simulations.kernels.local_fields import local_fields, softmax
from simulations.sequences.independent import IndependentRow
from simulations.sequences.potts import PottsModel, centred
from simulations.tokens import Floats, Tokens, checked_tokens, seen

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000


@dataclass(frozen=True, eq=False)
class Observables(Immutable):
    """Averages over sequences, one entry per trained row.

    Parameters
    ----------
    train_loss : array (rows,)
        Loss per masked token of the training sequences, without weight decay.
    test_loss : array (rows,)
        The same for fresh sequences.
    optimal_loss : array (rows,)
        Loss of the best predictor, which knows J: for the cross-entropy the conditional
        entropy, for the squared error ½ (1 - E|softmax(ν)|²). NaN for a loss of the user's
        that does not know it.
    error_rate : array (rows,)
        How often argmax_a z_a is not the masked token.
    distance2, teacher2 : array (rows,)
        |w - w*|² and |w*|², with w* = β J_i.
    m, q : array (rows,)
        w*ᵀ G w and wᵀ G w, G = I/C, for independent tokens. For Potts tokens the order
        parameters of h = Σ_j w_j U s_j given the masked token y: the law of K0 h has
        the mean m K0 y and the covariance q K0. They equal w*ᵀ G w and wᵀ G w with the
        cavity covariance G up to 1/L, because the tilt that leads from the cavity to
        equilibrium shifts means and leaves covariances as they are. A bias is no part of h. NaN
        unless U = I and there are no fields.
    temperature, calibrated_loss : array (rows,)
        T of which softmax(z/T) predicts fresh sequences best, and the test loss with it: what the
        row knows. The rest of the test loss is by miscalibration. NaN for other losses than the
        cross-entropy.
    masked_test_loss, masked_error_rate : array (rows,), optional
        Test loss and error rate with masks like those of training; None for rows without.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, measure, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens, fresh = sample(model, 40, seed=1), sample(model, 200, seed=2)
    >>> found = measure(model, train(tokens, 3, lam=0.1), tokens, fresh, "cross-entropy")
    >>> found.test_loss.shape, bool((found.optimal_loss < found.test_loss).all())
    ((20,), True)
    """

    train_loss: Floats
    test_loss: Floats
    optimal_loss: Floats
    error_rate: Floats
    distance2: Floats
    teacher2: Floats
    m: Floats
    q: Floats
    temperature: Floats
    calibrated_loss: Floats
    masked_test_loss: Floats | None = None
    masked_error_rate: Floats | None = None

    @classmethod
    def joined(cls, parts: Sequence[Observables]) -> Observables:
        """Return the rows of several measurements, one or more, together."""
        if not parts or not all(isinstance(part, Observables) for part in parts):
            raise invalid("parts", parts, "a sequence of one Observables or more")
        if len({tuple(part.masked) for part in parts}) > 1:
            raise invalid("parts", parts, "all of rows with masks, or all without")
        known = [f.name for f in fields(cls) if getattr(parts[0], f.name) is not None]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in known))

    @property
    def masked(self) -> dict[str, Floats]:
        """What is known of masked contexts, by name."""
        named = {name: getattr(self, name) for name in ("masked_test_loss", "masked_error_rate")}
        return {name: values for name, values in named.items() if values is not None}


def measure(
    model: PottsModel | IndependentRow,
    training: Training,
    train_tokens: Tokens,
    test_tokens: Tokens,
    loss: LossName | OwnLoss,
) -> Observables:
    """Measure trained rows on the sequences they were trained on and on fresh ones.

    The fresh sequences enter through the exact conditionals of the model: the masked token
    is not the one that happens to stand there but is averaged over, which has the same
    expectation and less noise.

    Parameters
    ----------
    model : PottsModel or IndependentRow
        The model of the sequences.
    training : Training
        The trained rows.
    train_tokens, test_tokens : uint8 arrays (samples, sites)
        The sequences.
    loss : str or OwnLoss
        "cross-entropy", "squared-error" or a loss of the user's.

    Returns
    -------
    Observables
        One entry per trained row.

    Raises
    ------
    ValueError
        If an argument is not allowed, or model, rows and sequences do not fit together.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, measure, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens, fresh = sample(model, 40, seed=1), sample(model, 200, seed=2)
    >>> found = measure(model, train(tokens, 3, lam=0.1), tokens, fresh, "cross-entropy")
    >>> bool((found.train_loss < found.test_loss).all())
    True
    """
    check_rows(training, model)
    train_tokens = checked_tokens(train_tokens, model.sites, model.colors, "train_tokens", 1)
    test_tokens = checked_tokens(test_tokens, model.sites, model.colors, "test_tokens", 1)
    chosen = loss_named(loss)
    most = max(len(train_tokens), len(test_tokens)) * model.colors
    step = max(1, _LARGEST // most)
    measured = []
    for first in range(0, len(training.rows), step):
        rows = slice(first, first + step)
        measured.append(_measure_rows(model, training, rows, train_tokens, test_tokens, chosen))
    return Observables(*(np.concatenate(parts) for parts in zip(*measured, strict=True)))


def check_rows(training: Training, model: PottsModel | IndependentRow) -> None:
    """Raise ValueError if these are no trained rows of the model."""
    if not isinstance(model, (PottsModel, IndependentRow)):
        raise invalid("model", model, "a PottsModel or an IndependentRow")
    if not isinstance(training, Training):
        raise invalid("training", training, "a Training, such as train() returns")
    allowed = "a Training of rows of numbers"
    shape = unmasked("training", training.weights, allowed).shape
    rows, most = unmasked("training", training.rows, allowed), len(model.teacher)
    whole = rows.ndim == 1 and rows.size > 0 and np.issubdtype(rows.dtype, np.integer)
    known = whole and rows.min() >= 0 and rows.max() < most
    if not known or shape != (len(rows), model.sites):
        shown = f"weights of shape {shape} for the rows {rows.tolist()}"
        allowed = f"rows from 0 to {most - 1} of {model.sites} weights, as the model has"
        raise invalid("training", shown, allowed)


def _measure_rows(
    model: PottsModel | IndependentRow,
    training: Training,
    block: slice,
    train_tokens: Tokens,
    test_tokens: Tokens,
    loss: Loss,
) -> tuple[Floats, ...]:
    rows, weights = training.rows[block], training.weights[block]
    teacher, values = model.teacher[rows], seen(model.values)
    bias = 0.0 if training.bias is None else training.bias[block]
    shown = np.eye(model.colors)[train_tokens[:, rows]]
    train_loss = loss.expected(local_fields(train_tokens, weights, values) + bias, shown)

    truth = conditionals(model, rows, test_tokens)
    unbiased = local_fields(test_tokens, weights, values)
    fields = unbiased + bias
    guess = fields.argmax(axis=-1)[..., None]
    error_rate = 1 - np.take_along_axis(truth, guess, axis=-1)[..., 0]
    return (
        train_loss.mean(axis=0),
        loss.expected(fields, truth).mean(axis=0),
        loss.optimum(truth).mean(axis=0),
        error_rate.mean(axis=0),
        np.sum((weights - teacher) ** 2, axis=1),
        np.sum(teacher**2, axis=1),
        *_order_parameters(model, weights, unbiased, truth),
        *calibrated_by(loss, fields, truth),
    )


def conditionals(
    model: PottsModel | IndependentRow, rows: NDArray[np.int64], tokens: Tokens
) -> Floats:
    """Return the laws of masked tokens given all others, an array (samples, rows, colors)."""
    pull = centred(getattr(model, "teacher_bias", None))
    fields = local_fields(tokens, model.teacher[rows], seen(model.values))
    return softmax(fields + (0.0 if pull is None else pull[rows]))


def _order_parameters(
    model: PottsModel | IndependentRow, weights: Floats, fields: Floats, truth: Floats
) -> tuple[Floats, Floats]:
    """Return m and q, exact where the model knows its covariance, else as measured."""
    known = getattr(model, "order_parameters", None)
    if known is not None:
        exact: tuple[Floats, Floats] = known(weights)
        return exact
    if model.similarity is not None or getattr(model, "site_fields", None) is not None:
        missing = np.full(fields.shape[1], np.nan)
        return missing, missing
    colors = model.colors
    centred = fields - fields.mean(axis=-1, keepdims=True)
    # E[y·K0 h] = m yᵀK0 y and E|K0 h|² = m² yᵀK0 y + q tr K0.
    m = np.mean(np.sum(truth * centred, axis=-1), axis=0) * colors / (colors - 1)
    q = np.mean(np.sum(centred**2, axis=-1), axis=0) / (colors - 1) - m**2 / colors
    return m, q
