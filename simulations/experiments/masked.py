"""Rows that are trained with masks, and tested with masks and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from replica.problem import Problem
from replica.problem.data_model import LossName
from simulations.estimators.losses import loss_named
from simulations.estimators.masked import check_masked, train_masked
from simulations.estimators.minimiser import Training
from simulations.estimators.own_loss import OwnLoss
from simulations.experiments.measure import Observables, conditionals, measure
from simulations.kernels.local_fields import local_fields
from simulations.sequences.independent import IndependentRow
from simulations.sequences.masks import hide, mask_seeds, masks
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, Tokens, seen

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000


def check_masks(problem: Problem, loss: LossName | OwnLoss) -> None:
    """Raise ValueError for masks that rows of such a problem cannot be trained with."""
    if problem.masking is not None:
        check_masked(problem.masking, loss, problem.data.colors)


def masked_rows(
    problem: Problem,
    model: PottsModel | IndependentRow,
    sequences: tuple[Tokens, Tokens],
    rows: Sequence[int],
    loss: LossName | OwnLoss,
    system: tuple[int, ...],
    number: int = 0,
) -> tuple[Training, Observables]:
    """Train rows of one system with the masks of a problem, and measure them.

    Parameters
    ----------
    problem : Problem
        Weight decay, bias and masking.
    model : PottsModel or IndependentRow
        The model of the sequences.
    sequences : pair of uint8 arrays (samples, sites)
        Those of training and of the test.
    rows : sequence of int
        The sites i.
    loss : str or OwnLoss
        What to train with.
    system, number
        What names the masks, as in `mask_seeds`.
    """
    assert problem.masking is not None
    train_tokens, test_tokens = sequences
    for_training, for_test = mask_seeds(system, number)
    trained = train_masked(
        train_tokens, model.colors, problem.lam, problem.masking, loss, model.similarity, rows,
        for_training, problem.bias,
    )  # fmt: skip
    observed = measure(model, trained.training, train_tokens, test_tokens, loss)
    hidden = masked_test(test_tokens, problem, for_test)
    chosen, values = loss_named(loss), with_hidden(seen(model.values))
    found = []
    step = max(1, _LARGEST // (len(test_tokens) * model.colors))
    for first in range(0, len(trained.training.rows), step):
        part = slice(first, first + step)
        fields = masked_fields(trained.training, part, hidden, values)
        truth = conditionals(model, trained.training.rows[part], test_tokens)
        hit = np.take_along_axis(truth, fields.argmax(axis=-1)[..., None], axis=-1)[..., 0]
        found.append((chosen.expected(fields, truth).mean(axis=0), 1.0 - hit.mean(axis=0)))
    masked_test_loss, masked_error_rate = (
        np.concatenate(each) for each in zip(*found, strict=True)
    )
    return trained.training, replace(
        observed,
        train_loss=trained.train_loss,
        masked_test_loss=masked_test_loss,
        masked_error_rate=masked_error_rate,
    )


def masked_test(tokens: Tokens, problem: Problem, seed: np.random.SeedSequence) -> Tokens:
    """Return test sequences with one draw of masks each; what a row predicts is never an input."""
    assert problem.masking is not None
    once = replace(problem.masking, draws=1)
    hidden = masks(len(tokens), tokens.shape[1], once, seed)
    return hide(tokens, hidden[0], problem.data.colors)


def with_hidden(values: Floats) -> Floats:
    """Return U with a column of zeros, for what is hidden."""
    return np.pad(values, ((0, 0), (0, 1)))


def masked_fields(training: Training, part: slice, tokens: Tokens, values: Floats) -> Floats:
    """Return the fields of some of the rows, an array (samples, rows, colors)."""
    fields = local_fields(tokens, training.weights[part], values)
    return fields if training.bias is None else fields + training.bias[part]
