"""How many of the pairs to which attention is strongest are coupled most strongly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import integrate
from scipy.special import ndtr, ndtri

from replica.arrays import Vector
from replica.immutable import Immutable
from replica.predictions.given_pairs import GivenPairs
from replica.predictions.pair_law import check_alone, check_pairs, pair_law
from replica.problem import Problem
from replica.problem.row_couplings import RowCouplings
from replica.saddle_point.solver import solve
from replica.validation import invalid, numbers, truth

#: The share of all pairs that count as contacts where no coupling vanishes.
CONTACTS = 0.05


@dataclass(frozen=True, eq=False)
class PairPrecision(Immutable):
    """Contacts among the pairs of the strongest attention.

    Attributes
    ----------
    top : float or array
        The share of all pairs that is predicted.
    precision : float or array
        The share of contacts among these.
    contacts : float
        The share of contacts among all pairs: the precision of a guess.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, pair_precision
    >>> found = pair_precision(Problem(2.0, 0.1, PottsTokens(3, 1.5)), contacts=0.1)
    >>> found.contacts < found.precision < 1.0
    True
    """

    top: float | Vector
    precision: float | Vector
    contacts: float


def pair_precision(
    problem: Problem,
    contacts: float | None = None,
    top: float | Sequence[float] | None = None,
    symmetrised: bool = True,
    corrected: bool = False,
) -> PairPrecision:
    """Return the precision of the strongest |A_ij| in finding the strongest |J_ij|.

    Of an ensemble of couplings A_ij and βJ_ij are jointly normal (see `pair_law`), and the
    precision is that of many sites. Of one given model every pair has its own normal law, from the
    order parameters of its two rows; contacts are then couplings that do not vanish, or the
    strongest.

    Parameters
    ----------
    problem : Problem
        What is learnt: Potts tokens with U = I, whole Gaussian sequences, or a row of
        `RowTokens.from_couplings`, which stands for all rows of its model; without masks.
    contacts : float, optional
        The share of all pairs, above 0 and below 1, that are contacts: those of the strongest
        |J_ij|. None is 0.05 of an ensemble; of a given model it is all pairs that are coupled.
    top : float or sequence of float, optional
        The share of all pairs that is predicted, or several; None is that of the contacts.
    symmetrised : bool
        Whether the attention of a pair is (A_ij + A_ji)/2; else A_ij of one row.
    corrected : bool
        Whether ``F_i· F_·j/F_··`` is subtracted from F = |A|, the average-product correction. It
        changes nothing in an ensemble, where all rows have the same sums, for many sites.

    Returns
    -------
    PairPrecision

    Raises
    ------
    ValueError
        If an argument is not allowed.
    ConvergenceError
        If a row has no solution.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, pair_precision
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> pair_precision(problem, contacts=0.05, top=[0.01, 0.05]).precision.round(3)
    array([0.432, 0.272])
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    truth("symmetrised", symmetrised)
    truth("corrected", corrected)
    context = getattr(problem.data, "context", None)
    if isinstance(context, RowCouplings):
        check_alone(problem)
        pairs = GivenPairs(problem, context.model, symmetrised, corrected)
        known = pairs.coupled(None if contacts is None else _share("contacts", contacts))
        places = _shares(top, float(known.mean()))
        found = pairs.precision(known, places)
        return _told(top, places, found, float(known.mean()))
    check_pairs(problem)
    law = pair_law(solve(problem))
    true = _share("contacts", CONTACTS if contacts is None else contacts)
    places = _shares(top, true)
    shared = 0.5 * (1.0 + law.noise_correlation) if symmetrised else 1.0
    seen = law.slope**2 * law.norm2
    R = math.sqrt(seen / (seen + shared * law.noise))
    found = np.array([_both_large(R, true, place) / place for place in places])
    return _told(top, places, found, true)


def _both_large(R: float, true: float, found: float) -> float:
    """Return how often two normal variables are both among such shares of the largest.

    R is their correlation.
    """
    t, s = -ndtri(0.5 * true), -ndtri(0.5 * found)
    rest = math.sqrt(max(1.0 - R * R, 0.0))
    if rest < 1e-9:
        return min(true, found)

    def density(x: float) -> float:
        tail = ndtr((R * x - s) / rest) + ndtr((-R * x - s) / rest)
        return float(math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi) * tail)

    end = max(t, s) + 12.0
    steep = [x for x in (s / R if R else end,) if t < x < end]
    total = integrate.quad(density, t, end, points=steep or None, epsabs=1e-14, epsrel=1e-11)[0]
    return 2.0 * float(total)


def _share(name: str, share: Any) -> float:
    allowed = "a share above 0 and below 1"
    value = numbers(name, share, allowed)
    if value.ndim or not 0.0 < value < 1.0:
        raise invalid(name, share, allowed)
    return float(value)


def _shares(top: Any, contacts: float) -> Vector:
    if top is None:
        return np.array([contacts])
    if np.ndim(top) == 0:
        return np.array([_share("top", top)])
    return np.array([_share("top", each) for each in top])


def _told(top: Any, places: Vector, found: Vector, contacts: float) -> PairPrecision:
    if top is None or np.ndim(top) == 0:
        return PairPrecision(float(places[0]), float(found[0]), contacts)
    return PairPrecision(places, found, contacts)
