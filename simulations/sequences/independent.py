"""Independent uniform tokens with one masked token that depends on them: one data set per row.

Sampled exactly, without chains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from replica.immutable import Immutable, fixed, keep
from replica.problem import IndependentTokens
from replica.validation import integer, invalid, numbers
from simulations.kernels.local_fields import colored_sums, softmax
from simulations.sequences.potts import LARGEST_FIELD, checked_colors
from simulations.tokens import Floats, Tokens, checked_seed


@dataclass(frozen=True, eq=False)
class IndependentRow(Immutable):
    """P(s_1 = e_a | others) = softmax_a(Σ_j w*_j s_j), the others independent and uniform.

    Parameters
    ----------
    row : array (sites,)
        w*, with a zero at the first site, which is the masked one.
    colors : int
        C, from 2 to 256.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import IndependentTokens
    >>> from simulations import IndependentRow, train
    >>> row = IndependentRow.random(IndependentTokens(colors=3, coupling_norm=2.0), 20, seed=0)
    >>> tokens = row.sample(100, seed=1)
    >>> train(tokens, 3, lam=0.1, rows=[0]).status
    'converged'
    """

    row: Floats
    colors: int

    def __post_init__(self) -> None:
        allowed = "a sequence of 3 finite numbers or more, of which the first is 0"
        row = numbers("row", self.row, allowed)
        if row.ndim != 1 or row.size < 3 or row[0] != 0:
            raise invalid("row", self.row, allowed)
        with np.errstate(over="ignore"):
            reach = float(np.abs(row).sum())
        if not reach <= LARGEST_FIELD:
            allowed = f"of a sum of sizes up to {LARGEST_FIELD:g}, as double precision can carry"
            raise invalid("row", self.row, allowed)
        keep(self, row=row)
        keep(self, colors=checked_colors(self.colors))
        super().__post_init__()

    @classmethod
    def random(cls, data: IndependentTokens, sites: int, seed: Any = 0) -> IndependentRow:
        """Return a row of the theory's ensemble, w*_j ~ N(0, |w*|²/L).

        Parameters
        ----------
        data : IndependentTokens
            Colours and |w*|.
        sites : int
            L, at least 3.
        seed : int or numpy.random.SeedSequence
            Source of the row.
        """
        if not isinstance(data, IndependentTokens):
            raise invalid("data", data, "IndependentTokens")
        sites = integer("sites", sites, 3)
        row = np.random.default_rng(checked_seed(seed)).standard_normal(sites)
        row *= data.coupling_norm / np.sqrt(sites)
        row[0] = 0.0
        return cls(row, data.colors)

    @property
    def sites(self) -> int:
        """L, the length of a sequence."""
        return len(self.row)

    @property
    def teacher(self) -> Floats:
        """w* as the only row of a matrix (1, sites)."""
        return self.row[None, :]

    @property
    def similarity(self) -> None:
        """None, for U = I."""
        return None

    @cached_property
    def values(self) -> Floats:
        """U = I as a matrix (colors, colors)."""
        identity: Floats = fixed(np.eye(self.colors))
        return identity

    def order_parameters(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return m = w*ᵀGw and q = wᵀGw of rows w, an array (rows, sites), with G = I/C."""
        return weights @ self.row / self.colors, np.sum(weights**2, axis=1) / self.colors

    def sample(self, samples: int, seed: Any = 0) -> Tokens:
        """Return independent sequences, an array (samples, sites).

        Parameters
        ----------
        samples : int
            Their number, at least 1.
        seed : int or numpy.random.SeedSequence
            Source of the tokens.
        """
        samples = integer("samples", samples, 1)
        generator = np.random.default_rng(checked_seed(seed))
        tokens = generator.integers(self.colors, size=(samples, len(self.row)), dtype=np.uint8)
        law = softmax(colored_sums(tokens, self.teacher, self.colors)[:, 0])
        uniform = generator.random(samples)
        # The colour in whose share of [0, 1] a uniform number falls.
        tokens[:, 0] = np.sum(uniform[:, None] > np.cumsum(law, axis=1)[:, :-1], axis=1)
        return tokens
