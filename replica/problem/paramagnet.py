"""Where the paramagnet of Potts tokens ends, and from where on it may have ended before."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.problem.coupling_laws import CouplingLaw, GaussianCouplings
from replica.problem.other_phases import freezes, takes_over
from replica.problem.similarity import distinctions
from replica.validation import invalid, real

#: Share of the reduced coupling of a glass transition from which on finite systems notice it.
_NEAR = 0.95

#: How far from uniform a reaction may be, relative to its size.
_EQUAL = 1e-9

#: The largest |b|: few patterns leave a paramagnet at any negative β, with fewer and fewer digits.
_LARGEST_B = 1e4

#: The largest β that an answer of a search for the end can be.
_LARGEST = 1e300


def paramagnetic(beta: Any, colors: int, similarity: Any, law: CouplingLaw) -> float:
    """Return β if the sequences have a paramagnet there, or raise ValueError."""
    if isinstance(law, GaussianCouplings):
        most = colors / _strongest(similarity)
        unit = similarity is None or most == colors
        reason = "|beta| < colors" if unit else "|beta u| < colors for every u of U"
        allowed = f"between -{most:.6g} and {most:.6g}, as the paramagnet needs {reason}"
        value = real("beta", beta, allowed)
        if abs(value) >= most:
            raise invalid("beta", beta, allowed)
        return value
    value = real("beta", beta)
    modes = _modes(similarity, colors)
    if not _alive(value, colors, modes, law):
        low, high = (sign * _end(sign, colors, modes, law) for sign in (-1.0, 1.0))
        allowed = (
            f"between {low:.6g} and {high:.6g}, in the paramagnet of {law.text} couplings and of "
            f"|beta u|/colors up to {_LARGEST_B:g}"
        )
        raise invalid("beta", beta, allowed)
    if not _uniform_reaction(value / colors, modes, law):
        allowed = f"such that all (U R(bU))_aa of {law.text} couplings are equal, as circulants are"
        raise invalid("similarity", similarity, allowed)
    return value


def doubtful(beta: float, colors: int, similarity: Any, law: CouplingLaw) -> str:
    """Return why the paramagnet may have ended at a β that it may have; nothing if it is safe."""
    if isinstance(law, GaussianCouplings):
        safe, b = safe_b(colors), abs(beta / colors) * _strongest(similarity)
        return (
            f"|b| = |beta u|/colors = {b:.3g} is above {safe:.3g}, "
            "from where on the sequences may order or freeze; the theory holds in the "
            "paramagnet only"
            if b > safe
            else ""
        )
    u = _modes(similarity, colors)[0]
    for b in {beta / colors * float(each) for each in (u.min(), u.max())}:
        if not _safe(b, colors, law):
            return (
                f"at b = beta u/colors = {b:.3g} sequences of {law.text} couplings may order or "
                "freeze; the theory holds in the paramagnet only"
            )
    return ""


@lru_cache(maxsize=256)
def _safe(b: float, colors: int, law: CouplingLaw) -> bool:
    """Tell whether nothing is known that ends the paramagnet at b, or makes it hard to reach."""
    near = abs(b) * math.sqrt(law.slope(b)) > _NEAR
    return b == 0.0 or not (near or takes_over(colors, law, b) or freezes(colors, law, b))


@lru_cache(maxsize=256)
def safe_b(colors: int) -> float:
    """Return the |b| up to which the paramagnet of Gaussian couplings is safe.

    Up to four colours it ends at the glass transition |b| = 1. With more, one colour takes
    over before: a state in which the colours have frequencies x beats the paramagnet, by
    Jensen's bound on its free energy, at no smaller b² than

    (4/C²) (log C + Σ x log x) / (S (1 - S) - (1 - 1/C)/C),   S = Σ x²,

    and the smallest value over one enriched colour is the bound (THEORY.md, section 1).
    """
    smallest = _NEAR**2
    for i in range(1, 1000):
        x = 1.0 / colors + (1.0 - 1.0 / colors) * i / 1000
        other = (1.0 - x) / (colors - 1)
        order = math.log(colors) + x * math.log(x) + (1.0 - x) * math.log(other)
        square = x * x + (1.0 - x) * other
        gain = square * (1.0 - square) - (1.0 - 1.0 / colors) / colors
        if gain > 0.0:
            smallest = min(smallest, 4.0 * order / (gain * colors**2))
    return math.sqrt(smallest)


def _strongest(similarity: Any) -> float:
    """Return the largest |u| of the eigenvalues of U beyond that of 1."""
    if similarity is None:
        return 1.0
    apart, rounding = distinctions(np.array(similarity))
    strongest = float(np.abs(np.linalg.eigvalsh(apart - apart.mean())).max())
    # What remains of equal entries is rounding: they tell no colours apart, at any β.
    return strongest if strongest > rounding else 1e-300


#: Eigenvalues u of U without that of 1, how often each counts, and its vectors as columns.
Modes = tuple[Vector, Vector, Matrix | None]


def _modes(similarity: Any, colors: int) -> Modes:
    """Return the modes of a similarity; that of 1 has the eigenvalue 0 here, and no effect."""
    if similarity is None:
        return np.ones(1), np.full(1, colors - 1.0), None
    apart, rounding = distinctions(np.array(similarity))
    values, vectors = np.linalg.eigh(apart - apart.mean())
    values[np.abs(values) <= rounding] = 0.0
    return values, np.ones(colors), vectors


def _alive(beta: float, colors: int, modes: Modes, law: CouplingLaw) -> bool:
    """Tell whether the paramagnet is stable, against glass and colour order, and has states.

    b²R'(b) < 1 for b = βu/C of every mode; the growth of unequal frequencies is less than 1; and
    the entropy, log C + ½ Σ [∫R - bR(b)], is not negative (THEORY.md, section 12).
    """
    values, counts, vectors = modes
    b = beta / colors * values
    low, high = law.reach
    if np.abs(b).max() > _LARGEST_B:
        return False
    # Beyond the ends of the spectrum R is of no use.
    if b.min() <= low or b.max() >= high or np.any(b * b * law.slope(b) >= 1.0):
        return False
    entropy = math.log(colors) + 0.5 * float(counts @ (law.integral(b) - b * law.r_transform(b)))
    return entropy >= 0.0 and _growth(b, colors, vectors, law) < 1.0


def _growth(b: Vector, colors: int, vectors: Matrix | None, law: CouplingLaw) -> float:
    """Return by how much unequal colour frequencies, common to all sites, enhance themselves.

    For U = I it is b²R'(b) (C - 2)/2, else the largest eigenvalue on the complement of 1 of
    (C/2) Σ_kl b_k b_l R[b_k, b_l] P_k∘P_l, with the slope R[., .] of a chord of R and the product
    ∘ of entries.
    """
    if vectors is None:
        return float(b[0] ** 2 * law.slope(b[0])) * (colors - 2) / 2
    gap, R = b[:, None] - b, law.r_transform(b)
    flat = np.abs(gap) <= 1e-6 * np.abs(b).max()
    middle = law.slope(0.5 * (b[:, None] + b))
    chord = np.where(flat, middle, (R[:, None] - R) / np.where(flat, 1.0, gap))
    enhanced = np.zeros((colors, colors))
    for k in np.flatnonzero(b):
        others = (vectors * (b[k] * b * chord[k])) @ vectors.T
        enhanced += np.outer(vectors[:, k], vectors[:, k]) * others
    enhanced *= 0.5 * colors
    centred = enhanced - enhanced.mean(axis=0)
    return float(np.linalg.eigvalsh(centred - centred.mean(axis=1)[:, None]).max())


def _uniform_reaction(b: float, modes: Modes, law: CouplingLaw) -> bool:
    """Tell whether a site's reaction on itself, (U R(bU))_aa, is the same for every colour."""
    values, _, vectors = modes
    if vectors is None:
        return True
    reaction = vectors**2 @ (values * law.r_transform(b * values))
    return float(np.ptp(reaction)) <= _EQUAL * float(np.abs(reaction).max())


def _end(sign: float, colors: int, modes: Modes, law: CouplingLaw) -> float:
    """Return the size of β where the paramagnet ends, for β of a sign."""
    low, high = 0.0, 1.0
    while _alive(sign * high, colors, modes, law) and high < _LARGEST:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _alive(sign * middle, colors, modes, law) else (low, middle)
    return low
