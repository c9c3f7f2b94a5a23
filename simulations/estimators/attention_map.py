"""The attention of all sites that one set of sequences gives: the matrix A that people look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from replica.immutable import Immutable, fixed
from replica.problem.data_model import LossName
from replica.validation import invalid, non_negative, numbers
from simulations.estimators.curvature import overlaps
from simulations.estimators.minimiser import train
from simulations.estimators.own_loss import OwnLoss
from simulations.estimators.squared_error import SquaredError
from simulations.kernels.one_thread import one_thread
from simulations.kernels.second_moments import inverse, pair_sums
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, Tokens, checked_tokens

#: The gradient, relative to that at A = 0, below which rows have converged.
TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class AttentionMap(Immutable):
    """All rows of the attention, trained on the same sequences.

    Parameters
    ----------
    attention : array (sites, sites)
        A, with zero diagonal; row i predicts site i.
    variances : array (sites,), optional
        1/P_ii of the squared error, P the inverse of the second moments of the sequences with
        weight decay: what is left of site i by its prediction. None where rows were trained.
    status : str
        The worst of the rows, see `Training`.
    residual : float
        The largest norm of a row's gradient, relative to that at A = 0.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, attention_map, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 60, seed=1)
    >>> found = attention_map(tokens, 3, lam=0.1, loss="squared-error")
    >>> found.status, found.attention.shape, found.variances.shape
    ('converged', (20, 20), (20,))
    """

    attention: Floats
    variances: Floats | None
    status: str
    residual: float

    @property
    def symmetric(self) -> Floats:
        """(A + Aᵀ)/2."""
        return symmetric_part(self.attention)

    @cached_property
    def eigenvalues(self) -> Floats:
        """Eigenvalues of A in ascending order; of (A + Aᵀ)/2 unless A is I - diag(P)^{-1} P.

        That A has real ones, those of the partial correlations -P_ij/√(P_ii P_jj).
        """
        matrix = self.symmetric
        if self.variances is not None:
            root = np.sqrt(self.variances)
            matrix = symmetric_part(self.attention / root[:, None] * root)
        found: Floats = fixed(linalg.eigvalsh(matrix))
        return found


@one_thread
def attention_map(
    tokens: Any,
    colors: int,
    lam: float,
    loss: LossName | OwnLoss = "cross-entropy",
    bias: bool = False,
) -> AttentionMap:
    """Return the attention of all sites from one set of sequences, at V = I.

    For the squared error the rows are those of one inverse: with the second moments
    P = (Σ_μ Σ_c x xᵀ + Lλ)^{-1}, x_j = (K0 s_j)_c, the row that minimises
    Σ_μ ½ |K0 s_i - K0 Σ_j A_ij s_j|² + (Lλ/2) Σ_j A_ij² is A = I - diag(P)^{-1} P, exactly and at
    any L. Rows of another loss are trained one by one (see `train`), and so are those of moments
    that have no inverse.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, 0 or greater.
    loss : str or OwnLoss
        "cross-entropy", "squared-error" or a loss of the user's.
    bias : bool
        Whether every row has a bias.

    Returns
    -------
    AttentionMap
        A, and how its rows converged.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, attention_map, sample, train
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 60, seed=1)
    >>> A = attention_map(tokens, 3, lam=0.1, loss="squared-error").attention
    >>> bool(np.allclose(A, train(tokens, 3, lam=0.1, loss="squared-error").weights))
    True
    """
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    decay = tokens.shape[1] * non_negative("lam", lam)
    if loss == SquaredError.name and not bias:
        try:
            return regression_map(second_moments(tokens, colors), decay)
        except np.linalg.LinAlgError:
            pass  # without weight decay, of few sequences: there is no inverse
    found = train(tokens, colors, lam, loss, bias=bias)
    return AttentionMap(found.weights, None, found.status, float(found.residuals.max()))


def regression_map(moments: Any, decay: float) -> AttentionMap:
    """Return A = I - diag(P)^{-1} P of P = (moments + decay)^{-1}: every site on all others.

    Parameters
    ----------
    moments : array (sites, sites)
        Sums of x_j x_k over samples, of inputs whose means are predicted, too.
    decay : float
        Weight decay times L, 0 or greater.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    numpy.linalg.LinAlgError
        If there is no inverse.
    """
    moments = numbers("moments", moments, "a symmetric matrix of finite numbers")
    if moments.ndim != 2 or moments.shape[0] != moments.shape[1]:
        raise invalid("moments", f"array {moments.shape}", "a symmetric matrix")
    whole = moments + non_negative("decay", decay) * np.eye(len(moments))
    precision = inverse(whole)
    variances = 1.0 / precision.diagonal()
    attention = -variances[:, None] * precision
    np.fill_diagonal(attention, 0.0)
    # Row i of (I - A) times the matrix vanishes but for its own entry.
    slope = whole - attention @ whole
    np.fill_diagonal(slope, 0.0)
    scale = np.linalg.norm(moments - np.diag(moments.diagonal()), axis=1)
    residual = float((np.linalg.norm(slope, axis=1) / np.where(scale == 0, 1.0, scale)).max())
    status = "converged" if residual < TOLERANCE else "max-steps"
    return AttentionMap(attention, variances, status, residual)


def second_moments(tokens: Tokens, colors: int) -> Floats:
    """Return Σ_μ (K0 s_j)·(K0 s_k), an array (sites, sites)."""
    return pair_sums(tokens, np.arange(tokens.shape[1]), overlaps(np.eye(colors)))


def symmetric_part(matrix: Floats) -> Floats:
    """Return half the sum of a matrix and its transpose."""
    found: Floats = 0.5 * (matrix + matrix.T)
    return found
