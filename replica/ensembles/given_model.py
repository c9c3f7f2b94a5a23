"""The tokens of one given model as Gaussian variables, and how far that can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from replica.arrays import Matrix
from replica.errors import ParamagnetWarning
from replica.memory import kept
from replica.notices import tell
from replica.problem.paramagnet import safe_b
from replica.problem.row_couplings import GivenModel
from replica.validation import invalid

#: Newton steps for the diagonal; couplings of 50 take 40.
_STEPS = 200

#: Share of all variance in one direction, beyond which the tokens have ordered along it.
_ORDERED = 0.5

#: Relative change of the correlations by the next order, from which on they may be wrong.
_LARGE_ORDER = 0.15


@dataclass(frozen=True, eq=False)
class Covariance:
    """The tokens of a whole model as Gaussian variables: cov(s_j, s_k) = R_jk K0.

    Attributes
    ----------
    interactions : array (sites, sites)
        K', minus the part of R^{-1} off the diagonal.
    covariance : array (sites, sites)
        R, of diagonal 1/C.
    """

    interactions: Matrix
    covariance: Matrix


@kept()
def covariance(model: GivenModel) -> Covariance:
    """Return the covariance of all tokens of a model.

    Raises
    ------
    ValueError
        If the tokens are not paramagnetic.

    Warns
    -----
    ParamagnetWarning
        If the paramagnet may have ended.
    """
    interactions = pair_interactions(model.teacher, model.colors)
    try:
        R = balanced(interactions, 1.0 / model.colors)
    except LinAlgError:
        allowed = "such that the couplings have a paramagnet; these have none of finite precision"
        raise invalid("beta", model.beta, allowed) from None
    _check(model, interactions, R)
    return Covariance(interactions, R)


def pair_interactions(K: Matrix, colors: int) -> Matrix:
    """Return the Gaussian interactions of tokens that are coupled by K = βJ.

    Two tokens alone have the covariance t K0/C, t = (e^K - 1)/(e^K + C - 1), which is that of
    two Gaussian variables of variance 1/C with this interaction:

    K' = C t/(1 - t²) = (e^K - 1)(e^K + C - 1)/(2 e^K + C - 2) = K + (C-2)/(2C) K² + O(K³).
    """
    e = np.exp(K)
    return np.asarray(np.expm1(K) * (e + (colors - 1)) / (2.0 * e + (colors - 2)))


def balanced(interactions: Matrix, variance: float) -> Matrix:
    """Return R = (Λ - K')^{-1}, with the diagonal Λ at which every R_jj is the variance.

    Λ is where variance x tr Λ - log det(Λ - K') is smallest: it is convex, and self-concordant,
    so that Newton's steps, shortened by their length, arrive from anywhere.

    Raises
    ------
    LinAlgError
        If rounding keeps them from it.
    """
    here = np.abs(interactions).sum(axis=1) + 1.0 / variance
    R = _inverse(np.diag(here) - interactions)
    for _ in range(_STEPS):
        gap = np.diagonal(R) - variance
        step = np.linalg.solve(R * R, gap)
        if not np.isfinite(step).all():
            break
        length = math.sqrt(max(float(gap @ step), 0.0))
        here = here + step / (1.0 + length if length > 0.25 else 1.0)
        R = _inverse(np.diag(here) - interactions)
        if length < 1e-9:
            return R
    raise LinAlgError("rounding keeps the variances from their value")


def next_order(model: GivenModel, known: Covariance) -> float:
    """Return the relative change of the correlations by the next order in the couplings.

    Of two tokens in a model the correlation is c = C R_jk, not that of two alone, t: K' then is
    K + f(c), f(t) = K'(t) - K(t) (Sessak & Monasson 2009), of which f(t) is in K' and
    f'(t) (c - t) follows. It is exact to third order, triangles of couplings included.
    """
    C, R = model.colors, known.covariance
    e, grown = np.exp(model.teacher), np.expm1(model.teacher)
    states = e + (C - 1)
    t, less, more = grown / states, C / states, (2 * e + (C - 2)) / states  # t, 1 - t, 1 + t
    slope = C * (1 + t * t) / (less * more) ** 2 - (C - 1) * states / (C * e) - 1 / less
    further = slope * (C * R - t)
    np.fill_diagonal(further, 0.0)
    apart = ~np.eye(model.sites, dtype=bool)
    size = float(np.linalg.norm(R[apart]))
    if size == 0.0:
        return 0.0
    try:
        changed = balanced(known.interactions + further, 1.0 / C)
    except LinAlgError:
        return math.inf
    return float(np.linalg.norm((changed - R)[apart])) / size


def _check(model: GivenModel, interactions: Matrix, R: Matrix) -> None:
    """Refuse tokens that have ordered, and warn of those that may have."""
    sites, C = model.sites, model.colors
    largest = C * float(np.linalg.eigvalsh(R)[-1])
    if largest > _ORDERED * sites:
        allowed = (
            "such that the couplings have a paramagnet; these order along one direction, which "
            f"holds {largest / sites:.2g} of all variance"
        )
        raise invalid("beta", model.beta, allowed)
    susceptibility = C * C * float((R * R).sum()) / sites
    b, safe = math.sqrt(1.0 - 1.0 / max(susceptibility, 1.0)), safe_b(C)
    if b > safe:
        told = f"correlations as of b = {b:.3g}, above {safe:.3g},"
    elif largest**2 > sites:
        told = f"a direction of the variance {largest:.3g}/C, above sqrt(L)/C,"
    elif (order := next_order(model, Covariance(interactions, R))) > _LARGE_ORDER:
        told = f"a next order in the couplings that changes correlations by {order:.2g}"
    else:
        return
    tell(
        f"beta = {model.beta}: {told} from where on the sequences may order or freeze; the theory "
        "holds in the paramagnet only",
        ParamagnetWarning,
    )


def _inverse(precision: Matrix) -> Matrix:
    inverse = cho_solve(cho_factor(precision), np.eye(len(precision)))
    return np.asarray(0.5 * (inverse + inverse.T))
