"""The curve as one would first write it: scipy and numpy only, plain iteration of the map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from reference import reference_solver

Averages = Callable[[float, float, float], np.ndarray]

#: Samples of the plain Monte Carlo average, times colours.
SAMPLES = 200_000


def curve(
    colors: int, beta: float, lam: float, alphas: Iterable[float], hats: Iterable[float]
) -> list[np.ndarray]:
    """Return (m, q, V, test loss, training loss) per alpha, each started from the last one.

    The first starts from the conjugates `hats`, (m̂, q̂, V̂).

    Two colours: nested quad, the prox by brentq inside. Three and four: tensor Gauss-Hermite.
    More: plain Monte Carlo with the same samples in every iteration.
    """
    averages, fresh = _channel(colors)
    tolerance = 1e-9 if colors <= 4 else 1e-6
    hats = np.array(list(hats))
    lines = []
    for alpha in alphas:
        for _ in range(2000):
            row = reference_solver.row(colors, beta, lam, hats) if colors == 2 else _row(
                colors, beta, lam, hats
            )  # fmt: skip
            found = averages(row.m, row.q, row.V)
            new = alpha * found[:3]
            change = np.abs(new / hats - 1).max()
            hats = new
            if change < tolerance:
                break
        lines.append(np.array([row.m, row.q, row.V, fresh(row.m, row.q), found[3]]))
    return lines


def _row(colors: int, beta: float, lam: float, hats: np.ndarray) -> reference_solver.Row:
    """The coupling equations by Gauss's rule for the semicircle law."""
    m_hat, q_hat, V_hat = hats
    b, w2 = beta / colors, beta**2
    angle = np.arange(1, 101) * math.pi / 101
    weights = 2.0 / 101 * np.sin(angle) ** 2
    G = 1 / (colors * (1 + b * b - 2 * b * np.cos(angle)))
    D = lam + V_hat * G
    return reference_solver.Row(
        m=float(weights @ (w2 * m_hat * G**2 / D)),
        q=float(weights @ (G * (w2 * (m_hat * G) ** 2 + q_hat * G) / D**2)),
        V=float(weights @ (G / D)),
        r=math.nan,
        n=math.nan,
    )


def _channel(colors: int) -> tuple[Averages, Callable[[float, float], float]]:
    """Return E (g_1, |g|², tr K, log 1/p_1) and the fresh loss."""
    if colors == 2:
        return (
            lambda m, q, V: np.array(reference_solver.logistic_channel(m, q, V)),
            lambda m, q: reference_solver.gaussian_mean(
                lambda z: float(np.logaddexp(0, -m - math.sqrt(2 * q) * z))
            ),
        )
    if colors <= 4:
        noise, weights = reference_solver.dense_fields(colors, 44)
    else:
        noise = np.random.default_rng(0).standard_normal((SAMPLES // colors, colors))
        weights = np.full(len(noise), 1.0 / len(noise))

    def fields(m: float, q: float) -> np.ndarray:
        values = math.sqrt(q) * noise
        values[:, 0] += m
        return values

    def averages(m: float, q: float, V: float) -> np.ndarray:
        p = reference_solver.probabilities(fields(m, q), V)
        return np.asarray(weights @ reference_solver.observed(p, V))

    def fresh(m: float, q: float) -> float:
        h = fields(m, q)
        top = h.max(axis=1)
        return float(weights @ (top + np.log(np.exp(h - top[:, None]).sum(axis=1)) - h[:, 0]))

    return averages, fresh
