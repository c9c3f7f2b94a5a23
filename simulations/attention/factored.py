"""Factored attention and its masked-language-modelling loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.immutable import Immutable, keep
from simulations.epochs.masks import Hidden, checked_hidden
from simulations.kernels.local_fields import colored_sums, log_sum_exp, softmax
from simulations.tokens import Floats, checked_matrix, checked_tokens, seen


@dataclass(frozen=True, eq=False)
class FactoredAttention(Immutable):
    """Attention by positions alone: logits z_i = Σ_{j≠i} A_ij V s_j.

    Equation (4) of Rende et al., arXiv:2304.07235. The pairs (A, V) and (c A, V / c) are one
    model, and so are V and V plus a matrix whose rows are all equal.

    Parameters
    ----------
    attention : array (sites, sites)
        A, with zero diagonal: no token sees itself.
    values : array (colors, colors)
        V.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    attention: Floats
    values: Floats

    def __post_init__(self) -> None:
        attention = checked_matrix("attention", self.attention, hollow=True)
        keep(self, attention=attention)
        keep(self, values=checked_matrix("values", self.values))

    @property
    def sites(self) -> int:
        """L, the length of a sequence."""
        return len(self.attention)

    @property
    def colors(self) -> int:
        """C, the number of token values."""
        return len(self.values)

    def logits(self, tokens: Any, hidden: Hidden | None = None) -> Floats:
        """Return z, an array (samples, sites, colors), but for a number common to all colours.

        Tokens that are `hidden`, a bool array like `tokens`, are masked besides the one that is
        predicted: they add nothing. A row common to all rows of V, which adds the same to all
        components of z, is left out where it outweighs the rest.
        """
        tokens = checked_tokens(tokens, self.sites, self.colors)
        sums = colored_sums(tokens, self.attention, self.colors)
        if hidden is not None:
            hidden = checked_hidden(hidden, tokens.shape)
            for a in range(self.colors):
                sums[..., a] -= ((tokens == a) & hidden) @ self.attention.T
        return sums @ seen(self.values).T

    def loss(self, tokens: Any) -> float:
        """Return (1/M) Σ_μ Σ_i [log Σ_a exp(z_ia) - s_i·z_i], every site masked in turn.

        Term by term, this is minus the log pseudo-likelihood of a Potts model with
        couplings A and similarity V.
        """
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        logits = self.logits(tokens)
        shown = np.take_along_axis(logits, tokens[..., None].astype(np.intp), axis=-1)
        return float(np.mean(np.sum(log_sum_exp(logits) - shown[..., 0], axis=1)))

    def gradient(self, tokens: Any) -> tuple[Floats, Floats]:
        """Return the derivatives of the loss in A (zero on the diagonal) and in V."""
        return self.loss_and_gradient(tokens)[1:]

    def loss_and_gradient(self, tokens: Any) -> tuple[float, Floats, Floats]:
        """Return the loss and its derivatives in A and in V, from one pass over the data."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        sums = colored_sums(tokens, self.attention, self.colors)
        values = seen(self.values)
        logits = sums @ values.T
        probabilities = softmax(logits)
        answers = tokens[..., None].astype(np.intp)
        shown = np.take_along_axis(logits, answers, axis=-1)
        loss = float(np.mean(np.sum(log_sum_exp(logits) - shown[..., 0], axis=1)))

        residual = probabilities
        excess = np.take_along_axis(residual, answers, axis=-1) - 1.0
        np.put_along_axis(residual, answers, excess, axis=-1)
        residual /= len(tokens)
        in_values = np.tensordot(residual, sums, axes=((0, 1), (0, 1)))
        # [μ, i, b]: what one more unit of A_ij costs if s_j has colour b.
        costs = residual @ values
        in_attention = np.zeros_like(self.attention)
        for b in range(self.colors):
            in_attention += costs[:, :, b].T @ (tokens == b).astype(np.float64)
        np.fill_diagonal(in_attention, 0.0)
        return loss, in_attention, in_values
