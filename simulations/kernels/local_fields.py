"""Local fields of many sequences, without their one-hot form."""

from __future__ import annotations

import numpy as np

from simulations.kernels.jit import jit
from simulations.kernels.pieces import pieces
from simulations.tokens import Floats, Tokens


def colored_sums(tokens: Tokens, weights: Floats, colors: int) -> Floats:
    """Return Σ_j w_ij [s_j = a] for every sequence, row i and colour a.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    weights : array (rows, sites)
        One row of weights per predicted site.
    colors : int
        C.

    Returns
    -------
    array (samples, rows, colors)
    """
    sums = np.zeros((len(tokens), colors, len(weights)))
    # A copy in any case: the kernel would be compiled once more for weights that are read-only.
    columns = np.array(weights.T, order="C")
    for part in pieces(len(tokens), columns.size):
        _add_weights(tokens[part], columns, sums[part])
    return sums.transpose(0, 2, 1)


@jit
def _add_weights(tokens: Tokens, columns: Floats, sums: Floats) -> None:
    samples, sites = tokens.shape
    rows = columns.shape[1]
    for sample in range(samples):
        for j in range(sites):
            target, column = sums[sample, tokens[sample, j]], columns[j]
            for r in range(rows):
                target[r] += column[r]


def local_fields(tokens: Tokens, weights: Floats, similarity: Floats) -> Floats:
    """Return Σ_j w_ij U s_j, an array (samples, rows, colors).

    `weights` is an array (rows, sites); `similarity` is U, an array (colors, symbols), with as many
    symbols as tokens have.
    """
    return colored_sums(tokens, weights, similarity.shape[1]) @ similarity.T


def gathered(tokens: Tokens, answers: Floats) -> Floats:
    """Return Σ_μ answers[μ, r, s_j^μ], an array (sites, rows): the transpose of `colored_sums`.

    `answers` is an array (samples, rows, colors).
    """
    sums = np.zeros((tokens.shape[1], answers.shape[1]))
    # The kernel adds whole rows: [sample, colour, row].
    answers = np.ascontiguousarray(answers.transpose(0, 2, 1))
    for part in pieces(len(answers), sums.size):
        _gather(tokens[part], answers[part], sums)
    return sums


@jit
def _gather(tokens: Tokens, answers: Floats, sums: Floats) -> None:
    samples, sites = tokens.shape
    rows = sums.shape[1]
    for sample in range(samples):
        for j in range(sites):
            source, target = answers[sample, tokens[sample, j]], sums[j]
            for r in range(rows):
                target[r] += source[r]


def softmax(fields: Floats) -> Floats:
    """Return exp(z_a) / Σ_b exp(z_b) along the last axis."""
    exponentials = np.exp(fields - fields.max(axis=-1, keepdims=True))
    normalised: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return normalised


def log_sum_exp(fields: Floats) -> Floats:
    """Return log Σ_a exp(z_a) along the last axis."""
    top = fields.max(axis=-1)
    result: Floats = top + np.log(np.exp(fields - top[..., None]).sum(axis=-1))
    return result
