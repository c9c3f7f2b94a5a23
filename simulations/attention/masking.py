"""The kernel of masked language modelling: the loss of hidden tokens and its derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulations.kernels.jit import jit
from simulations.tokens import Floats


@jit
def masked_gradient(
    tokens: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
    count: float,
    attention: Floats,
    values: Floats,
    bias: Floats,
    in_attention: Floats,
    in_values: Floats,
    in_bias: Floats,
) -> float:
    """Return the loss of predicting the hidden tokens, with its derivatives.

    The logits are z = V u + b_i with u_c = Σ_j A_ij [s_j = c], where the sum leaves out site i and
    all that are hidden: a sequence enters through L additions, never through its one-hot form.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        The sequences of a minibatch.
    hidden : bool array (samples, sites)
        The masked sites of each.
    count : float
        By what loss and derivatives are divided: the number of masked tokens, or its mean.
    attention : array (sites, sites)
        A; the diagonal is not read.
    values : array (colors, colors)
        V.
    bias : array (sites, colors)
        b; zeros are none.
    in_attention, in_values, in_bias : arrays
        Receive the derivatives in A (zero on the diagonal), in V and in b.
    """
    samples, sites = tokens.shape
    colors = values.shape[0]
    seen, masked = np.empty(sites, np.int64), np.empty(sites, np.int64)
    sums, logits, costs = np.empty(colors), np.empty(colors), np.empty(colors)
    in_attention[:] = 0.0
    in_values[:] = 0.0
    in_bias[:] = 0.0
    loss = 0.0
    for sample in range(samples):
        sequence, left = tokens[sample], 0
        for j in range(sites):
            if hidden[sample, j]:
                masked[j - left] = j
            else:
                seen[left] = j
                left += 1
        for i in masked[: sites - left]:
            weights, slopes = attention[i], in_attention[i]
            sums[:] = 0.0
            for j in seen[:left]:
                sums[sequence[j]] += weights[j]
            top = -np.inf
            for a in range(colors):
                logits[a] = bias[i, a]
                for b in range(colors):
                    logits[a] += values[a, b] * sums[b]
                top = max(top, logits[a])
            total = 0.0
            for a in range(colors):
                total += np.exp(logits[a] - top)
            loss += top + np.log(total) - logits[sequence[i]]
            costs[:] = 0.0
            for a in range(colors):
                excess = np.exp(logits[a] - top) / total
                if a == sequence[i]:
                    excess -= 1.0
                in_bias[i, a] += excess
                for b in range(colors):
                    in_values[a, b] += excess * sums[b]
                    costs[b] += excess * values[a, b]
            for j in seen[:left]:
                slopes[j] += costs[sequence[j]]
    for i in range(sites):
        for j in range(sites):
            in_attention[i, j] /= count
        for a in range(colors):
            in_bias[i, a] /= count
    for a in range(colors):
        for b in range(colors):
            in_values[a, b] /= count
    return float(loss / count)
