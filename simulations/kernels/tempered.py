"""Cross-entropies of tempered logits, with two derivatives in the inverse temperature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulations.kernels.jit import jit
from simulations.kernels.pieces import pieces
from simulations.tokens import Floats

#: Additions that an exponential is worth.
_EXPONENTIAL = 10.0


def tempered(
    fields: Floats, truth: Floats, share: Floats, columns: NDArray[np.int64], b: Floats
) -> Floats:
    """Return the mean cross-entropy of softmax(b z), its slope and its curvature in b.

    Parameters
    ----------
    fields, truth : C-contiguous arrays (samples, rows, colors)
        z, and the probabilities of the token.
    share : array (samples,)
        Shares of the sequences in means.
    columns : int array (columns,)
        The rows that are asked for.
    b : array (columns,)
        One per row that is asked for.

    Returns
    -------
    array (3, columns)
    """
    sums = np.zeros((3, len(columns)))
    for part in pieces(len(fields), _EXPONENTIAL * fields.shape[2] * len(columns)):
        _add_terms(fields[part], truth[part], share[part], columns, b, sums)
    return sums


@jit
def _add_terms(
    fields: Floats,
    truth: Floats,
    share: Floats,
    columns: NDArray[np.int64],
    b: Floats,
    sums: Floats,
) -> None:
    samples, _, colors = fields.shape
    for sample in range(samples):
        weight = share[sample]
        for number in range(len(columns)):
            row, cold = columns[number], b[number]
            right, top = 0.0, fields[sample, row, 0]
            for a in range(colors):
                z = fields[sample, row, a]
                right += truth[sample, row, a] * z
                top = max(top, z)
            total, first, second = 0.0, 0.0, 0.0
            for a in range(colors):
                gap = fields[sample, row, a] - top
                p = np.exp(cold * gap)
                total += p
                first += p * gap
                second += p * gap * gap
            mean = first / total
            sums[0, number] += weight * (np.log(total) + cold * (top - right))
            sums[1, number] += weight * (mean + (top - right))
            sums[2, number] += weight * (second / total - mean * mean)
