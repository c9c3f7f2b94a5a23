"""Independent averages over the fields, finer than the solver's and by other rules.

`inversion` shares with the solver the identity that makes colours independent (THEORY.md,
7.2), and nothing else: it integrates over x on a line in the complex plane, where e^{-sp} decays
instead of oscillating; its contour in s has another real part and another step; and its
observables are other combinations of averages (the response is Stein's E ξ·g, the forces are
those of the masked colour). `two_colors` and `three_colors` are trapezoidal rules on square
grids with Newton's method for the prox, and `sampled` is randomised quasi-Monte Carlo.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numba
import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import reference_solver

from replica.quadrature.kernels.exchangeable_window import exchangeable_window


def inversion(colors: int, m: float, q: float, V: float, effort: float = 1.0) -> np.ndarray:
    """Return E 1, E g_1, E |g|², E tr K, E log(1/p_1) through complex fields."""
    t_low, t_high, p_low, p_high, _ = exchangeable_window(colors, m, 1.1 * q, V, 9.2, -42.0)
    spread = 1.2 * max(p_high - 1.0, 1.0 - p_low)
    turn = min(0.25 * math.pi, 2.5 * math.sqrt(q))
    x_count = int(effort * max(160.0, 135.0 * math.sqrt(q)))
    t_count = int(effort * 150)
    if spread < 2.0:
        # Σ p reaches no alias of 1: no damping, and the series runs until its terms vanish.
        a, h, group, terms = 0.0, 2.0 * math.pi / spread, 1, 4000
        weights = np.ones(terms)
    else:
        # Aliases of Σ p = 1 at 9, 17, ... are damped by e^{-40}, ..., and rounding grows by e^5.
        a, h, group, terms, euler = 5.0, 0.25 * math.pi, 4, int(110 * effort), 16
        shares = [math.comb(euler, j) for j in range(euler + 1)]
        tail = np.cumsum(shares[::-1])[::-1] / 2.0**euler
        weights = np.repeat(np.concatenate([np.ones(terms), tail]), group)
    weights[0] = 0.5
    x = np.linspace(-9.2, 9.2, x_count) - 1j * turn / math.sqrt(q)
    return _inversion(
        colors, m, q, V, np.linspace(t_low, t_high, t_count), a, h, weights, x, group == 1
    )


@numba.njit(cache=True)
def _prox(z, V, guess):
    """Return log p with log p + V p = z, complex."""
    y = guess
    for _ in range(60):
        p = np.exp(y)
        step = (z - y - V * p) / (1.0 + V * p)
        if abs(step) > 2.0:
            step *= 2.0 / abs(step)
        y += step
        if abs(step) < 1e-15 * (1.0 + abs(y)):
            break
    return y


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _transforms(f, decay, turn, out):
    """out[j, k] = Σ_i f[j, i] decay[i] turn[i]^k; return where that becomes negligible."""
    functions, count = f.shape
    fr, fi = f.real.copy(), f.imag.copy()
    x, y = decay.real.copy(), decay.imag.copy()
    c, s = turn.real.copy(), turn.imag.copy()
    for k in range(out.shape[1]):
        for j in range(functions):
            re = im = 0.0
            for i in range(count):
                re += fr[j, i] * x[i] - fi[j, i] * y[i]
                im += fr[j, i] * y[i] + fi[j, i] * x[i]
            out[j, k] = complex(re, im)
        for i in range(count):
            x[i], y[i] = x[i] * c[i] - y[i] * s[i], x[i] * s[i] + y[i] * c[i]
        if k > 8 and abs(out[0, k]) < 1e-40:
            return k + 1
    return out.shape[1]


@numba.njit(cache=True)
def _inversion(colors, m, q, V, t, a, h, weights, x, ends):
    n = colors - 1
    root_q = np.sqrt(q)
    count = x.size
    dx = (x[1] - x[0]).real
    gauss = np.exp(-0.5 * x * x) * dx / np.sqrt(2.0 * np.pi)
    other = np.empty((6, count), dtype=np.complex128)
    first = np.empty((10, count), dtype=np.complex128)
    A = np.zeros((6, weights.size), dtype=np.complex128)
    B = np.zeros((10, weights.size), dtype=np.complex128)
    decay = np.empty(count, dtype=np.complex128)
    turn = np.empty(count, dtype=np.complex128)
    result = np.zeros(5)
    dt = t[1] - t[0]
    for it in range(t.size):
        for which in range(2):
            shift = -t[it] if which == 0 else m + V - t[it]
            y = shift + root_q * x[0]
            if y.real > 1.0:
                # p is near the lesser of e^z and z/V.
                large = np.log(y) - np.log(V)
                if large.real < y.real:
                    y = large
            for i in range(count):
                z = shift + root_q * x[i]
                if i > 0:
                    y = y + root_q * dx / (1.0 + V * np.exp(y))
                y = _prox(z, V, y)
                p = np.exp(y)
                r = p / (1.0 + V * p)
                w = gauss[i]
                decay[i] = np.exp(-a * p)
                turn[i] = np.exp(-1j * h * p)
                if which == 0:
                    other[0, i] = w
                    other[1, i] = w * r
                    other[2, i] = w * p * p
                    other[3, i] = w * p * p * r
                    other[4, i] = w * x[i] * p
                    other[5, i] = w * x[i] * p * r
                else:
                    u = 1.0 - p
                    first[0, i] = w
                    first[1, i] = w * r
                    first[2, i] = w * u
                    first[3, i] = w * u * r
                    first[4, i] = w * u * u
                    first[5, i] = w * u * u * r
                    first[6, i] = -w * y
                    first[7, i] = -w * y * r
                    first[8, i] = w * x[i] * u
                    first[9, i] = w * x[i] * u * r
            if which == 0:
                ka = _transforms(other, decay, turn, A)
            else:
                kb = _transforms(first, decay, turn, B)
        quiet = 0
        for k in range(min(ka, kb)):
            phi = A[0, k]
            low = phi ** (n - 2) if n > 2 else (1.0 + 0.0j if n == 2 else 0.0j)
            mid = low * phi if n > 1 else 1.0 + 0.0j
            high = mid * phi
            factor = weights[k] * np.exp(complex(a, h * k)) * dt * h / np.pi
            size = 0.0
            for j in range(5):
                value = B[2 * j, k] * n * A[1, k] * mid + B[2 * j + 1, k] * high
                target = (0, 1, 2, 4, 3)[j]
                if j == 2 or j == 4:
                    c = 2 if j == 2 else 4
                    sign = 1.0 if j == 2 else -1.0
                    value += (
                        sign
                        * n
                        * (
                            B[1, k] * A[c, k] * mid
                            + B[0, k] * (A[c + 1, k] * mid + (n - 1) * A[c, k] * A[1, k] * low)
                        )
                    )
                if j == 4:
                    value *= -1.0 / root_q
                # E tr K = E[Σ_{a>1} x_a p_a - x_1 (1 - p_1)]/√q, by Stein's lemma.
                result[target] += (factor * value).real
                size = max(size, abs(factor * value))
            quiet = quiet + 1 if size < 1e-18 else 0
            if ends and quiet > 5:
                break
    return result


def two_colors(m: float, q: float, V: float) -> np.ndarray:
    """The averages at C = 2: a trapezoidal rule over the difference of the fields."""
    scale = math.sqrt(2.0 * q)
    # The averaged functions are analytic within |Im u| < π, so this spacing leaves e^{-44}.
    z, step = np.linspace(-9.4, 9.4, max(121, int(18.8 * scale / 0.4)), retstep=True)
    u = m + scale * z
    # d = u + e^y solves d = u + 2V/(1 + e^d); the equation for y is convex and increasing, and
    # Newton's method falls on its zero from above.
    y = np.full_like(u, math.log(2.0 * V))
    for _ in range(200):
        d = u + np.exp(y)
        step_y = (y - math.log(2.0 * V) + np.logaddexp(0, d)) / (
            1.0 + np.exp(y - np.logaddexp(0, -d))
        )
        y -= step_y
        if np.abs(step_y).max() < 1e-14 * (1.0 + np.abs(y).max()):
            break
    d = u + np.exp(y)
    wrong = 1.0 / (1.0 + np.exp(np.minimum(d, 700.0)))
    curve = 2.0 * wrong * (1.0 - wrong)
    values = [np.ones_like(d), wrong, 2 * wrong**2, curve / (1 + V * curve), np.logaddexp(0, -d)]
    return np.array(values) @ np.exp(-0.5 * z * z) * step / math.sqrt(2.0 * math.pi)


def three_colors(m: float, q: float, V: float) -> np.ndarray:
    """The averages at C = 3: a trapezoidal rule on a square grid of two orthonormal fields."""
    # Im x < π/√(2q) along either axis; the spacing leaves e^{-36}.
    spacing = min(0.7, 2.0 * math.pi * math.pi / math.sqrt(2.0 * q) / 36.0)
    axis = np.arange(-8.8, 8.8 + spacing, spacing)
    basis = reference_solver.orthogonal_to_ones(3)
    total = np.zeros(5)
    for x in axis:
        noise = np.stack([np.full_like(axis, x), axis], axis=1)
        fields = math.sqrt(q) * noise @ basis.T
        fields[:, 0] += m
        values = reference_solver.observed(reference_solver.probabilities(fields, V), V)
        weights = np.exp(-0.5 * (noise**2).sum(axis=1)) * spacing**2 / (2.0 * math.pi)
        total += weights @ np.column_stack([np.ones(axis.size), values])
    return total


def fresh_loss(colors: int, m: float, q: float) -> float:
    """Return E log Σ_a e^{ω_a - ω_1} = ∫ds/s (e^{-s} - Π_a E e^{-s e^{ω_a}}) - m, with s = e^v.

    Where that difference cancels, as a sum of positive terms instead (`referee.fresh_loss`,
    with wider tails).
    """
    reach = 13.0
    spacing = 0.11
    x_step = min(0.4, spacing / math.sqrt(q))
    x = np.arange(-math.ceil(reach / x_step), math.ceil(reach / x_step) + 1) * x_step
    weights = np.exp(-0.5 * x * x) * x_step / math.sqrt(2 * math.pi)
    low = -40.0 - math.log(colors) - abs(m) - reach * math.sqrt(q)
    high = 5.0 + reach * math.sqrt(q)
    v = low + spacing * np.arange(math.ceil((high - low) / spacing))
    blocks = []
    for part in np.array_split(v, max(1, v.size * x.size // 2_000_000)):
        u = part[:, None] + math.sqrt(q) * x
        missing = [-np.expm1(-np.exp(np.minimum(u + shift, 50.0))) @ weights for shift in (0.0, m)]
        rest = (colors - 1) * np.log1p(-np.minimum(missing[0], 1 - 1e-16))
        together = rest + np.log1p(-np.minimum(missing[1], 1 - 1e-16))
        signed = -np.expm1(together) + np.expm1(-np.exp(np.minimum(part, 50.0)))
        first = np.exp(-np.exp(np.minimum(u + m, 50.0))) @ weights
        positive = -first * np.expm1(rest)
        blocks.append((signed.sum(), positive.sum()))
    signed, positive = (float(sum(each)) * spacing for each in zip(*blocks, strict=True))
    return signed - m if positive > 0.01 else positive


def sampled(
    colors: int, m: float, q: float, V: float, log2: int = 13, shifts: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the averages by scrambled Sobol points, and their standard errors."""
    means = []
    for child in np.random.SeedSequence(seed).spawn(shifts):
        points = qmc.Sobol(colors, rng=np.random.default_rng(child)).random_base2(log2)
        fields = math.sqrt(q) * ndtri(np.clip(points, 1e-16, 1 - 1e-16))
        fields[:, 0] += m
        values = reference_solver.observed(reference_solver.probabilities(fields, V), V)
        means.append(np.concatenate([[1.0], values.mean(axis=0)]))
    array = np.array(means)
    return array.mean(axis=0), array.std(axis=0, ddof=1) / math.sqrt(shifts)
