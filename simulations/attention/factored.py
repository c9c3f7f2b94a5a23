"""Factored attention and its masked-language-modelling loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.immutable import Immutable, fixed, keep
from replica.validation import invalid, numbers
from simulations.epochs.masks import Hidden, checked_hidden
from simulations.kernels.local_fields import colored_sums, log_sum_exp, softmax
from simulations.tokens import Floats, checked_matrix, checked_tokens, seen


@dataclass(frozen=True, eq=False)
class FactoredAttention(Immutable):
    """Attention by positions alone: logits z_i = Σ_{j≠i} A_ij V s_j + b_i.

    Equation (4) of Rende et al., arXiv:2304.07235. The pairs (A, V) and (c A, V / c) are one
    model, and so are V and V plus a matrix whose rows are all equal.

    Parameters
    ----------
    attention : array (sites, sites)
        A, with zero diagonal: no token sees itself.
    values : array (colors, colors)
        V.
    bias : array (sites, colors), optional
        b, of which a number common to all colours of a site predicts nothing; None is none.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import FactoredAttention
    >>> layer = FactoredAttention(attention=np.ones((4, 4)) - np.eye(4), values=np.eye(3))
    >>> tokens = np.array([[0, 1, 2, 2]], dtype=np.uint8)
    >>> layer.logits(tokens)[0, 0]  # of the first site: what it sees of every colour
    array([0., 1., 2.])
    """

    attention: Floats
    values: Floats
    bias: Floats | None = None

    def __post_init__(self) -> None:
        attention = checked_matrix("attention", self.attention, hollow=True)
        keep(self, attention=attention)
        keep(self, values=checked_matrix("values", self.values))
        if self.bias is not None:
            shape = self.sites, self.colors
            allowed = f"None or an array {shape} of finite numbers"
            bias = numbers("bias", self.bias, allowed)
            if bias.shape != shape:
                raise invalid("bias", f"array {bias.shape}", allowed)
            keep(self, bias=fixed(bias))

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
        return self._logits(sums)

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

    def bias_gradient(self, tokens: Any) -> Floats:
        """Return the derivative of the loss in the bias: Σ_μ (softmax(z_i) - s_i) / M."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        shown = tokens[..., None] == np.arange(self.colors)
        slope: Floats = np.mean(softmax(self.logits(tokens)) - shown, axis=0)
        return slope

    def loss_and_gradient(self, tokens: Any) -> tuple[float, Floats, Floats]:
        """Return the loss and its derivatives in A and in V, from one pass over the data."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        sums = colored_sums(tokens, self.attention, self.colors)
        logits = self._logits(sums)
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
        costs = residual @ seen(self.values)
        in_attention = np.zeros_like(self.attention)
        for b in range(self.colors):
            in_attention += costs[:, :, b].T @ (tokens == b).astype(np.float64)
        np.fill_diagonal(in_attention, 0.0)
        return loss, in_attention, in_values

    def _logits(self, sums: Floats) -> Floats:
        logits: Floats = sums @ seen(self.values).T
        if self.bias is None:
            return logits
        logits += self.bias - self.bias.mean(axis=1, keepdims=True)
        return logits
