"""Spectra of sample covariances against closed forms, polynomials and a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from replica.spectra.population import Atoms, SemicirclePopulation
from replica.spectra.resolvent import resolvent
from replica.spectra.silverstein import inverse, sampled_spectrum

RATIOS = [0.05, 0.7, 1.0, 1.1, 3.0, 100.0]
POPULATIONS = {
    "one": SemicirclePopulation(2.0, 0.0),
    "semicircle": SemicirclePopulation(3.75, -1.5),
    "wide": SemicirclePopulation(5.7075, 2.85),
    "atoms": Atoms.of(np.array([1.0, 3.0, 0.2]), np.array([0.5, 0.3, 0.2])),
}


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(
    "one", [SemicirclePopulation(2.0, 0.0), Atoms.of(np.array([0.5, 0.5]), np.ones(2))], ids=type
)
def test_one_variance_is_the_law_of_marchenko_and_pastur(one, ratio):
    found = sampled_spectrum(one, ratio)
    low, high = 0.5 * (1 - ratio**0.5) ** 2, 0.5 * (1 + ratio**0.5) ** 2
    assert found.edges[0] == pytest.approx([low, high], rel=1e-9, abs=1e-12)
    (s,) = found.eigenvalues
    density = np.sqrt(np.maximum((high - s) * (s - low), 0)) / (np.pi * s)
    # Near the edges the difference to them is rounded, of which the density is the root.
    assert found.density[0] == pytest.approx(density, rel=1e-6, abs=1e-9 * density.max())
    assert found.atom == max(0.0, 1 - ratio)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", ["semicircle", "wide"])
def test_the_inverse_of_a_semicircle_makes_a_cubic(name, ratio):
    """With 1/h = a + c²τ + 1/τ: c²τ³ + (a + c²z)τ² + (1 + az - γ)τ + z = 0."""
    population = POPULATIONS[name]
    a, c2 = population.a, population.c**2
    found = sampled_spectrum(population, ratio)
    ends = found.edges[0]
    for s, density in zip(found.eigenvalues[0, ::37], found.density[0, ::37], strict=True):
        roots = np.roots([c2, a + c2 * s, 1 + a * s - ratio, s])
        tau = roots[np.argmax(roots.imag)]
        assert ends[0] < s < ends[1]
        expected = tau.imag * (1 / abs(tau) ** 2 - c2) / np.pi
        assert density == pytest.approx(expected, rel=1e-6, abs=1e-9 * found.density.max())


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", POPULATIONS)
def test_moments_are_those_of_a_sample(name, ratio):
    population = POPULATIONS[name]
    found = sampled_spectrum(population, ratio)
    first, second = (float((found.measure * found.eigenvalues**k).sum()) for k in (1, 2))
    assert found.missing < 1e-9
    assert found.residual < 1e-12
    assert first == pytest.approx(ratio * population.mean, rel=1e-12)
    expected = ratio**2 * population.square + ratio * population.mean**2
    assert second == pytest.approx(expected, rel=1e-12)


def test_many_samples_tell_eigenvalues_apart():
    """And the share below a point grows by that of every eigenvalue."""
    atoms = Atoms.of(np.array([10.0, 1.0, 3.0, 1.0, 7.0]), np.array([0.2, 0.3, 0.3, 0.2, 0.0]))
    found = sampled_spectrum(atoms, 30.0)
    assert found.edges.shape == (3, 2)
    assert found.shares.ravel() == pytest.approx([0, 0.5, 0.5, 0.8, 0.8, 1.0], abs=1e-12)
    assert np.all(np.diff(found.below.ravel()) > 0)
    assert found.below[:, -1] == pytest.approx(found.shares[:, 1], abs=1e-5)
    assert sampled_spectrum(atoms, 1.0).edges.shape == (1, 2)
    # At its turns the inverse has no slope.
    assert inverse(atoms, 30.0, found.turns)[1] == pytest.approx(np.zeros((3, 2)), abs=1e-9)


def test_atoms_on_a_semicircle_are_as_good_as_the_semicircle():
    x = 2 * np.cos(np.arange(1, 81) * np.pi / 81)
    weights = np.sin(np.arange(1, 81) * np.pi / 81) ** 2
    atoms, law = Atoms.of(1 / (3.75 - 1.5 * x), weights), POPULATIONS["semicircle"]
    found, expected = sampled_spectrum(atoms, 0.3), sampled_spectrum(law, 0.3)
    assert found.edges == pytest.approx(expected.edges, rel=1e-12)
    assert found.below == pytest.approx(expected.below, abs=1e-10)


@pytest.mark.parametrize(("ratio", "decay"), [(0.3, 1e-5), (0.7, 0.1), (3.0, 0.0), (50.0, 2.0)])
def test_the_resolvent_is_an_average_over_the_spectrum(ratio, decay):
    atoms = POPULATIONS["atoms"]
    found = resolvent(atoms.values, atoms.weights, ratio, decay)
    spectrum = sampled_spectrum(atoms, ratio)
    averages = []
    for power in (1, 2):
        none = spectrum.atom / decay**power if spectrum.atom else 0.0
        averages.append((spectrum.measure / (spectrum.eigenvalues + decay) ** power).sum() + none)
    assert found.diagonal == pytest.approx(averages[0], rel=1e-10)
    assert found.spread == pytest.approx(averages[1] / averages[0] ** 2 - 1, rel=1e-9)
    assert found.residual < 1e-14


def test_the_spectrum_is_that_of_a_matrix():
    """Of 500 variables; shares fluctuate by log L/L. One seed."""
    atoms, rng = POPULATIONS["atoms"], np.random.default_rng(3)
    G = np.repeat(atoms.values, np.round(500 * atoms.weights).astype(int))
    X = np.sqrt(G)[:, None] * rng.standard_normal((500, 1000))
    eigenvalues = np.linalg.eigvalsh(X @ X.T / 500)
    spectrum = sampled_spectrum(atoms, 2.0)
    s = np.hstack([spectrum.edges[:, :1], spectrum.eigenvalues, spectrum.edges[:, 1:]]).ravel()
    shares = np.hstack([spectrum.shares[:, :1], spectrum.below, spectrum.shares[:, 1:]]).ravel()
    measured = (np.arange(500) + 0.5) / 500
    assert np.abs(np.interp(eigenvalues, s, shares) - measured).max() < 0.01
