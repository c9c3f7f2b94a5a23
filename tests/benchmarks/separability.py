"""Where simulated training sets stop being separable."""

from __future__ import annotations

import numpy as np

from replica import PottsTokens, existence_threshold
from simulations import PottsModel, sample, separable_samples


def crossing(
    colors: int, beta: float, sites: int = 200, systems: int = 4, rows: int = 10, seed: int = 0
) -> tuple[float, float, float]:
    """Return α_c, the α that half of the rows are separable up to, and its standard error.

    The fraction of separable rows crosses one half at the median of their largest separable
    numbers of sequences.
    """
    predicted = existence_threshold(PottsTokens(colors, beta))
    most = int(1.6 * predicted * sites)
    last = []
    for child in np.random.SeedSequence(seed).spawn(systems):
        first, second = child.spawn(2)
        model = PottsModel.random(PottsTokens(colors, beta), sites, first)
        tokens = sample(model, most, second)
        last += [(separable_samples(tokens, row, colors) + 0.5) / sites for row in range(rows)]
    error = 1.2533 * np.std(last, ddof=1) / np.sqrt(len(last))
    return predicted, float(np.median(last)), float(error)
