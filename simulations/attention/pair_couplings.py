"""The pseudo-likelihood of the Potts model with a matrix of couplings for every pair of sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from replica.immutable import Immutable, keep
from replica.validation import integer, invalid, non_negative, numbers, positive
from simulations.estimators.newton import Local, approach
from simulations.estimators.recession import recession_direction
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, checked_sites, checked_tokens

#: Newton steps towards the minimum, and the most unknowns of one.
_MOST_STEPS, _MOST_UNKNOWNS = 60, 3000

#: Eigenvalues of the second moments below this, relative to the largest, are none.
_FLAT = 1e-10


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
            raise invalid("couplings", f"array {shape}", allowed)
        if np.any(np.einsum("iiab->iab", couplings) != 0):
            raise invalid("couplings", "array with J_ii", "an array with J_ii = 0")
        keep(self, couplings=couplings)
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

    Returns
    -------
    couplings : array (rows, sites, colors, colors)
        J_ij(a, b).
    converged : bool array (rows,)
        Whether the tolerance was reached and the couplings are proven to be within the fraction
        √tolerance of the minimiser, up to rounding. It is false without a finite minimiser,
        as `has_minimiser` tells, and where the proof would take more than 3000 unknowns.

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
        matrix = result.x.reshape(sites * colors, colors)
        steep, close = samples * np.linalg.norm(result.jac), np.sqrt(tolerance)
        proven = float(np.abs(result.jac).max()) <= tolerance
        # By the curvature of the weight decay alone, or of the whole objective.
        if proven and not 0 < steep <= sites * lam * close * np.linalg.norm(matrix):
            row = _Row(others, tokens[:, i], colors, sites * lam)
            matrix, proven = row.proven(matrix, close)
        found.append(_as_couplings(matrix, colors))
        converged.append(proven)
    return np.array(found), np.array(converged)


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


class _Row:
    """The objective of one site, in coordinates that leave nothing out that predictions see.

    What is common to all logits of a token changes nothing, and the one-hot tokens of L-1 sites
    have a rank of (L-1)(C-1) + 1 or less. With bases Q of the inputs X and K of the logits, both
    orthonormal, J = Q W Kᵀ; a J that starts from zero keeps this form.
    """

    def __init__(self, inputs: Floats, masked: NDArray[Any], colors: int, decay: float) -> None:
        levels, vectors = np.linalg.eigh(inputs.T @ inputs)
        self._basis = vectors[:, levels > _FLAT * levels[-1]]
        # Where there is no input, as at the masked site, there is none of its rounding errors.
        self._basis[~inputs.any(axis=0)] = 0.0
        self._logits = np.linalg.svd(np.eye(colors) - 1 / colors)[0][:, :-1]
        self._inputs, self._masked, self._decay = inputs @ self._basis, masked, decay
        # Differences of logits are √2 |x| |J| or less.
        longest = float(np.sqrt(inputs.sum(axis=1).max()))
        self._reach = 0.5 / (np.sqrt(2) * longest) if longest > 0 else np.inf

    def proven(self, matrix: Floats, close: float) -> tuple[Floats, bool]:
        """Return J within `close` |J| of the minimiser, and whether that is proven."""
        if self._inputs.shape[1] * self._logits.shape[1] > _MOST_UNKNOWNS:
            return matrix, False
        start = (self._basis.T @ matrix @ self._logits).ravel()
        found = approach(self._look, self._turn, start, close, self._reach, _MOST_STEPS)
        if found.near and found.steps:
            matrix = self._basis @ self._shaped(found.point) @ self._logits.T
        return matrix, found.near

    def _shaped(self, point: Floats) -> Floats:
        return point.reshape(self._inputs.shape[1], self._logits.shape[1])

    def _turn(self, move: Floats) -> float:
        logits = self._inputs @ self._shaped(move) @ self._logits.T
        return float(np.ptp(logits, axis=1).max(initial=0.0))

    def _look(self, point: Floats) -> Local:
        logits = self._inputs @ self._shaped(point) @ self._logits.T
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        seen = np.eye(p.shape[1])[self._masked] > 0
        # p_y - 1 as minus the others: a token that is almost certain keeps all digits.
        excess = np.where(seen, 0.0, p)
        excess -= seen * excess.sum(axis=1, keepdims=True)
        slope = (self._inputs.T @ (excess @ self._logits)).ravel() + self._decay * point
        bends = -p[:, :, None] * p[:, None, :]
        np.einsum("maa->ma", bends)[:] = np.where(seen, -p * excess, p * (1 - p))
        bends = self._logits.T @ bends @ self._logits
        size, width = self._inputs.shape[1], self._logits.shape[1]
        bend = np.empty((size, width, size, width))
        for a, b in np.ndindex(width, width):
            bend[:, a, :, b] = self._inputs.T @ (bends[:, a, b, None] * self._inputs)
        bend = bend.reshape(len(point), len(point)) + self._decay * np.eye(len(point))
        rounding = np.finfo(float).eps * (2 + np.linalg.norm(point))
        total = np.abs(self._inputs).T @ np.abs(excess)
        return Local(slope, float(rounding * np.linalg.norm(total)), bend)


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
