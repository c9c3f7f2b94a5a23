"""Kernel of the mean squared distance from the cone of a token that an exponential race draws."""

from __future__ import annotations

import numpy as np

from replica.jit import jit
from replica.quadrature.kernels.powers import fill_power, multiply


@jit
def unsatisfied_squares(
    n, step, nodes, shares, densities, below, lowest, first, last, k, spectrum_re, spectrum_im,
    found,
):  # fmt: skip
    """Fill, for every time, ∫dτ ∫dk Re e^{ikτ} G(k) E[(1 + N)(Y² + Σ y²) e^{-ikY}] of a race.

    At one time the colours are independent, with density F each: y = (ξ - τ)_+ of the n colours
    that are not masked, Y their sum and N the number of those above zero. The moments
    x_j = ∫_τ^∞ F(x) (x - τ)^j e^{-ik(x - τ)} dx are sums over panels between levels, from the
    highest level down, so that no panel is summed twice.

    Parameters
    ----------
    n : int
        C - 1.
    step : float
        Distance of two levels τ, and of two k after the first.
    nodes, shares : arrays (nodes,)
        Gauss-Legendre nodes and weights on [0, step].
    densities : array (times, levels, nodes)
        F at the nodes above every level.
    below : array (times, levels)
        ∫_{-∞}^τ F.
    lowest : float
        The first level.
    first, last : int arrays (times,)
        The levels that count.
    k : array (waves,)
        The k.
    spectrum_re, spectrum_im : arrays (times, waves)
        G(k) with the weights of the integral over k.
    found : array (times,)
        Receives the integrals.
    """
    waves, count = k.size, nodes.size
    cosines, sines = np.empty((count, waves)), np.empty((count, waves))
    for j in range(count):
        for i in range(waves):
            cosines[j, i], sines[j, i] = np.cos(k[i] * nodes[j]), -np.sin(k[i] * nodes[j])
    turn_re, turn_im = np.cos(k * step), -np.sin(k * step)
    re0, im0, re1, im1 = np.empty(waves), np.empty(waves), np.empty(waves), np.empty(waves)
    re2, im2 = np.empty(waves), np.empty(waves)
    chi_re, chi_im = np.empty(waves), np.empty(waves)
    square_re, square_im = np.empty(waves), np.empty(waves)
    power_re, power_im = np.empty(waves), np.empty(waves)
    wave_re, wave_im = np.empty(waves), np.empty(waves)
    one, two = 4.0 * n, n * (n - 1.0)
    three = two * (n - 2.0)
    for u in range(found.size):
        for i in range(waves):
            re0[i], im0[i], re1[i], im1[i], re2[i], im2[i] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            angle = k[i] * (lowest + (last[u] - 1) * step)
            x, y = np.cos(angle), np.sin(angle)
            wave_re[i] = x * spectrum_re[u, i] - y * spectrum_im[u, i]
            wave_im[i] = x * spectrum_im[u, i] + y * spectrum_re[u, i]
        total = 0.0
        for level in range(last[u] - 1, first[u] - 1, -1):
            # What lies above the level before, seen from this one.
            for i in range(waves):
                a, b = re0[i], im0[i]
                c, d = re1[i] + step * a, im1[i] + step * b
                e = re2[i] + step * (re1[i] + c)
                f = im2[i] + step * (im1[i] + d)
                x, y = turn_re[i], turn_im[i]
                re0[i], im0[i] = a * x - b * y, a * y + b * x
                re1[i], im1[i] = c * x - d * y, c * y + d * x
                re2[i], im2[i] = e * x - f * y, e * y + f * x
            for j in range(0, count, 2):
                p, q = nodes[j], nodes[j + 1]
                a0 = shares[j] * densities[u, level, j]
                b0 = shares[j + 1] * densities[u, level, j + 1]
                a1, b1 = a0 * p, b0 * q
                a2, b2 = a1 * p, b1 * q
                for i in range(waves):
                    x, y = cosines[j, i], cosines[j + 1, i]
                    v, w = sines[j, i], sines[j + 1, i]
                    re0[i] += a0 * x + b0 * y
                    im0[i] += a0 * v + b0 * w
                    re1[i] += a1 * x + b1 * y
                    im1[i] += a1 * v + b1 * w
                    re2[i] += a2 * x + b2 * y
                    im2[i] += a2 * v + b2 * w
            rest = below[u, level]
            for i in range(waves):
                chi_re[i], chi_im[i] = rest + re0[i], im0[i]
            fill_power(chi_re, chi_im, max(n - 3, 0), square_re, square_im, power_re, power_im)
            for i in range(waves):
                a, b, c, d, e, f = re0[i], im0[i], re1[i], im1[i], re2[i], im2[i]
                x, y = chi_re[i], chi_im[i]
                square_x, square_y = c * c - d * d, 2.0 * c * d
                u_re = one * (e * x - f * y) + two * (3.0 * square_x + 2.0 * (a * e - b * f))
                u_im = one * (e * y + f * x) + two * (3.0 * square_y + 2.0 * (a * f + b * e))
                if n > 2:
                    u_re, u_im = (
                        u_re * x - u_im * y + three * (a * square_x - b * square_y),
                        u_re * y + u_im * x + three * (a * square_y + b * square_x),
                    )
                square_re[i] = u_re * power_re[i] - u_im * power_im[i]
                square_im[i] = u_re * power_im[i] + u_im * power_re[i]
            for i in range(waves):
                x, y = wave_re[i], wave_im[i]
                total += square_re[i] * x - square_im[i] * y
            multiply(wave_re, wave_im, turn_re, turn_im)
        found[u] = total * step
