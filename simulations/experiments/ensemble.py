"""Rows that are trained on independent sequences of one model, and their average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replica.problem.data_model import LossName
from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.minimiser import STATUSES, Training
from simulations.estimators.own_loss import OwnLoss
from simulations.experiments.measure import Observables, conditionals, measure
from simulations.kernels.local_fields import local_fields, softmax
from simulations.sequences.independent import IndependentRow
from simulations.sequences.potts import PottsModel
from simulations.spread import standard_error
from simulations.tokens import Floats, Tokens, seen

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000


class Spread(NamedTuple):
    """How layers differ, one entry per row.

    Parameters
    ----------
    logit_bias : array (rows,)
        w*ᵀGw* - 2m + q₁₂, the squared distance of the mean logits from the true ones, per component
        of a field's noise, as m and q; q₁₂ is the overlap of two layers.
    logit_variance : array (rows,)
        q - q₁₂, their variance over the training sequences; NaN of one layer, as the bias.
    probability_loss : array (rows,)
        Cross-entropy of the average probabilities on fresh sequences; NaN for another loss.
    """

    logit_bias: Floats
    logit_variance: Floats
    probability_loss: Floats


def averaged(layers: Sequence[Training]) -> Training:
    """Return the rows whose logits are the means of those of the layers."""
    first = layers[0]
    ranks = np.max(
        [[STATUSES.index(status) for status in each.statuses] for each in layers], axis=0
    )
    return Training(
        np.mean([each.weights for each in layers], axis=0),
        first.rows,
        np.max([each.residuals for each in layers], axis=0),
        np.max([each.evaluations for each in layers], axis=0),
        np.array(STATUSES, dtype=object)[ranks],
        None if first.bias is None else np.mean([np.asarray(each.bias) for each in layers], axis=0),
    )


def spread(
    model: PottsModel | IndependentRow,
    layers: Sequence[Training],
    mean: Observables,
    tokens: Tokens,
    loss: LossName | OwnLoss,
) -> Spread:
    """Measure how layers differ on fresh sequences.

    Parameters
    ----------
    model : PottsModel or IndependentRow
        The model of the sequences.
    layers : sequence of Training
        The rows, of K layers.
    mean : Observables
        What is measured of their average.
    tokens : uint8 array (samples, sites)
        Fresh sequences.
    loss : str or OwnLoss
        That of the training.
    """
    count, rows = len(layers), layers[0].rows
    nothing = np.full(len(rows), np.nan)
    bias, variance = nothing, nothing
    if count > 1:
        q = np.mean([measure(model, each, tokens[:1], tokens, loss).q for each in layers], axis=0)
        variance = (q - mean.q) * count / (count - 1)
        first = layers[0]
        true = Training(
            model.teacher[rows], rows, first.residuals, first.evaluations, first.statuses
        )
        rho = measure(model, true, tokens[:1], tokens, loss).m
        bias = rho - 2 * mean.m + q - variance
    mixed = _probability_loss(model, layers, tokens) if loss == CrossEntropy.name else nothing
    return Spread(bias, variance, mixed)


def cells_of(parts: Sequence[Spread]) -> dict[str, float]:
    """Return means over rows, and their standard errors, of what is known."""
    cells: dict[str, float] = {}
    for name in Spread._fields if parts else ():
        rows = np.concatenate([getattr(part, name) for part in parts])
        if not np.isnan(rows).all():
            cells[name] = float(rows.mean())
            cells[f"{name}_stderr"] = float(standard_error(rows))
    return cells


def _probability_loss(
    model: PottsModel | IndependentRow, layers: Sequence[Training], tokens: Tokens
) -> Floats:
    rows, values = layers[0].rows, seen(model.values)
    found = []
    step = max(1, _LARGEST // (len(tokens) * model.colors))
    for first in range(0, len(rows), step):
        block = slice(first, first + step)
        truth = conditionals(model, rows[block], tokens)
        p = np.zeros_like(truth)
        for layer in layers:
            fields = local_fields(tokens, layer.weights[block], values)
            p += softmax(fields if layer.bias is None else fields + layer.bias[block])
        logarithms = np.log(np.maximum(p / len(layers), np.finfo(float).tiny))
        found.append(-np.sum(truth * logarithms, axis=-1).mean(axis=0))
    return np.concatenate(found)
