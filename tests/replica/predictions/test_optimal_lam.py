"""The best weight decay is the best of all, in whatever units and on however many scales."""

from __future__ import annotations

import numpy as np
import pytest

from replica import CustomTokens, PottsTokens, Problem, optimal_lam, solve
from replica.quadrature.search import deepest_minimum


def ridge(G, weights, teacher, colors: int, alpha: float, lam: np.ndarray) -> np.ndarray:
    """Test loss of ridge regression, one equation for V by bisection and two linear ones."""
    n, lam = colors - 1, lam[:, None]
    low, high = np.full(len(lam), -90.0), np.full(len(lam), 90.0)
    for _ in range(100):
        V = np.exp(0.5 * (low + high))[:, None]
        above = (weights * G / (lam + alpha * n / (1 + V) * G)).sum(axis=1) > V[:, 0]
        low, high = (
            np.where(above, 0.5 * (low + high), low),
            np.where(above, high, 0.5 * (low + high)),
        )
    D, stiff = lam + alpha * n / (1 + V) * G, 1 + V[:, 0]
    pull = alpha * n / colors / stiff * (teacher * G**2 / D).sum(axis=1)
    m = pull / (1 + pull)
    signal = (alpha * n / colors * (1 - m) / stiff) ** 2 * (teacher * G**3 / D**2).sum(axis=1)
    noise = alpha * n / stiff**2 * (weights * G**2 / D**2).sum(axis=1)
    q = (signal + noise * (1 - m) ** 2 / colors) / (1 - noise)
    return 0.5 * n * ((1 - m) ** 2 / colors + q)


CASES = [
    ([1 / 3, 1 / 3 / 2281.4], [5 / 40, 35 / 40], [0.9029, 23397.0], 0.47638, 6e-5, 0.2025),
    ([1.8244e-05, 0.0103546], [0.808242, 0.191758], [615096.96, 0.338829], 0.554338, 4e-6, 0.0992),
]


@pytest.mark.parametrize(("G", "weights", "teacher", "alpha", "lam", "loss"), CASES)
@pytest.mark.parametrize("unit", [1.0, 1e-12, 1e12])
def test_the_deeper_of_two_minima_in_any_units(G, weights, teacher, alpha, lam, loss, unit):
    """Each has another near λ = 0.2. G → sG and w* → w*/√s makes λ → sλ."""
    G, teacher = unit * np.array(G), np.array(teacher) / unit
    data = CustomTokens.from_spectrum(G, weights, teacher, 2)
    found, solution = optimal_lam(Problem(alpha, 1.0, data, "squared-error"))
    assert found == pytest.approx(lam * unit, rel=0.15)
    assert solution.test_loss == pytest.approx(loss, abs=5e-5)
    dense = ridge(G, weights, teacher, 2, alpha, unit * np.exp(np.arange(-25, 15, 0.05)))
    assert solution.test_loss <= dense.min() * (1 + 1e-12)


@pytest.mark.parametrize(
    "seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 30))]
)
def test_random_spectra_against_a_dense_grid(seed):
    rng = np.random.default_rng(seed)
    atoms, colors = rng.integers(2, 4), int(rng.choice([2, 3, 10]))
    G, weights = np.exp(rng.uniform(-9, 2, atoms)), rng.dirichlet(np.ones(atoms))
    teacher, alpha = np.exp(rng.uniform(-9, 9, atoms)) / G, float(np.exp(rng.uniform(-3, 2)))
    dense = ridge(G, weights, teacher, colors, alpha, np.exp(np.arange(-50, 50, 0.1)))
    data = CustomTokens.from_spectrum(G, weights, teacher, colors)
    problem = Problem(alpha, 1.0, data, "squared-error")
    if dense.min() > min(dense[0], dense[-1]) * (1 - 1e-11):  # least, or the same, in a limit
        with pytest.raises(ValueError, match=r"weight decays apart|in the limit lam → 0"):
            optimal_lam(problem)
        return
    _, best = optimal_lam(problem)
    assert best.test_loss <= dense.min() * (1 + 1e-12)


def test_a_weak_teacher_asks_for_much_weight_decay():
    """The least loss at λ |w*|² = 1 for ρ → 0: a Gaussian row, and noise of unit variance."""
    beta = 0.01
    lam, best = optimal_lam(Problem(2.0, 1.0, PottsTokens(3, beta)))
    assert lam * beta**2 == pytest.approx(1.0, rel=1e-3)
    assert best.test_loss < np.log(3)


@pytest.mark.parametrize("beta", [1e-3, 1e-6])
def test_losses_that_are_all_the_same_are_told(beta):
    """Against λ → ∞ a row gains α ρ β²/C at most, less than rounding."""
    with pytest.raises(ValueError, match="tells weight decays apart"):
        optimal_lam(Problem(2.0, 0.1, PottsTokens(3, beta)))


def test_problems_whose_start_overshot():
    """Linear equations; the search from plain iteration ended as "not-finite"."""
    G, weights = np.array([0.01, 1.3]), np.array([0.3, 0.7])
    teacher = np.array([2e5, 40.0])
    lams = np.array([1e-6, 1e-4, 1e-2, 1.0])
    exact = ridge(G, weights, teacher, 2, 0.3, lams)
    data = CustomTokens.from_spectrum(G, weights, teacher, 2)
    found = [solve(Problem(0.3, lam, data, "squared-error")).test_loss for lam in lams]
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_deepest_minimum():
    """x⁴ - 2x² + x/4 has a shallow minimum near 1 and a deep one near -1."""
    asked = []

    def double(x: float) -> float:
        asked.append(x)
        return x**4 - 2 * x**2 + 0.25 * x

    places = np.linspace(3, -3, 13)
    found = deepest_minimum(double, places, 1e-8)
    assert asked[:13] == list(places)
    assert found.inside
    assert found.place == pytest.approx(min(np.roots([4, 0, -4, 0.25]).real), abs=1e-6)
    end = deepest_minimum(lambda x: -abs(x - 1), places, 1e-8)
    assert (end.place, end.inside) == (-3, False)
