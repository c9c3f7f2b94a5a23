"""A pattern planted in Gaussian couplings: where it ends the paramagnet, and may have before."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from replica.problem.coupling_laws import CouplingLaw, GaussianCouplings
from replica.validation import invalid, non_negative

#: Share of the strength at which the pattern orders from which on finite systems notice it.
_NEAR = 0.95

#: Gain of free energy that is not rounding.
_GAIN = 1e-9


def planted(spike: Any, beta: float, colors: int, similarity: Any, law: CouplingLaw) -> float:
    """Return θ if the sequences have a paramagnet with such a pattern, or raise ValueError.

    The outlier of J, θ + 1/θ, meets the pole b + 1/b of the covariance at θ = 1/b.
    """
    # Without a sign of zero.
    value = non_negative("spike", spike) + 0.0
    if value == 0.0:
        return value
    if similarity is not None or not isinstance(law, GaussianCouplings):
        allowed = "0 or left out with a similarity, and with other than gaussian couplings"
        raise invalid("spike", spike, allowed)
    if beta * value >= colors:
        allowed = f"less than colors/beta = {colors / beta:.6g}, as the paramagnet needs"
        raise invalid("spike", spike, allowed)
    return value


def doubtful_pattern(spike: float, beta: float, colors: int) -> str:
    """Return why sequences may be ordered along the pattern; nothing if they are safe."""
    order = beta / colors * spike
    if order <= 0.0 or (order <= _NEAR and not _ordered(beta / colors, spike, colors)):
        return ""
    return (
        f"at beta spike/colors = {order:.3g} the sequences may order along the pattern; the theory "
        "holds in the paramagnet only"
    )


@lru_cache(maxsize=256)
def _ordered(b: float, spike: float, colors: int) -> bool:
    """Tell whether a state along the pattern may beat the paramagnet.

    Where v = ±1 the colours have frequencies x±, one enriched or depleted and the others equal, as
    that gains most. Jensen's bound on the free energy of such a state, with S = Σ x² of the mean x
    of both, is (THEORY.md, section 19)

    ½ (H(x+) + H(x-)) + (β²/4) S (1 - S) + (βθ/2) |(x+ - x-)/2|².
    """
    uniform, others = 1.0 / colors, colors - 1.0
    below = uniform * np.linspace(1e-3, 1.0, 20)[:-1]
    x = np.concatenate([below, uniform + (1.0 - uniform) * np.linspace(0.0, 1.0, 400)[:-1]])
    entropy = -x * np.log(x) - (1.0 - x) * np.log((1.0 - x) / others)
    plus, minus = x[:, None], x
    middle, half = 0.5 * (plus + minus), 0.5 * (plus - minus)
    square = middle**2 + (1.0 - middle) ** 2 / others
    disorder = 0.5 * (entropy[:, None] + entropy) - np.log(colors)
    couplings = 0.25 * (b * colors) ** 2 * (square * (1.0 - square) - uniform * (1.0 - uniform))
    pattern = 0.5 * b * colors * spike * half**2 * colors / others
    return bool((disorder + couplings + pattern).max() > _GAIN)
