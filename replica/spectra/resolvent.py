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


def powers(values: Vector, weights: Vector, decay: float, weight: float) -> Vector:
    """Return tr R^k/L for k = 1 to 4, by the series of p in λ, in which V̂ = γ - 1 + λ p.

    Parameters
    ----------
    values, weights, decay : arrays (nodes,) and float
        As in `resolvent`.
    weight : float
        V̂, which it returned.
    """
    D, R = [decay + weight * values], [1.0 / (decay + weight * values)]
    p, slope = [weights @ R[0]], weights @ (values * R[0] ** 2)
    for k in range(1, 4):
        # At order k V̂ is λ p_k + p_{k-1}, of which p_k is not known yet.
        known = (k == 1) + p[-1] * values
        rest = -R[0] * (known * R[0] + sum(D[j] * R[k - j] for j in range(1, k)))
        p.append((weights @ rest) / (1.0 + decay * slope))
        D.append(known + decay * p[-1] * values)
        R.append(rest - decay * p[-1] * values * R[0] ** 2)
    return np.array(p) * [1.0, -1.0, 1.0, -1.0]
