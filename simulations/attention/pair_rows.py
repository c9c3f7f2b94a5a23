"""One site of the Potts model with pair couplings: its loss, and a proof of where the least is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from simulations.estimators.newton import Local, approach
from simulations.tokens import Floats

#: Newton steps towards the minimum, and the most unknowns of one.
_MOST_STEPS, _MOST_UNKNOWNS = 60, 3000

#: Eigenvalues of the second moments below this, relative to the largest, are none.
_FLAT = 1e-10


class PairRow:
    """The objective of one site, in coordinates that leave nothing out that predictions see.

    What is common to all logits of a token changes nothing, and the one-hot tokens of L-1 sites
    have a rank of (L-1)(C-1) + 1 or less. With bases Q of the inputs X and K of the logits, both
    orthonormal, J = Q W Kᵀ; a J that starts from zero keeps this form. A bias is one more input,
    which is always 1 and does not decay.
    """

    def __init__(
        self, inputs: Floats, masked: NDArray[Any], colors: int, decay: float, bias: bool
    ) -> None:
        sources = inputs[:, :-1] if bias else inputs
        levels, vectors = np.linalg.eigh(sources.T @ sources)
        basis = vectors[:, levels > _FLAT * levels[-1]]
        # Where there is no input, as at the masked site, there is none of its rounding errors.
        basis[~sources.any(axis=0)] = 0.0
        self._basis = block_diag(basis, np.ones((1, 1))) if bias else basis
        self._logits = np.linalg.svd(np.eye(colors) - 1 / colors)[0][:, :-1]
        self._inputs, self._masked = inputs @ self._basis, masked
        self._decay = np.full(self._inputs.shape[1] * (colors - 1), decay)
        self._decay[basis.shape[1] * (colors - 1) :] = 0.0
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
        bend = bend.reshape(len(point), len(point)) + np.diag(self._decay)
        rounding = np.finfo(float).eps * (2 + np.linalg.norm(point))
        total = np.abs(self._inputs).T @ np.abs(excess)
        return Local(slope, float(rounding * np.linalg.norm(total)), bend)


def row_loss(inputs: Floats, masked: NDArray[Any], matrix: Floats) -> tuple[float, Floats]:
    """Return -Σ_μ log P of one site and its gradient in the matrix (sites · colors, colors)."""
    logits = inputs @ matrix
    logits -= logits.max(axis=1, keepdims=True)
    logarithms = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    samples = np.arange(len(masked))
    excess = np.exp(logarithms)
    excess[samples, masked] -= 1.0
    return -float(logarithms[samples, masked].sum()), inputs.T @ excess
