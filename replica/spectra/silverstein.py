"""The spectrum of a sample covariance, by the real curve of Silverstein's equation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from replica.arrays import Matrix, Vector
from replica.spectra.equal_angles import equal_angles
from replica.spectra.population import Population

#: Points of the whole spectrum and of one interval to begin with.
_USUAL, _FEWEST = 400, 24

#: The most numbers that all points together take.
_MOST = 400_000

#: The error of the mass that asks for no more points.
_EXACT = 1e-11

#: Steps that a monotone search for a root may take.
_STEPS = 200


@dataclass(frozen=True, eq=False)
class SampledSpectrum:
    """Eigenvalues s of S = (1/L) Σ x xᵀ of γL samples of L variables with covariance G, L → ∞.

    Silverstein's equation, solved for z: with h = z/V̂, V̂ = γ/(1 + V), V = <G/(V̂G - z)>,

        z(h) = γ h + <G> + κ(h),   κ(h) = <G²/(h - G)>.

    It is the inverse of a function that maps the upper half plane into itself. Where h is
    real and z'(h) > 0 there are no eigenvalues; elsewhere z is real on one curve above the real
    axis, F(h) = <G²/|h - G|²> = γ, and carries the density Im(-1/h)/π there.

    Parameters
    ----------
    turns : array (intervals, 2)
        Ends of the curve on the real axis, where z' = 0.
    edges : array (intervals, 2)
        The ends of the spectrum, without eigenvalues 0.
    atom : float
        The share of eigenvalues 0, 1 - γ or none.
    eigenvalues, density : arrays (intervals, nodes)
        Points of the spectrum and its density there; it integrates to 1 with the atom.
    measure : array (intervals, nodes)
        Weights of an average over the spectrum at these points.
    below : array (intervals, nodes)
        The share of smaller eigenvalues, the atom included.
    residual : float
        The largest |Im z(h)|, relative to |z|, of all points.
    """

    turns: Matrix
    edges: Matrix
    atom: float
    eigenvalues: Matrix
    density: Matrix
    measure: Matrix
    below: Matrix
    residual: float

    @property
    def shares(self) -> Matrix:
        """The share of smaller eigenvalues at the edges, an array (intervals, 2)."""
        upper = self.atom + np.cumsum(self.measure.sum(axis=1))
        return np.stack([np.append(self.atom, upper[:-1]), upper], axis=1)

    @property
    def missing(self) -> float:
        """How far the whole mass is from 1: the error of the averages."""
        return abs(float(self.measure.sum()) + self.atom - 1.0)


def sampled_spectrum(population: Population, ratio: float) -> SampledSpectrum:
    """Return the spectrum of γL samples, γ = `ratio`, of variables with this covariance.

    As many points are taken as its mass asks for.
    """
    for found in finer_spectra(population, ratio):
        if found.missing < _EXACT:
            break
    return found


def finer_spectra(population: Population, ratio: float) -> Iterator[SampledSpectrum]:
    """Yield the same spectrum by more and more points, as long as memory allows."""
    turns = turning_points(population, ratio)
    nodes = max(_FEWEST, _USUAL // len(turns))
    yield _on_curve(population, ratio, turns, nodes)
    while 4 * len(turns) * nodes * population.size <= _MOST:
        nodes *= 4
        yield _on_curve(population, ratio, turns, nodes)


def _on_curve(population: Population, ratio: float, turns: Matrix, nodes: int) -> SampledSpectrum:
    angle, u, width = equal_angles(turns, nodes)
    h = u + 1j * np.sqrt(_height_squared(population, ratio, u))
    value, slope = inverse(population, ratio, h)
    density = (-1.0 / h).imag / np.pi
    # z is real along the curve, so that du = Re(1/z') ds.
    mass = density * width / (1.0 / slope).real
    atom = max(0.0, 1.0 - ratio)
    return SampledSpectrum(
        turns,
        inverse(population, ratio, turns)[0],
        atom,
        value.real,
        density,
        mass * np.pi / nodes,
        atom + _cumulated(mass, angle),
        float((np.abs(value.imag) / np.abs(value)).max()),
    )


def inverse(population: Population, ratio: float, h: Any) -> tuple[Any, Any]:
    """Return z(h) and z'(h)."""
    pull, slope = population.pull(h)
    return ratio * h + population.mean + pull, ratio + slope


def turning_points(population: Population, ratio: float) -> Matrix:
    """Return the intervals of real h over which the curve stands, an array (intervals, 2).

    F(h) = γ at their ends: one below all eigenvalues G, one above, and two in every gap that is so
    wide that F, which is convex there, falls below γ.
    """
    supports = population.supports
    reach = 1.0001 * np.sqrt(population.square / ratio)
    lowest, highest = supports[0, 0], supports[-1, 1]
    left = _root(population, ratio, np.array([lowest]), np.array([lowest - reach]))
    right = _root(population, ratio, np.array([highest]), np.array([highest + reach]))
    ends, starts = supports[:-1, 1], supports[1:, 0]
    least = _least(population, ends, starts)
    wide = np.flatnonzero(-population.pull(least)[1] < ratio)
    if not len(wide):
        return np.array([[left[0], right[0]]])
    falls = _root(population, ratio, ends[wide], least[wide])
    rises = _root(population, ratio, starts[wide], least[wide])
    return np.stack([np.append(left, rises), np.append(falls, right)], axis=1)


def _root(population: Population, ratio: float, high: Vector, low: Vector) -> Vector:
    """Return where F = γ between points of large and of small F."""
    for _ in range(_STEPS):
        middle = 0.5 * (high + low)
        with np.errstate(all="ignore"):
            above = ~(-population.pull(middle)[1] < ratio)
        high, low = np.where(above, middle, high), np.where(above, low, middle)
        if np.all(np.abs(high - low) <= 2e-16 * np.abs(low)):
            break
    return low


def _least(population: Population, low: Vector, high: Vector) -> Vector:
    """Return where F is least in every gap: where its slope changes sign."""
    for _ in range(_STEPS if len(low) else 0):
        middle = 0.5 * (low + high)
        step = 1e-6 * (high - low)
        rising = population.pull(middle + step)[1] < population.pull(middle - step)[1]
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
        if np.all(high - low <= 1e-9 * np.abs(high)):
            break
    return 0.5 * (low + high)


def _height_squared(population: Population, ratio: float, u: Matrix) -> Matrix:
    """Return v² where F(u + iv) = γ: Newton's steps in 1/F, nearly linear in v².

    One that leaves what is known to hold the root is replaced by a half.
    """
    low, high = np.zeros_like(u), np.full_like(u, population.square / ratio)
    square = 0.5 * high
    for _ in range(_STEPS):
        v = np.sqrt(square)
        pull, slope = population.pull(u + 1j * v)
        f = -pull.imag / v
        below = f > ratio
        low, high = np.where(below, square, low), np.where(below, high, square)
        with np.errstate(all="ignore"):
            step = f * (f / ratio - 1.0) * 2.0 * square / (slope.real + f)
        inside = (square + step > low) & (square + step < high)
        moved = np.where(inside, square + step, 0.5 * (low + high))
        settled = np.abs(moved - square) <= 4e-16 * square
        square = moved
        if settled.all():
            break
    return square


def _cumulated(mass: Matrix, angle: Vector) -> Matrix:
    """Return the integral of a mass per angle from 0, by its cosine series, interval by interval.

    Parameters
    ----------
    mass : array (intervals, nodes)
        Even in the angle, at the mid-points of equal steps.
    angle : array (nodes,)
        These points.
    """
    nodes = len(angle)
    series = fft.dct(mass, type=2, axis=1) / nodes
    mean = 0.5 * series[:, :1]
    sines = np.zeros_like(mass)
    sines[:, :-1] = series[:, 1:] / np.arange(1, nodes)
    within = mean * angle + 0.5 * fft.dst(sines, type=3, axis=1)
    before = np.concatenate([[0.0], np.cumsum(np.pi * mean[:-1, 0])])
    return np.asarray(within + before[:, None])
