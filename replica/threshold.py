"""The sample ratio below which there is no minimiser without weight decay."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, wofz

from replica.arguments import one_of, refusal
from replica.colour_modes import colour_modes
from replica.data import DataModel, GaussianTokens, IndependentTokens, PottsTokens
from replica.race_distance import race_distance
from replica.spectrum import spectrum_of

Complex = NDArray[np.complex128]


_SMALLEST = 1e-8


def existence_threshold(data: DataModel, loss: str = "cross-entropy") -> float:
    """Return α_c: at λ → 0 a minimiser exists for α > α_c only.

    Cross-entropy: below α_c the training set can be classified without error along some
    direction, and the row grows without bound (Candès & Sur, arXiv:1804.09753, for two
    colours). 1/α_c = min_t (1 + t²ρ) D(tρ/√(1 + t²ρ)), with D(c) the mean squared distance of
    ξ + c K0 e_1 from the cone where component 1 is the largest; for independent tokens of
    ξ from the cone of a token drawn from softmax(c ξ + noise). Squared error: 1/(C - 1), for
    Gaussian tokens 1/C, and with a similarity one over its rank on the complement of 1, where
    a row begins to interpolate.

    Parameters
    ----------
    data : DataModel
        What the sequences are.
    loss : str
        "cross-entropy" or "squared-error".

    Returns
    -------
    float
        α_c, to eight digits or more; infinity where it exceeds 1e8.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    if not isinstance(data, DataModel):
        raise refusal("data", data, "a data model such as PottsTokens(colors, beta)")
    if one_of("loss", loss, data.losses) == "squared-error":
        components = _components(data)
        return 1.0 / components if components else math.inf
    if isinstance(data, PottsTokens) and data.similarity is not None:
        raise refusal("similarity", data.similarity, "None for the threshold of the cross-entropy")
    rho = float(spectrum_of(data).rho[0])
    return _cross_entropy_threshold(data.colors, rho, isinstance(data, IndependentTokens))


def _components(data: DataModel) -> int:
    """Return the number of components of a field, each of which a sample asks to be right."""
    if isinstance(data, GaussianTokens):
        return data.colors
    if isinstance(data, PottsTokens):
        modes = colour_modes(data)
        return sum(len(v) for u, v in zip(modes.values, modes.bases, strict=True) if u != 0.0)
    return data.colors - 1


@lru_cache(maxsize=256)
def _cross_entropy_threshold(colors: int, rho: float, independent: bool) -> float:
    if rho == 0.0:
        return 1.0 / squared_distance(colors, 0.0)

    def unsatisfied(angle: float) -> float:
        # t = tan(angle)/√ρ maps the half line to an interval.
        c = math.sqrt(rho) * math.sin(angle)
        distance = race_distance(colors, c, rho) if independent else squared_distance(colors, c)
        return distance / math.cos(angle) ** 2

    # A minimum is flat: half the digits of its place give all of its value.
    best = minimize_scalar(
        unsatisfied,
        bounds=(0.0, 0.5 * math.pi - 1e-6),
        method="bounded",
        options={"xatol": 1e-5 if independent else 1e-9},
    )
    # Fourier's integral leaves an absolute error, which a smaller distance cannot be told from.
    return 1.0 / float(best.fun) if best.fun > _SMALLEST else math.inf


def squared_distance(colors: int, c: float) -> float:
    """Return D(c) = E dist²(ξ + c K0 e_1, {h : h_1 >= h_a}), ξ ~ N(0, K0).

    The nearest point of the cone lowers every larger component to a common level τ and lifts
    the first to it: τ - ξ_1 - c = Y with Y = Σ_{a>1} (ξ_a - τ)_+, at squared distance
    Y² + Σ_{a>1} (ξ_a - τ)²_+. Given the others, ξ_1 is a function of τ with derivative 1 + N,
    N the number of larger components, so D is an integral over τ of an average over
    independent (ξ_a - τ)_+, and a Fourier integral brings that into product form.
    """
    n = colors - 1
    low, largest = _level_window(n, c)
    tau, tau_step = np.linspace(low, 9.5, 161, retstep=True)
    k, k_step = np.linspace(0.0, 9.5, 40 + math.ceil(1.6 * largest), retstep=True)
    gauss = np.exp(-0.5 * tau[:, None] ** 2)
    slope = tau[:, None] + 1j * k[None, :]
    # E[y^j e^{-iky}; y > 0] for y = ξ_a - τ; w(iz) is the scaled complementary error function.
    x0 = 0.5 * gauss * wofz(1j * slope / math.sqrt(2))
    x1 = gauss / math.sqrt(2 * math.pi) - slope * x0
    x2 = x0 - slope * x1
    chi = ndtr(tau)[:, None] + x0

    def rest(left_out: int) -> Complex:
        return np.asarray(chi ** (n - left_out)) if n >= left_out else np.zeros_like(chi)

    # E[(1 + N)(Y² + Σ y²) e^{-ikY}], term by term.
    one, two, three = n, n * (n - 1), n * (n - 1) * (n - 2)
    moments = (
        4 * one * x2 * rest(1)
        + two * (3 * x1 * x1 + 2 * x0 * x2) * rest(2)
        + three * x0 * x1 * x1 * rest(3)
    )
    waves = np.exp(-0.5 * k[None, :] ** 2 + 1j * k[None, :] * (tau[:, None] - c))
    waves[:, 0] *= 0.5
    return float((waves * moments).real.sum() * tau_step * k_step / math.pi)


def _level_window(n: int, c: float) -> tuple[float, float]:
    """Return the lowest level τ that ξ_1 = τ - c - Y > -9.5 allows, and the range of Y above it.

    Y lies within nine standard deviations of its mean, all of them averages over (ξ - τ)_+.
    """
    tau = np.linspace(-9.5, 9.5, 400)
    density, above = np.exp(-0.5 * tau**2) / math.sqrt(2 * math.pi), ndtr(-tau)
    mean = n * (density - tau * above)
    deviation = np.sqrt(np.maximum(n * ((1 + tau**2) * above - tau * density), 0.0))
    allowed = np.nonzero(mean - 9 * deviation < tau - c + 9.5)[0][0]
    return float(tau[allowed]), float(mean[allowed] + 9 * deviation[allowed]) + 20.0
