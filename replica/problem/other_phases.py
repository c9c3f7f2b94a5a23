"""Phases that may take the place of a stable paramagnet: colour order, and a discontinuous glass.

Neither is asked for with Gaussian couplings, of which more is known.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from replica.arrays import Vector
from replica.problem.coupling_laws import CouplingLaw

#: Gains below this are rounding.
_ROUNDING = 1e-9

#: Largest signal of the table of overlaps: beyond, a site is known but for e^{-15} or so.
_KNOWN = 60.0


def takes_over(colors: int, law: CouplingLaw, b: float) -> bool:
    """Tell whether a state in which one colour has another frequency may beat the paramagnet.

    By Jensen's inequality its free energy is at most -Σ x log x + ½ tr Φ(β(diag x - c √x√xᵀ)) for
    any c, where Φ is the integral of R, of the paramagnet's value at uniform x and c = 1/C.
    """
    others = colors - 1
    x = np.arange(1, 400) / 400
    # As close to 1/C as to the ends, with any number of colours.
    x = np.concatenate((x / colors, 1.0 / colors + x * others / colors))[:-1]
    other = (1.0 - x) / others
    entropy = -x * np.log(x) - (1.0 - x) * np.log(other)
    square = x * x + others * other * other
    beta, best = b * colors, np.full(len(x), np.inf)
    for share in np.linspace(0.5, 1.5, 21):
        c = share * square
        first, second, across = x - c * x, other - c * (1.0 - x), -c * np.sqrt(x * (1.0 - x))
        mean, half = 0.5 * (first + second), np.hypot(0.5 * (first - second), across)
        gained = _bounded(law, beta * (mean + half)) + _bounded(law, beta * (mean - half))
        gained = gained + (others - 1) * _bounded(law, beta * other)
        best = np.minimum(best, entropy + 0.5 * gained)
    own = math.log(colors) + 0.5 * others * float(law.integral(b))
    return bool((best - own).max() > _ROUNDING * (1.0 + abs(own)))


def _bounded(law: CouplingLaw, y: Vector) -> Vector:
    """Return the integral of R, which beyond the ends x of the spectrum goes on as x - 1/y."""
    (low, high), (least, most) = law.spectrum, law.reach
    inside = np.clip(y, least, most)
    # A vanishing y is inside, whatever it is divided by.
    beyond = np.where(y > 0.0, high, low) * (y - inside)
    beyond = beyond - np.log(np.where(y == inside, 1.0, y / np.where(inside == 0, 1.0, inside)))
    total: Vector = law.integral(inside) + beyond
    return total


def freezes(colors: int, law: CouplingLaw, b: float) -> bool:
    """Tell whether the paramagnet is made of states that sequences hardly leave.

    Two of its sequences have an overlap q other than 0 if q = f(C b [R(b) - R(b(1-q))]), where
    f(x) is the overlap that a site has with its token, seen through Gaussian noise of a signal x:
    the dynamic transition of a discontinuous glass.
    """
    q = 1.0 - np.geomspace(1e-6, 0.98, 200)
    signal = colors * b * (law.r_transform(b) - law.r_transform(b * (1.0 - q)))
    signals, overlaps = _known_overlaps(colors)
    known = np.interp(signal, signals, overlaps, right=1.0)
    return bool(np.any(known > q))


@lru_cache(maxsize=64)
def _known_overlaps(colors: int) -> tuple[Vector, Vector]:
    """Return signals x and f(x) = (C E softmax_1 - 1)/(C - 1) at the fields x e_1 + √x ξ.

    E softmax_1 is the integral over v of E[e^u exp(-e^u)] at u = v + x + √x ξ times the power C-1
    of E exp(-e^u) at u = v + √x ξ (THEORY.md, section 10).
    """
    signals = np.geomspace(1e-3, _KNOWN + 4.0 * math.log(colors), 120)
    overlaps = np.zeros(len(signals))
    for i, signal in enumerate(signals):
        root = math.sqrt(signal)
        noise = np.arange(-9.0, 9.0, min(0.3, 0.3 / root))
        weights = np.exp(-0.5 * noise**2)
        weights /= weights.sum()
        v = np.arange(-signal - 9.0 * root - 40.0, 9.0 * root + 4.0, 0.3)
        other = np.exp(-np.exp(np.minimum(v[:, None] + root * noise, 50.0))) @ weights
        u = np.minimum(v[:, None] + signal + root * noise, 50.0)
        first = 0.3 * float((np.exp(u - np.exp(u)) @ weights) @ other ** (colors - 1))
        overlaps[i] = (colors * first - 1.0) / (colors - 1)
    return np.append(0.0, signals), np.append(0.0, overlaps)
