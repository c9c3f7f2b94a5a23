"""The pseudo-likelihood of the Potts model with a matrix of couplings for every pair of sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from replica.immutable import Immutable, keep
from replica.validation import integer, invalid, non_negative, numbers, positive, truth
from simulations.attention.pair_rows import PairRow, row_loss
from simulations.estimators.recession import recession_direction
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, checked_sites, checked_tokens


@dataclass(frozen=True, eq=False)
class PairCouplings(Immutable):
    """P(s_i = a | all others) = softmax_a(Σ_{j≠i} J_ij(a, s_j) + b_i(a)), J_ij a matrix (C, C).

    The parameterisation of plmDCA (Ekeberg et al., arXiv:1211.1281), with J_ij and J_ji
    independent. Masked language modelling with the factored attention
    (A, V) is the special case J_ij(a, b) = A_ij V_ab (Rende et al., arXiv:2304.07235); this
    module shares no arithmetic with `FactoredAttention`.

    Parameters
    ----------
    couplings : array (sites, sites, colors, colors)
        J_ij(a, b), zero for i = j.
    bias : array (sites, colors), optional
        b, the local fields; None is none.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import FactoredAttention, PairCouplings
    >>> A, V = np.ones((4, 4)) - np.eye(4), np.eye(3)
    >>> pairs = PairCouplings(np.einsum("ij,ab->ijab", A, V))
    >>> tokens = np.array([[0, 1, 2, 2], [1, 1, 0, 2]], dtype=np.uint8)
    >>> bool(np.isclose(pairs.negative_log(tokens), FactoredAttention(A, V).loss(tokens)))
    True
    """

    couplings: Floats
    bias: Floats | None = None

    def __post_init__(self) -> None:
        allowed = "an array (sites, sites, colors, colors) of finite numbers"
        couplings = numbers("couplings", self.couplings, allowed)
        shape = couplings.shape
        if couplings.ndim != 4 or shape[0] != shape[1] or shape[2] != shape[3]:
            raise invalid("couplings", f"array {shape}", allowed)
        if np.any(np.einsum("iiab->iab", couplings) != 0):
            raise invalid("couplings", "array with J_ii", "an array with J_ii = 0")
        keep(self, couplings=couplings)
        if self.bias is not None:
            allowed = f"None or an array {shape[1:3]} of finite numbers"
            bias = numbers("bias", self.bias, allowed)
            if bias.shape != shape[1:3]:
                raise invalid("bias", f"array {bias.shape}", allowed)
            keep(self, bias=bias - bias.mean(axis=1, keepdims=True))
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
        inputs = _one_hot(tokens, self.colors, self.bias is not None)
        total = sum(row_loss(inputs, tokens[:, i], self._row(i))[0] for i in range(self.sites))
        return total / len(tokens)

    def gradient(self, tokens: Any) -> Floats:
        """Return the derivatives of `negative_log` in J_ij(a, b), zero for i = j."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        inputs = _one_hot(tokens, self.colors, self.bias is not None)
        slopes = np.empty_like(self.couplings)
        for i in range(self.sites):
            slope = row_loss(inputs, tokens[:, i], self._row(i))[1]
            slopes[i] = _as_couplings(slope, self.sites, self.colors) / len(tokens)
            slopes[i, i] = 0.0
        return slopes

    def _row(self, i: int) -> Floats:
        matrix = _as_matrix(self.couplings[i])
        return matrix if self.bias is None else np.vstack([matrix, self.bias[i]])


@overload
def fit(
    tokens: Any,
    colors: int,
    lam: float,
    rows: Any = None,
    tolerance: float = 1e-8,
    bias: Literal[False] = False,
) -> tuple[Floats, NDArray[np.bool_]]: ...


@overload
def fit(
    tokens: Any,
    colors: int,
    lam: float,
    rows: Any = None,
    tolerance: float = 1e-8,
    *,
    bias: Literal[True],
) -> tuple[Floats, NDArray[np.bool_], Floats]: ...


def fit(
    tokens: Any,
    colors: int,
    lam: float,
    rows: Any = None,
    tolerance: float = 1e-8,
    bias: bool = False,
) -> tuple[Floats, NDArray[np.bool_]] | tuple[Floats, NDArray[np.bool_], Floats]:
    """Minimise -Σ_μ log P(s_i^μ | others) + (L λ / 2) Σ_jab J_ij(a, b)² for many sites i.

    A bias b_i, where it is asked for, does not decay; where some colour is never the masked token
    it has no best value, and the site has not converged.

    At λ = 0 many couplings predict the same, and the smallest of these are returned; where some
    J_i never predict a token worse and one better, there is no finite minimiser at all.

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
    bias : bool
        Whether P has a bias; else b = 0. λ must not be 0, where couplings hold one already.

    Returns
    -------
    couplings : array (rows, sites, colors, colors)
        J_ij(a, b).
    converged : bool array (rows,)
        Whether the tolerance was reached and the couplings are proven to be within the fraction
        √tolerance of the minimiser, up to rounding. It is false without a finite minimiser,
        as `has_minimiser` tells, and where the proof would take more than 3000 unknowns.
    biases : array (rows, colors)
        b, with a bias only; the components of a site add up to zero.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    colors, lam = checked_colors(colors), non_negative("lam", lam)
    tolerance = positive("tolerance", tolerance)
    tokens = checked_tokens(tokens, None, colors, least=1)
    samples, sites = tokens.shape
    if truth("bias", bias) and lam == 0:
        raise invalid("lam", lam, "greater than 0 with a bias, which couplings hold at 0 already")
    inputs = _one_hot(tokens, colors, bias)
    decay = np.full(inputs.shape[1] * colors, sites * lam)
    decay[sites * colors**2 :] = 0.0
    found, converged, biases = [], [], []
    for i in checked_sites(rows, sites):
        others = inputs.copy()
        others[:, i * colors : (i + 1) * colors] = 0.0

        def objective(
            x: Floats, others: Floats = others, masked: Any = tokens[:, i]
        ) -> tuple[float, Floats]:
            value, slope = row_loss(others, masked, x.reshape(-1, colors))
            couplings = x[: sites * colors**2]
            value += 0.5 * sites * lam * float(couplings @ couplings)
            return value / samples, (slope.ravel() + decay * x) / samples

        result = optimize.minimize(
            objective,
            np.zeros(decay.size),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": tolerance, "ftol": 0.0, "maxiter": 10_000, "maxfun": 20_000},
        )
        matrix = result.x.reshape(-1, colors)
        steep, close = samples * np.linalg.norm(result.jac), np.sqrt(tolerance)
        proven = float(np.abs(result.jac).max()) <= tolerance
        # By the curvature of the weight decay alone, or of the whole objective.
        least = 0.0 if bias else sites * lam
        if proven and not 0 < steep <= least * close * np.linalg.norm(matrix):
            row = PairRow(others, tokens[:, i], colors, sites * lam, bias)
            matrix, proven = row.proven(matrix, close)
        found.append(_as_couplings(matrix, sites, colors))
        converged.append(proven)
        biases.append(matrix[-1] - matrix[-1].mean())
    both = np.array(found), np.array(converged)
    return (*both, np.array(biases)) if bias else both


def has_minimiser(tokens: Any, row: int, colors: int) -> bool:
    """Tell whether the pseudo-likelihood of one site has a finite maximum without weight decay.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, from 0 to sites - 1.
    colors : int
        C.

    Returns
    -------
    bool
        False if some J_ij(a, b) predict no token worse and one better (see
        `simulations.estimators.recession`).

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    from scipy.sparse import coo_array

    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    site = integer("row", row, 0, tokens.shape[1] - 1)
    others = np.delete(tokens, site, axis=1).astype(int)
    samples, inputs = others.shape
    # One line for each token and wrong colour: J_j(y, s_j) - J_j(a, s_j), summed over j.
    lines = np.repeat(np.arange(samples * (colors - 1)), inputs).reshape(colors - 1, samples, -1)
    sources = np.broadcast_to(np.arange(inputs) * colors + others, lines.shape) * colors
    right = np.broadcast_to(tokens[:, site, None], lines.shape)
    wrong = (right + np.arange(1, colors)[:, None, None]) % colors
    places = np.concatenate([(sources + answer).ravel() for answer in (right, wrong)])
    signs = np.repeat([1.0, -1.0], lines.size)
    shape = (samples * (colors - 1), inputs * colors**2)
    margins = coo_array((signs, (np.tile(lines.ravel(), 2), places)), shape=shape)
    return recession_direction(margins) is None


def _one_hot(tokens: NDArray[Any], colors: int, bias: bool) -> Floats:
    """Return the sequences as a dense array (samples, sites · colors), and ones for a bias."""
    inputs: Floats = np.eye(colors)[tokens].reshape(len(tokens), -1)
    return np.column_stack([inputs, np.ones(len(tokens))]) if bias else inputs


def _as_matrix(couplings: Floats) -> Floats:
    """Turn J_j(a, b) of one site into a matrix ((j, b), a).

    What J_j(a, b) has in common for all a changes no probability, and goes where it outweighs the
    rest, whose digits it would swallow.
    """
    sites, colors, _ = couplings.shape
    matrix = couplings.transpose(0, 2, 1).reshape(sites * colors, colors)
    rest = matrix - matrix.mean(axis=1, keepdims=True)
    return rest if np.abs(rest).max() < 0.125 * np.abs(matrix).max() else matrix


def _as_couplings(matrix: Floats, sites: int, colors: int) -> Floats:
    return matrix[: sites * colors].reshape(sites, colors, colors).transpose(0, 2, 1)
