"""Where simulated training sets stop being separable, decided by linear programs."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from replica import PottsTokens, existence_threshold
from simulations import PottsModel, sample


def separable(tokens: np.ndarray, row: int, colors: int) -> bool:
    """Whether some w has z_y > z_a for every sequence and a ≠ y, z_a = Σ_j w_j [s_j = a].

    The largest smallest margin within |w_j| <= 1 is positive or zero.
    """
    others = np.delete(tokens, row, axis=1).astype(int)
    answers = tokens[:, row].astype(int)
    hits = others == answers[:, None]
    rows = []
    for shift in range(1, colors):
        wrong = (answers + shift) % colors
        rows.append((others == wrong[:, None]).astype(float) - hits)
    margins = np.concatenate(rows)
    sites = margins.shape[1]
    program = linprog(
        np.append(np.zeros(sites), -1.0),
        A_ub=np.column_stack([margins, np.ones(len(margins))]),
        b_ub=np.zeros(len(margins)),
        bounds=[(-1.0, 1.0)] * sites + [(0.0, 1.0)],
        method="highs",
    )
    return bool(-program.fun > 1e-7)


def crossing(
    colors: int, beta: float, sites: int = 200, systems: int = 4, rows: int = 10, seed: int = 0
) -> tuple[float, float, float]:
    """Return α_c, the α that half of the rows are separable up to, and its standard error.

    Every row has its own largest separable number of sequences, found by bisection; the
    fraction of separable rows crosses one half at the median of these.
    """
    predicted = existence_threshold(PottsTokens(colors, beta))
    most = int(1.6 * predicted * sites)
    last = []
    for child in np.random.SeedSequence(seed).spawn(systems):
        first, second = child.spawn(2)
        model = PottsModel.random(PottsTokens(colors, beta), sites, first)
        tokens = np.asarray(sample(model, most, second))
        for row in range(rows):
            low, high = int(0.5 * predicted * sites), most
            while high - low > 1:
                middle = (low + high) // 2
                if separable(tokens[:middle], row, colors):
                    low = middle
                else:
                    high = middle
            last.append((low + 0.5) / sites)
    error = 1.2533 * np.std(last, ddof=1) / np.sqrt(len(last))
    return predicted, float(np.median(last)), float(error)
