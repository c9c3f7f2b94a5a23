"""The inverse of a sample covariance with weight decay, as averages over eigenvalues of G."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Vector

#: The most steps of Newton's method.
_STEPS = 200


class Resolvent(NamedTuple):
    """The deterministic equivalent of R = (S + λ)^{-1}, S = (1/L) Σ x xᵀ of γL samples.

    Attributes
    ----------
    weight : float
        V̂ of R ≃ (λ + V̂G)^{-1}: γ = V̂ (1 + <G/(λ + V̂G)>).
    diagonal : float
        p = tr R/L.
    spread : float
        (tr R²/L)/p² - 1, the relative variance of the eigenvalues of R.
    residual : float
        Of the equation for V̂, relative to γ.
    """

    weight: float
    diagonal: float
    spread: float
    residual: float


def resolvent(values: Vector, weights: Vector, ratio: float, decay: float) -> Resolvent:
    """Return the resolvent of samples of variables whose G has these eigenvalues.

    Parameters
    ----------
    values, weights : arrays (nodes,)
        <f(G)> = Σ weights f(values).
    ratio, decay : float
        γ, and λ: greater than 0, or 0 if γ is greater than 1.
    """
    # V̂ + V̂V - γ increases and is concave in V̂: from below Newton's steps climb to the root.
    first = ratio * decay / (decay + weights @ values)
    weight = np.maximum(ratio - 1.0, first)
    for _ in range(_STEPS):
        D = decay + weight * values
        error = weight * (1.0 + weights @ (values / D)) - ratio
        step = error / (1.0 + decay * (weights @ (values / D**2)))
        weight = weight - step
        if step >= -2e-16 * weight:
            break
    D = decay + weight * values
    mean = weights @ (1.0 / D)
    # V̂' of the resolvent's own derivative, -R², in λ.
    echo = weight**2 / ratio
    moved = echo * (weights @ (values / D**2)) / (1.0 - echo * (weights @ (values / D) ** 2))
    scatter = weights @ (1.0 / D - mean) ** 2 + moved * (weights @ (values / D**2))
    residual = abs(weight * (1.0 + weights @ (values / D)) - ratio) / ratio
    return Resolvent(float(weight), float(mean), float(scatter / mean**2), float(residual))
