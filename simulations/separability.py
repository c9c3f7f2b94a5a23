"""Where a training set stops being separable, decided by linear programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arguments import integer, positive, refusal
from replica.data import PottsTokens
from simulations.aside import aside
from simulations.fields import checked_tokens
from simulations.potts import PottsModel, checked_colors
from simulations.sampler import sample

#: A margin below this, of weights up to one, is none.
_NO_MARGIN = 1e-7


def separable(tokens: Any, row: int, colors: int) -> bool:
    """Tell whether some w has z_y > z_a for every sequence and a ≠ y, z_a = Σ_j w_j [s_j = a].

    Without weight decay the cross-entropy then has no finite minimiser. The largest margin
    within |w_j| <= 1 is the optimum of a linear program; it is zero where nothing separates.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, whose token is y, from 0 to sites - 1.
    colors : int
        C, from 2 to 256.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    from scipy.optimize import linprog

    tokens = checked_tokens(tokens, None, checked_colors(colors), least=1)
    site = integer("row", row, 0, tokens.shape[1] - 1)
    others = np.delete(tokens, site, axis=1).astype(int)
    answers = tokens[:, site, None].astype(int)
    hits = (others == answers).astype(float)
    lost = [(others == (answers + shift) % colors) - hits for shift in range(1, colors)]
    margins = np.concatenate(lost)
    sites = margins.shape[1]
    program = aside(
        linprog,
        np.append(np.zeros(sites), -1.0),
        A_ub=np.column_stack([margins, np.ones(len(margins))]),
        b_ub=np.zeros(len(margins)),
        bounds=[(-1.0, 1.0)] * sites + [(0.0, 1.0)],
        method="highs",
    )
    return bool(-program.fun > _NO_MARGIN)


def separable_samples(tokens: Any, row: int, colors: int) -> int:
    """Return how many of the sequences, taken in order, are separable together.

    A subset of a separable set is separable, so bisection finds the largest number.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, from 0 to sites - 1.
    colors : int
        C, from 2 to 256.

    Returns
    -------
    int
        From 0 to the number of sequences.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    tokens = checked_tokens(tokens, None, checked_colors(colors))
    integer("row", row, 0, tokens.shape[1] - 1)
    low, high = 0, len(tokens) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if separable(tokens[:middle], row, colors):
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True)
class SeparabilityExperiment:
    """The largest separable training set of one row of one system.

    Parameters
    ----------
    data : PottsTokens
        What the sequences are, with U = I.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of couplings and sequences.
    most : float
        The sample ratio up to which separability is tried.
    """

    data: PottsTokens
    sites: int
    seed: int
    most: float

    def __post_init__(self) -> None:
        integer("sites", self.sites, 3)
        integer("seed", self.seed, 0)
        positive("most", self.most)
        if not isinstance(self.data, PottsTokens) or self.data.similarity is not None:
            raise refusal("data", self.data, "PottsTokens without a similarity")

    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table: the threshold of this system as its sample ratio.

        Where all sequences were separable the status is "max-steps".
        """
        content = (self.seed, self.sites, self.data.colors, _bits(self.data.beta))
        for_couplings, for_training = np.random.SeedSequence(content).spawn(2)
        model = PottsModel.random(self.data, self.sites, for_couplings)
        tokens = sample(model, round(self.most * self.sites), for_training)
        found = separable_samples(tokens, 0, model.colors)
        return [
            {
                "source": "simulation",
                "data": self.data.name,
                "loss": "cross-entropy",
                "colors": model.colors,
                "beta": model.beta,
                "lam": 0.0,
                "alpha": found / self.sites,
                "sites": self.sites,
                "samples": found,
                "seed": self.seed,
                "status": "converged" if found < len(tokens) else "max-steps",
            }
        ]


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))
