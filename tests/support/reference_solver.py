"""Independent answers to the questions that the tests put to the solver.

Everything here is written from the equations of the theory with numpy and scipy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, root
from scipy.special import expit, wrightomega


class Channel(NamedTuple):
    """E g_1, E |g|², -E tr ∂g/∂ω, E ℓ(e_1, h)."""

    overlap: float
    energy: float
    response: float
    loss: float


class Row(NamedTuple):
    """Overlaps of the row: m, q, V, r = w*·w, n = |w|²."""

    m: float
    q: float
    V: float
    r: float
    n: float


def probabilities(fields: np.ndarray, V: float) -> np.ndarray:
    """softmax(h) for h = ω + V (e_1 - softmax(h)), one row per field, certified by that line."""
    c = fields.copy()
    c[:, 0] += V
    top = c.max(axis=1)
    low, high = top - V - 1.0, top + np.log(c.shape[1])
    t = high.copy() if V < 1.0 else low.copy()
    moving = np.arange(len(t))
    for _ in range(200):
        p = wrightomega(c[moving] - t[moving, None] + np.log(V)) / V
        total = p.sum(axis=1)
        low[moving] = np.where(total > 1, t[moving], low[moving])
        high[moving] = np.where(total > 1, high[moving], t[moving])
        step = np.log(total) * total / (p / (1 + V * p)).sum(axis=1)
        new = t[moving] + step
        outside = (new < low[moving]) | (new > high[moving])
        t[moving] = np.where(outside, 0.5 * (low[moving] + high[moving]), new)
        moving = moving[outside | (np.abs(step) > 1e-14 * (1 + np.abs(new)))]
        if not moving.size:
            break
    p = wrightomega(c - t[:, None] + np.log(V)) / V
    p[:, 0] = np.where(p[:, 0] > 0.5, 1 - p[:, 1:].sum(axis=1), p[:, 0])
    h = c - V * p
    weights = np.exp(h - h.max(axis=1, keepdims=True))
    softmax = weights / weights.sum(axis=1, keepdims=True)
    assert np.abs(softmax - p).max() < 1e-13 * (1 + np.abs(c).max())
    return p


def observed(p: np.ndarray, V: float) -> np.ndarray:
    """One line (g_1, |g|², tr H (I + V H)^{-1}, log 1/p_1) per line of probabilities."""
    rest = p[:, 1:].sum(axis=1)
    r = p / (1 + V * p)
    trace = r.sum(axis=1) - (r**2).sum(axis=1) / r.sum(axis=1)
    loss = np.where(rest < 0.5, -np.log1p(-np.minimum(rest, 0.5)), -np.log(p[:, 0]))
    return np.stack([rest, rest**2 + (p[:, 1:] ** 2).sum(axis=1), trace, loss], axis=1)


def orthogonal_to_ones(colors: int) -> np.ndarray:
    """Orthonormal columns that span the fields, so that noise = basis @ standard normals."""
    full = np.column_stack([np.ones(colors), np.eye(colors)[:, 1:]])
    return np.linalg.qr(full)[0][:, 1:]


def dense_fields(colors: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss-Hermite rule for noise ~ N(0, K0): points and weights."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    n = colors - 1
    grid = np.stack(np.meshgrid(*[x] * n, indexing="ij"), axis=-1).reshape(-1, n)
    weights = np.prod(np.stack(np.meshgrid(*[w] * n, indexing="ij"), axis=-1), axis=-1).ravel()
    keep = weights > 1e-20
    return grid[keep] @ orthogonal_to_ones(colors).T, weights[keep]


def dense_channel(colors: int, m: float, q: float, V: float, nodes: int = 44) -> Channel:
    """The channel by tensor Gauss-Hermite, with -E tr ∂g/∂ω by Stein's identity."""
    noise, weights = dense_fields(colors, nodes)
    fields = np.sqrt(q) * noise
    fields[:, 0] += m
    p = probabilities(fields, V)
    g = -p
    g[:, 0] = p[:, 1:].sum(axis=1)
    means = weights @ observed(p, V)
    stein = -(weights @ (g * noise).sum(axis=1)) / np.sqrt(q)
    return Channel(means[0], means[1], stein, means[3])


def logistic_channel(m: float, q: float, V: float) -> Channel:
    """The channel of two colours: fields differ by u = m + √(2q) z, prox by brentq, means by quad.

    The difference d of h solves d = u + 2 V / (1 + e^d).
    """
    scale = np.sqrt(2 * q)

    def margin(z: float) -> float:
        u = m + scale * z
        return brentq(lambda d: d - u - 2 * V * expit(-d), u - 1e-9, u + 2 * V + 1e-9, xtol=1e-14)

    def response(d: float) -> float:
        curve = 2 * expit(d) * expit(-d)
        return curve / (1 + V * curve)

    functions = (
        lambda d: expit(-d),
        lambda d: 2 * expit(-d) ** 2,
        response,
        lambda d: np.logaddexp(0, -d),
    )
    kinks = np.clip([-m / scale, (-m - 2 * V) / scale], -9, 9)
    return Channel(*(gaussian_mean(lambda z, f=f: f(margin(z)), kinks) for f in functions))


def gaussian_mean(function: Callable[[float], float], kinks: Iterable[float] = (0.0,)) -> float:
    """E f(z) by adaptive quadrature, with a few places where f may bend."""
    return quad(
        lambda z: function(z) * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi),
        -9.6, 9.6, points=sorted(kinks), epsabs=1e-14, epsrel=1e-12, limit=400,
    )[0]  # fmt: skip


def row(colors: int, beta: float, lam: float, hats: np.ndarray) -> Row:
    """The coupling equations at (m̂, q̂, V̂), the semicircle law integrated by quad."""
    m_hat, q_hat, V_hat = hats
    b = beta / colors
    w2 = beta**2

    def mean(function: Callable[[float], float]) -> float:
        def integrand(angle: float) -> float:
            G = 1 / (colors * (1 + b * b - 2 * b * np.cos(angle)))
            return 2 / np.pi * np.sin(angle) ** 2 * function(G)

        return quad(integrand, 0, np.pi, epsabs=0, epsrel=1e-13)[0]

    return Row(
        m=w2 * m_hat * mean(lambda G: G**2 / (lam + V_hat * G)),
        q=mean(lambda G: G * (w2 * (m_hat * G) ** 2 + q_hat * G) / (lam + V_hat * G) ** 2),
        V=mean(lambda G: G / (lam + V_hat * G)),
        r=w2 * m_hat * mean(lambda G: G / (lam + V_hat * G)),
        n=mean(lambda G: (w2 * (m_hat * G) ** 2 + q_hat * G) / (lam + V_hat * G) ** 2),
    )


def white_row(rho: float, hats: np.ndarray) -> Row:
    """The coupling equations at λ = 0, where the spectrum of G is gone from m, q and V."""
    m_hat, q_hat, V_hat = hats
    return Row(rho * m_hat / V_hat, (rho * m_hat**2 + q_hat) / V_hat**2, 1 / V_hat, np.nan, np.nan)


def saddle_point(
    alpha: float,
    row: Callable[[np.ndarray], Row],
    channel: Callable[[float, float, float], Channel],
    start: Iterable[float],
) -> np.ndarray:
    """Solve for (m̂, q̂, V̂) with scipy's hybrid Powell method, in logarithms."""

    def gap(logs: np.ndarray) -> np.ndarray:
        overlaps = row(np.exp(logs))
        average = channel(overlaps.m, overlaps.q, overlaps.V)
        image = [average.overlap, average.energy, average.response]
        return np.log(alpha * np.array(image)) - logs

    found = root(gap, np.log(list(start)), options={"xtol": 1e-13})
    assert np.abs(found.fun).max() < 1e-11
    return np.exp(found.x)


def fresh_loss(colors: int, m: float, q: float) -> float:
    """E log(1 + Σ_{a>1} e^{ω_a - ω_1}) = ∫dv Ψ(v + m) (1 - Ψ(v)^{C-1}), Ψ(v) = E e^{-e^{v + √q x}}.

    From log(A/B) = ∫ds/s (e^{-sB} - e^{-sA}) at s = e^v, both integrals by the trapezoidal rule.
    """
    x, x_step = np.linspace(-9.5, 9.5, 400 + int(200 * np.sqrt(q)), retstep=True)
    weights = np.exp(-0.5 * x * x) * x_step / np.sqrt(2 * np.pi)

    def missing(v: np.ndarray) -> np.ndarray:
        return -np.expm1(-np.exp(np.minimum(v[:, None] + np.sqrt(q) * x, 50.0))) @ weights

    reach = 9.5 * np.sqrt(q) + 40.0 + np.log(colors)
    v, v_step = np.linspace(-reach, 9.5 * np.sqrt(q) + 5.0 + abs(m), int(20 * reach), retstep=True)
    wrong = -np.expm1((colors - 1) * np.log1p(-np.minimum(missing(v), 1 - 1e-16)))
    return float(((1 - missing(v + m)) * wrong).sum() * v_step)


def projected_distance2(points: np.ndarray) -> np.ndarray:
    """Squared distance of each line from {h : h_1 >= h_a}, by pooling the largest others.

    The projection replaces the first component and the k largest others by their common mean,
    with k the smallest number for which that mean exceeds every component left out.
    """
    first, others = points[:, :1], -np.sort(-points[:, 1:], axis=1)
    sums = first + np.concatenate([np.zeros_like(first), np.cumsum(others, axis=1)], axis=1)
    means = sums / np.arange(1, points.shape[1] + 1)
    left_out = np.concatenate([others, np.full_like(first, -np.inf)], axis=1)
    k = np.argmax(means >= left_out, axis=1)
    level = np.take_along_axis(means, k[:, None], axis=1)
    pooled = np.arange(others.shape[1]) < k[:, None]
    moves = np.where(pooled, others - level, 0.0)
    return (first[:, 0] - level[:, 0]) ** 2 + (moves**2).sum(axis=1)
