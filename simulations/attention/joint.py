"""A and V together at a stationary point of the training loss, V kept at the norm of U."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from replica.problem import Masking
from replica.validation import integer, invalid, non_negative, positive, truth
from simulations.attention.factored import FactoredAttention
from simulations.attention.masking import masked_gradient
from simulations.epochs.masks import Hidden, hidden_shares
from simulations.estimators.certificate import exists
from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.minimiser import StatusName
from simulations.estimators.objective import Rows
from simulations.kernels.cross_entropy import evaluate, sites_by_color
from simulations.sequences.potts import checked_colors
from simulations.tokens import (
    Floats,
    Tokens,
    checked_seed,
    checked_similarity,
    checked_tokens,
    is_rounding,
    seen,
)

#: Units of U are told apart by powers of this.
_STEP = 2.0**10

#: Curvature pairs that are remembered.
_MEMORY = 20

#: A loss and its derivatives in A, V and b.
_LossAndSlopes = tuple[float, Floats, Floats, Floats]


@dataclass(frozen=True, eq=False)
class JointTraining:
    """A and V where the training loss with its weight decay is stationary.

    Parameters
    ----------
    attention : FactoredAttention
        A and V, the columns of V centred, and the bias if there is one.
    residual : float
        Norm of the gradient, relative to that at A = 0.
    evaluations : int
        Evaluations of the loss with its gradient.
    status : str
        "converged"; "max-steps"; "diverged", where the loss falls for ever: λ = 0 and with this V
        some row of A has no finite minimiser, or a bias is asked for where some colour is never
        the masked token; "not-finite".

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train_jointly
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 100, seed=1)
    >>> found = train_jointly(tokens, 3, lam=0.1)
    >>> found.status, found.attention.attention.shape, found.attention.values.shape
    ('converged', (10, 10), (3, 3))
    """

    attention: FactoredAttention
    residual: float
    evaluations: int
    status: StatusName


def train_jointly(
    tokens: Any,
    colors: int,
    lam: float,
    similarity: Any = None,
    seed: Any = 0,
    tolerance: float = 1e-6,
    max_steps: int = 5000,
    masking: Masking | None = None,
    bias: bool = False,
) -> JointTraining:
    """Minimise Σ_μ Σ_i ℓ(s_i^μ, Σ_j A_ij V s_j^μ + b_i) + (L λ / 2) |A|² over A and V.

    The loss is the cross-entropy. (c A, V / c) predicts the same, so that weight decay on A
    alone would be escaped: V is kept on the sphere |K0 V| = |K0 U| with K0 = I - 11ᵀ/C, which
    leaves the part of V out that predicts nothing. The problem is not convex; it is descended
    from A = 0 and a random V by L-BFGS, in V along the sphere.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, 0 or greater.
    similarity : array (colors, colors), optional
        U, of which only the norm is used; None is the identity.
    seed : int or numpy.random.SeedSequence
        Source of the first V.
    tolerance : float
        Residual at which the point counts as stationary.
    max_steps : int
        The most steps.
    masking : Masking, optional
        Static masks, which hide a share p of all tokens at once: Σ_μ is then over the sequences
        that hide site i in one of K draws, divided by p K, and λ must not be 0.
    bias : bool
        Whether every site has a bias b_i, which does not decay; else b = 0. λ must not be 0.

    Returns
    -------
    JointTraining
        A and V at the end of the descent, with a residual and a status.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample, train_jointly
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 100, seed=1)
    >>> train_jointly(tokens, 3, lam=0.1).status
    'converged'
    """
    colors, lam = checked_colors(colors), non_negative("lam", lam)
    tokens = checked_tokens(tokens, None, colors, least=1)
    sites = tokens.shape[1]
    tolerance, max_steps = positive("tolerance", tolerance), integer("max_steps", max_steps, 1)
    _check_masking(masking, lam)
    if truth("bias", bias) and lam == 0:
        raise invalid("lam", lam, "greater than 0 with a bias")
    known = np.eye(colors)
    if similarity is not None:
        known = seen(checked_similarity(similarity, colors))
        if is_rounding(_centred(known), similarity):
            raise invalid("similarity", "a matrix of equal rows", "one that tells colors apart")
    norm = float(np.linalg.norm(_centred(known)))
    # (A / c, c V) is descended like (A, V): U in a unit of its own where it is far from I.
    unit_of_values = _STEP ** round(np.log(norm / np.sqrt(colors - 1)) / np.log(_STEP))
    norm, lam = norm / unit_of_values, lam / unit_of_values**2
    first = _centred(np.random.default_rng(checked_seed(seed)).standard_normal((colors, colors)))
    decay = sites * lam
    total = _Whole(tokens, colors) if masking is None else _Masked(tokens, masking, seed)
    # Equal curvature, about, in A and in the direction of V, which many more tokens see.
    unit = 1 / np.sqrt(sites)

    def unpack(x: Floats) -> tuple[Floats, Floats, Floats, float]:
        attention, direction, biases = np.split(x, [sites**2, sites**2 + colors**2])
        direction = _centred(direction.reshape(colors, colors))
        length = float(np.linalg.norm(direction))
        values = direction * (norm / length)
        return attention.reshape(sites, sites), values, biases.reshape(sites, -1), length

    def objective(x: Floats) -> tuple[float, Floats]:
        attention, values, biases, length = unpack(x)
        loss, in_attention, in_values, in_biases = total(attention, values, biases)
        tangent = _centred(in_values)
        tangent -= values * (np.vdot(values, tangent) / norm**2)
        in_direction = tangent * (norm / length)
        parts = in_attention + decay * attention, in_direction, in_biases
        slope = np.concatenate([part.ravel() for part in parts])
        return loss + 0.5 * decay * float(np.vdot(attention, attention)), slope

    direction = first.ravel() / np.linalg.norm(first) * norm * unit
    start = np.concatenate([np.zeros(sites**2), direction, np.zeros(sites * colors * bias)])
    scale = float(np.linalg.norm(objective(start)[1])) or 1.0
    result = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxcor": _MEMORY,
            "gtol": tolerance * scale / np.sqrt(start.size),
            "ftol": 0.0,
            "maxiter": max_steps,
            "maxfun": 2 * max_steps,
        },
    )
    residual = float(np.linalg.norm(result.jac)) / scale
    status: StatusName = "converged" if residual <= tolerance else "max-steps"
    if not np.isfinite(residual):
        status = "not-finite"
    attention, values, biases, _ = unpack(result.x)
    if lam == 0:
        problem = Rows(CrossEntropy(), tokens, values, 0.0, np.arange(sites))
        slopes = result.jac[: sites**2].reshape(sites, sites).T
        if not np.all(exists(problem, np.ascontiguousarray(attention.T), slopes)):
            status = "diverged"
    if bias and _lacks_a_color(tokens, total.masked, colors):
        status = "diverged"
    learnt = attention / unit_of_values, values * unit_of_values
    centred = biases - biases.mean(axis=1, keepdims=True) if bias else None
    found = FactoredAttention(*learnt, centred)
    return JointTraining(found, residual, int(result.nfev), status)


def _check_masking(masking: Masking | None, lam: float) -> None:
    if masking is None:
        return
    if not isinstance(masking, Masking) or masking.dynamic:
        # Their average is no sum over sequences; many draws come close.
        raise invalid("masking", masking, "None or static, such as static:RATE:DRAWS")
    if lam == 0:
        raise invalid("lam", lam, "greater than 0 with masks")


class _Whole:
    """The loss with every site masked in turn, as a function of A, V and b, if there is one."""

    def __init__(self, tokens: Tokens, colors: int) -> None:
        sites = tokens.shape[1]
        self._tokens, self._groups = tokens, sites_by_color(tokens, colors)
        self.masked = np.ones(tokens.shape, bool)
        self._rows, self._losses = np.arange(sites), np.empty(sites)
        self._in_columns, self._in_values = np.empty((sites, sites)), np.empty((colors, colors))

    def __call__(self, attention: Floats, values: Floats, bias: Floats) -> _LossAndSlopes:
        """Return the loss and its derivatives in A, V and b."""
        columns = np.ascontiguousarray(bias.T)
        in_bias = np.empty_like(columns)
        slopes = self._in_columns, self._in_values, columns, in_bias
        evaluate(self._tokens, self._groups, self._rows, attention.T, values, True, self._losses,
                 *slopes)  # fmt: skip
        np.fill_diagonal(self._in_columns, 0.0)
        return float(self._losses.sum()), self._in_columns.T, self._in_values, in_bias.T


class _Masked:
    """The loss under static masks, as a function of A, V and b, if there is one."""

    def __init__(self, tokens: Tokens, masking: Masking, seed: Any) -> None:
        self._tokens = tokens
        self._count = masking.rate * masking.draws
        shape, draws = tokens.shape, range(masking.draws)
        self._hidden = [hidden_shares(masking, shape, checked_seed(seed), draw) for draw in draws]
        self.masked = np.any(self._hidden, axis=0)

    def __call__(self, attention: Floats, values: Floats, bias: Floats) -> _LossAndSlopes:
        """Return the loss and its derivatives in A, V and b."""
        shown = bias if bias.size else np.zeros((len(attention), len(values)))
        arrays = attention, values, shown
        loss, totals = 0.0, tuple(np.zeros_like(array) for array in arrays)
        slopes = tuple(np.empty_like(array) for array in arrays)
        for hidden in self._hidden:
            loss += masked_gradient(self._tokens, hidden, self._count, *arrays, *slopes)
            for whole, slope in zip(totals, slopes, strict=True):
                whole += slope
        in_attention, in_values, in_bias = totals
        return loss, in_attention, in_values, in_bias[:, : bias.shape[1]]


def _lacks_a_color(tokens: Tokens, masked: Hidden, colors: int) -> bool:
    """Tell whether some colour is never the masked token of some site that is masked."""
    shown = np.array([((tokens == a) & masked).any(axis=0) for a in range(colors)])
    return bool((shown.any(axis=0) & ~shown.all(axis=0)).any())


def _centred(matrix: Floats) -> Floats:
    centred: Floats = matrix - matrix.mean(axis=0)
    return centred
