"""Kernels of the cross-entropy on fresh sequences, whose fields no training has moved."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit, part

#: Normal variable of a density that is 0 in floating point, for any number of colours.
_NEVER = 39.0

#: The most factors that are multiplied, where more are left to the logarithm.
_MULTIPLIED = 8


@part
def _lean(m, root):
    """Return the -z around which the loss of h = m + root z lies: log E log(1 + e^-h) < -z²/2."""
    return min(m / root, root) if m > 0.0 and root > 0.0 else 0.0


@inlined
def fresh_pair(m, q, spacing, radius):
    """Average over the one field of two colours without training, by the trapezoidal rule.

    Returns
    -------
    tuple
        E log(1/p_1), E (1 - p_1), E Σ_{a≠b} p_a p_b.
    """
    root = np.sqrt(2.0 * q)
    half = int((radius + _lean(m, root)) / spacing)
    loss = error = mixed = 0.0
    for i in range(-half, half + 1):
        z = i * spacing
        weight = np.exp(-0.5 * z * z)
        h = m + root * z
        e = np.exp(-abs(h))
        loss += weight * (np.log1p(e) + max(-h, 0.0))
        error += weight * (e if h > 0.0 else 1.0) / (1.0 + e)
        mixed += weight * e / ((1.0 + e) * (1.0 + e))
    norm = spacing / np.sqrt(2.0 * np.pi)
    return loss * norm, error * norm, 2.0 * mixed * norm


@jit
def fresh_averages(colors, m, q, spacing, radius, digits):
    """Average over the fields without training, h = ω, by one integral of a product.

    With u = v + √q x, Ψ(v) = E e^{-e^u} and φ(v) = E[e^u e^{-e^u}] = -Ψ'(v), see THEORY.md:
    E log(1/p_1) = ∫dv Ψ(v + m) (1 - Ψ(v)^{C-1}),
    E (1 - p_1) = (C - 1) ∫dv Ψ(v + m) Ψ(v)^{C-2} φ(v),
    E p_1 p_2 = ∫dv φ(v + m) φ(v) Ψ(v)^{C-2}, E p_2 p_3 = ∫dv Ψ(v + m) φ(v)² Ψ(v)^{C-3}.
    Both in v and in √q x the trapezoidal rule has at most this spacing. Below v = -digits the
    integrands are negligible, and e^{-digits} above.

    Returns
    -------
    tuple
        E log(1/p_1), E (1 - p_1), E Σ_{a≠b} p_a p_b.
    """
    n = colors - 1
    # Narrower fields than that change nothing, but their grid would never end.
    root_q = max(np.sqrt(q), 1e-8)
    # An error takes two components, of which each goes half the way.
    lean = _lean(m, np.sqrt(2.0) * root_q)
    if lean > _NEVER:
        return 0.0, 0.0, 0.0
    radius += lean / np.sqrt(2.0)
    dx = min(0.75, spacing / root_q)
    half = int(np.ceil(radius / dx))
    du = dx * root_q
    # The grid of v is every `stride`-th point of that of u, and m is not on either.
    stride = max(1, int(spacing / du))
    dv = stride * du
    low = -digits - np.log(n) - radius * root_q
    high = radius * root_q + np.log(digits) - min(m, 0.0)
    count = int(np.ceil((high - low) / dv)) + 1
    weight = np.empty(2 * half + 1)
    for i in range(2 * half + 1):
        weight[i] = np.exp(-0.5 * ((i - half) * dx) ** 2) * dx / np.sqrt(2.0 * np.pi)
    # Where all of u is far below zero, e^{-e^u} = 1 - e^u, and above log(digits) it is zero.
    size = 2 * half + 1 if stride > 1 else count + 2 * half
    wrong, slope, right, tilt = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    loss = error = mixed = 0.0
    for k in range(count):
        v = low + k * dv
        first = 0 if stride > 1 else k
        if stride > 1 or k == 0:
            for i in range(size):
                u = v + (i - half) * du
                e = np.exp(min(u, 50.0))
                wrong[i] = -np.expm1(-e)
                slope[i] = e * (1.0 - wrong[i])
                e = np.exp(min(u + m, 50.0))
                right[i] = np.exp(-e)
                tilt[i] = e * right[i]
        missing = density = both = pull = 0.0
        for i in range(2 * half + 1):
            missing += weight[i] * wrong[first + i]
            density += weight[i] * slope[first + i]
            both += weight[i] * right[first + i]
            pull += weight[i] * tilt[first + i]
        # Ψ, Ψ^{n-2} and 1 - Ψ^n.
        one, power, lost = 1.0 - missing, 1.0, missing
        if n <= _MULTIPLIED:
            lost += missing * one
            for _ in range(n - 2):
                power *= one
                lost = missing + one * lost
        else:
            rest = np.log1p(-min(missing, 1.0 - 1e-16))
            power, lost = np.exp((n - 2) * rest), -np.expm1(n * rest)
        loss += both * lost
        error += n * both * density * power * one
        mixed += n * density * power * (2.0 * pull * one + (n - 1) * both * density)
    return loss * dv, error * dv, mixed * dv
