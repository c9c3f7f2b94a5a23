from __future__ import annotations

import numpy as np
import pytest

from replica.spectra.noisy_map import NoisyMap
from replica.spectra.outlier import outlier
from replica.spectra.population import SemicirclePopulation
from replica.spectra.resolvent import resolvent
from replica.spectra.silverstein import finer_spectra

BULK = SemicirclePopulation(2.5, -1.0)


def nodes(count: int):
    """Return G and the shares of points of the semicircle."""
    angle = np.arange(1, count + 1) * np.pi / (count + 1)
    return 1.0 / (2.5 - 2.0 * np.cos(angle)), 2.0 / (count + 1) * np.sin(angle) ** 2


def known(ratio: float, decay: float, noise: float) -> NoisyMap:
    R = resolvent(*nodes(400), ratio, decay)
    return NoisyMap(BULK, ratio, decay, 2.0, noise, R.weight, R.diagonal)


@pytest.mark.parametrize(("ratio", "decay", "noise"), [
    (0.4, 0.2, 0.05), (3.0, 0.0, 0.3), (3.0, 0.2, 1e-9), (200.0, 0.1, 1e-3),
])  # fmt: skip
def test_its_equations_hold_as_sums_over_nodes(ratio, decay, noise):
    """Two equations and z at points within and at both ends, by 20 000 nodes of the semicircle."""
    found, (G, weights) = known(ratio, decay, noise), nodes(20_000)
    z = np.append(np.mean(found.edges[-1]), [end.z for end in found.ends])
    inside, beside = found.states(z[:1]), [end.state for end in found.ends]
    M, k = found.spread(G), 2.0 / found.diagonal
    for point, (u, v, g) in zip(z, [tuple(each[0] for each in inside), *beside], strict=True):
        Q, N = decay + v * G, u - 0.25 * noise * g * M
        R, H = Q / (N * Q + k), G * N / (N * Q + k)
        assert v * (1.0 + weights @ H) == pytest.approx(ratio, rel=1e-9)
        assert weights @ R == pytest.approx(g, rel=1e-9)
        assert u + 2.0 + 0.25 * noise * (weights @ (M * R)) == pytest.approx(point, rel=1e-9)
    width = np.ptp(z)
    for end, way in zip(found.ends, (-1.0, 1.0), strict=True):
        # z turns: a little further along <R> it has hardly moved, back from the spectrum.
        assert abs(end.slopes[0]) * end.state.g**2 < 1e-6
        assert found.states(np.array([end.z + way * 1e-3 * width])).g.imag == pytest.approx(0.0)
        assert found.states(np.array([end.z - way * 1e-3 * width])).g.imag * width < -1e-3


@pytest.mark.parametrize("ratio", [1.5, 4.0])
def test_without_noise_it_is_the_map_of_the_sample_covariance(ratio):
    found = known(ratio, 0.2, 0.0)

    def mapped(s):
        return 2.0 * (1.0 - 1.0 / (found.diagonal * (s + 0.2)))

    S = next(iter(finer_spectra(BULK, ratio)))
    assert [end.z for end in found.ends] == pytest.approx(mapped(S.edges)[0], rel=1e-9)
    inner = slice(20, -20, 40)
    points = mapped(S.eigenvalues)[0, inner]
    slope = 2.0 / (found.diagonal * (S.eigenvalues[0, inner] + 0.2) ** 2)
    density = -found.states(points).g.imag / np.pi
    assert density == pytest.approx(S.density[0, inner] / slope, rel=1e-7)
    G = BULK.at(1.7 + 1 / 1.7)
    expected = outlier(BULK, ratio, G, float(S.edges[0, 1]))
    seen = found.outlier(G, 1.0)
    assert seen.eigenvalue == pytest.approx(mapped(expected.eigenvalue), rel=1e-9)
    assert seen.overlap == pytest.approx(expected.overlap, rel=1e-6)


@pytest.mark.parametrize(("ratio", "noise", "intervals"), [(3.0, 0.3, 1), (0.5, 0.01, 2)])
def test_with_noise_it_is_the_spectrum_of_a_matrix(ratio, noise, intervals):
    """A matrix of 400 sites: its distribution within 0.03, its outlier within 0.15."""
    found, L = known(ratio, 0.2, noise), 400
    assert found.edges.shape == (intervals, 2)
    rng = np.random.default_rng(0)
    angle = (np.arange(1, L + 1) - 0.5) / L
    # Quantiles of the semicircle, by its distribution on a fine grid.
    x = np.linspace(-2.0, 2.0, 20_001)
    below = 0.5 + x * np.sqrt(4 - x**2) / (4 * np.pi) + np.arcsin(x / 2) / np.pi
    G = 1.0 / (2.5 - np.interp(angle, below, x))
    G[0] = strong = BULK.at(1.9 + 1 / 1.9)
    samples = rng.standard_normal((round(ratio * L), L)) * np.sqrt(G)
    P = np.linalg.inv(samples.T @ samples / L + 0.2 * np.eye(L))
    pull = rng.standard_normal((L, L)) / np.sqrt(L) * np.sqrt(found.spread(G))
    A = 2.0 * (np.eye(L) - P / found.diagonal) + np.sqrt(noise) / 2 * (pull + pull.T)
    values, vectors = np.linalg.eigh(A)
    place = found.outlier(strong, 1.0)
    bulk = values
    if place.overlap:
        assert values[-1] == pytest.approx(place.eigenvalue, abs=0.15)
        assert vectors[0, -1] ** 2 == pytest.approx(place.overlap, abs=0.15)
        bulk = values[:-1]
    masses, cuts = [], []
    middles = 0.5 * (1 - np.cos(np.pi * (np.arange(60) + 0.5) / 60))
    steps = np.diff(0.5 * (1 - np.cos(np.pi * np.arange(61) / 60)))
    for low, high in found.edges:
        points, width = low + (high - low) * middles, high - low
        masses += (-found.states(points).g.imag / np.pi * width * steps).tolist()
        cuts += (low + width * np.cumsum(steps)).tolist()
    masses = np.cumsum(masses)
    assert masses[-1] == pytest.approx(1.0, abs=2e-3)
    empirical = np.searchsorted(bulk, cuts) / len(bulk)
    assert np.abs(empirical - masses).max() < 0.03
