"""The pseudo-likelihood of the Potts model with a matrix of couplings for every pair of sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from replica.arguments import non_negative, numbers, positive, refusal
from replica.immutable import Immutable
from simulations.fields import Floats, checked_sites, checked_tokens
from simulations.potts import checked_colors


@dataclass(frozen=True, eq=False)
class PairCouplings(Immutable):
    """P(s_i = a | all other tokens) = softmax_a(Σ_{j≠i} J_ij(a, s_j)), J_ij a matrix (C, C).

    The parameterisation of plmDCA (Ekeberg et al., arXiv:1211.1281), without local fields and
    with J_ij and J_ji independent. Masked language modelling with the factored attention
    (A, V) is the special case J_ij(a, b) = A_ij V_ab (Rende et al., arXiv:2304.07235); this
    module shares no arithmetic with `FactoredAttention`.

    Parameters
    ----------
    couplings : array (sites, sites, colors, colors)
        J_ij(a, b), zero for i = j.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    couplings: Floats

    def __post_init__(self) -> None:
        allowed = "an array (sites, sites, colors, colors) of finite numbers"
        couplings = numbers("couplings", self.couplings, allowed)
        shape = couplings.shape
        if couplings.ndim != 4 or shape[0] != shape[1] or shape[2] != shape[3]:
            raise refusal("couplings", f"array {shape}", allowed)
        if np.any(np.einsum("iiab->iab", couplings) != 0):
            raise refusal("couplings", "array with J_ii", "an array with J_ii = 0")
        object.__setattr__(self, "couplings", couplings)
        super().__post_init__()

    @property
    def sites(self) -> int:
        """L, the length of a sequence."""
        return len(self.couplings)

    @property
    def colors(self) -> int:
        """C, the number of token values."""
        return int(self.couplings.shape[2])

    def negative_log(self, tokens: Any) -> float:
        """Return -(1/M) Σ_μ Σ_i log P(s_i^μ | all other tokens)."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        inputs = _one_hot(tokens, self.colors)
        total = sum(
            _row(inputs, tokens[:, i], _as_matrix(self.couplings[i]))[0] for i in range(self.sites)
        )
        return total / len(tokens)

    def gradient(self, tokens: Any) -> Floats:
        """Return the derivatives of `negative_log` in J_ij(a, b), zero for i = j."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        inputs = _one_hot(tokens, self.colors)
        slopes = np.empty_like(self.couplings)
        for i in range(self.sites):
            slope = _row(inputs, tokens[:, i], _as_matrix(self.couplings[i]))[1]
            slopes[i] = _as_couplings(slope, self.colors) / len(tokens)
            slopes[i, i] = 0.0
        return slopes


def fit(
    tokens: Any, colors: int, lam: float, rows: Any = None, tolerance: float = 1e-8
) -> tuple[Floats, NDArray[np.bool_]]:
    """Minimise -Σ_μ log P(s_i^μ | others) + (L λ / 2) Σ_jab J_ij(a, b)² for many sites i.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, 0 or greater.
    rows : sequence of int, optional
        The sites i; None is all.
    tolerance : float
        Largest entry of the gradient, per sample, at which a row has converged.

    Returns
    -------
    couplings : array (rows, sites, colors, colors)
        J_ij(a, b).
    converged : bool array (rows,)
        Whether the tolerance was reached.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    colors, lam = checked_colors(colors), non_negative("lam", lam)
    tolerance = positive("tolerance", tolerance)
    tokens = checked_tokens(tokens, None, colors, least=1)
    samples, sites = tokens.shape
    inputs = _one_hot(tokens, colors)
    found, converged = [], []
    for i in checked_sites(rows, sites):
        others = inputs.copy()
        others[:, i * colors : (i + 1) * colors] = 0.0

        def objective(
            x: Floats, others: Floats = others, masked: Any = tokens[:, i]
        ) -> tuple[float, Floats]:
            value, slope = _row(others, masked, x.reshape(sites * colors, colors))
            value += 0.5 * sites * lam * float(x @ x)
            return value / samples, (slope.ravel() + sites * lam * x) / samples

        result = optimize.minimize(
            objective,
            np.zeros(sites * colors * colors),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": tolerance, "ftol": 0.0, "maxiter": 10_000, "maxfun": 20_000},
        )
        found.append(_as_couplings(result.x.reshape(sites * colors, colors), colors))
        converged.append(float(np.abs(result.jac).max()) <= tolerance)
    return np.array(found), np.array(converged)


def _one_hot(tokens: NDArray[Any], colors: int) -> Floats:
    """Return the sequences as a dense array (samples, sites · colors)."""
    inputs: Floats = np.eye(colors)[tokens].reshape(len(tokens), -1)
    return inputs


def _row(inputs: Floats, masked: NDArray[Any], matrix: Floats) -> tuple[float, Floats]:
    """Return -Σ_μ log P of one site and its gradient in the matrix (sites · colors, colors)."""
    logits = inputs @ matrix
    logits -= logits.max(axis=1, keepdims=True)
    logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    samples = np.arange(len(masked))
    excess = np.exp(logarithms)
    excess[samples, masked] -= 1.0
    return -float(logarithms[samples, masked].sum()), inputs.T @ excess


def _as_matrix(couplings: Floats) -> Floats:
    """Turn J_j(a, b) of one site into a matrix ((j, b), a).

    What J_j(a, b) has in common for all a changes no probability, and goes where it outweighs the
    rest, whose digits it would swallow.
    """
    sites, colors, _ = couplings.shape
    matrix = couplings.transpose(0, 2, 1).reshape(sites * colors, colors)
    rest = matrix - matrix.mean(axis=1, keepdims=True)
    return rest if np.abs(rest).max() < 0.125 * np.abs(matrix).max() else matrix


def _as_couplings(matrix: Floats, colors: int) -> Floats:
    return matrix.reshape(-1, colors, colors).transpose(0, 2, 1)
