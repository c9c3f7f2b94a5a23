"""The same problem in other units, and with what no token sees, has the same answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import logsumexp, softmax, wrightomega

from replica import (
    CustomTokens,
    PottsTokens,
    Problem,
    bayes_bound,
    cavity_covariance,
    existence_threshold,
    few_samples,
    many_samples,
    mean_field_baseline,
    solve,
    stability,
    state_evolution,
)
from replica.cli import main
from replica.ensembles.colour_modes import colour_modes

UNITS = (1e-60, 1e-12, 3e-10, 1e-9, 1e-3, 1.0, 1e6, 1e12, 1e60)
SHIFTS = (0.3, 1e6, 1e8, 1e12)
RINGS = {4: ((1, 0.5, 0, 0.5), 2.0), 6: ((1, 0.4, -0.2, -0.4, -0.2, 0.4), 1.9)}


def circulant(*row: float) -> np.ndarray:
    return np.array([np.roll(row, i) for i in range(len(row))], dtype=float)


@pytest.mark.parametrize("c", UNITS)
def test_one_mode_in_any_unit(c):
    """U → cU, β → β/c, λ → c²λ leaves every field as it is."""
    data, plain = PottsTokens(3, 1.5 / c, c * np.eye(3)), PottsTokens(3, 1.5)
    solution = solve(Problem(2.0, 0.1 * c**2, data))
    expected = solve(Problem(2.0, 0.1, plain))
    assert solution.test_loss == pytest.approx(1.043426, abs=5e-7)
    for name in ("test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error", "q"):
        assert getattr(solution, name) == pytest.approx(getattr(expected, name), rel=1e-12), name
    assert existence_threshold(data) == pytest.approx(existence_threshold(plain), rel=1e-12)
    assert bayes_bound(2.0, data).test_loss == pytest.approx(bayes_bound(2.0, plain).test_loss)
    assert stability(solution).replicon == pytest.approx(stability(expected).replicon, rel=1e-12)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_several_modes_in_any_unit_and_with_any_number_in_common(loss):
    row, beta = RINGS[4]
    U = circulant(*row)
    expected = solve(Problem(2.0, 0.1, PottsTokens(4, beta, U), loss))
    scaled = [(PottsTokens(4, beta / c, c * U), 0.1 * c**2) for c in (1e-60, 1e-12, 1e-9, 1e12)]
    shifted = [(PottsTokens(4, beta, U + s), 0.1) for s in SHIFTS]
    for data, lam in (*scaled, *shifted):
        found = solve(Problem(2.0, lam, data, loss))
        np.testing.assert_allclose(found.m, expected.m, rtol=1e-11, atol=1e-13)
        for name in ("test_loss", "train_loss", "optimal_loss", "coupling_error"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-11), name


@pytest.mark.parametrize("colors", RINGS)
def test_modes_are_counted_alike(colors):
    row, beta = RINGS[colors]
    dimensions = colour_modes(PottsTokens(colors, beta, circulant(*row))).dimensions
    for c in (1e-12, 1e12):
        for s in (0.0, 1e3):
            data = PottsTokens(colors, beta / c, c * (circulant(*row) + s))
            np.testing.assert_array_equal(colour_modes(data).dimensions, dimensions)


def test_the_command_line_knows_small_units(capsys):
    command = "solve --colors 3 --beta 5e9 --similarity circulant:3e-10,0,0 --lam 9e-21 --alpha 2"
    assert main(command.split()) == 0
    assert "1.043426" in capsys.readouterr().out


ASYMMETRIC = np.array([[1, 0.1, 0], [0, 1, 0.1], [0.1, 0, 1]])
UNEQUAL = np.array([[1, 0.1, 0], [0.1, 1, 0], [0, 0, 1]])
UNLIKE = np.array([[2, 0, 0, -1], [0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 2]])


@pytest.mark.parametrize("c", UNITS)
@pytest.mark.parametrize("s", [0.0, 1e3])
@pytest.mark.parametrize(
    ("U", "told"),
    [(ASYMMETRIC, "a symmetric matrix"), (UNEQUAL, "equal row sums"), (UNLIKE, r"\(U K0 U\)_aa")],
)
def test_what_is_not_uniform_is_refused_in_any_unit(c, s, U, told):
    with pytest.raises(ValueError, match=f"similarity must be .*{told}"):
        PottsTokens(len(U), 0.5 / c, c * (U + s))


@pytest.mark.parametrize(
    ("U", "told"),
    [
        (1e-90 * np.eye(3), "1e-70 or more"),
        (1e90 * np.eye(3), r"up to 1e\+70"),
        (1e-10 * np.eye(3) + 1e6, "beyond their rounding"),
    ],
)
def test_a_unit_that_numbers_cannot_carry_is_refused(U, told):
    with pytest.raises(ValueError, match=f"similarity must be of entries .*{told}"):
        PottsTokens(3, 0.0, U)


@pytest.mark.parametrize("U", [np.zeros((3, 3)), np.full((3, 3), 0.1), np.full((3, 3), 1e12)])
def test_colours_that_nothing_tells_apart_are_guessed(U):
    solution = solve(Problem(2.0, 0.1, PottsTokens(3, 1.0, U)))
    assert solution.test_loss == solution.optimal_loss == pytest.approx(np.log(3), rel=1e-12)


@pytest.mark.parametrize("c", [1e-60, 1e-12, 1e12])
def test_a_covariance_in_any_unit(c):
    """G → cG, w* → w*/√c, λ → cλ leaves every field as it is."""
    rng = np.random.default_rng(0)
    G, row = np.cov(rng.standard_normal((30, 300))), rng.standard_normal(30) / 6
    plain = CustomTokens.from_covariance(G, row, 3)
    data = CustomTokens.from_covariance(c * G, row / np.sqrt(c), 3)
    pairs = [
        (f(Problem(2.0, 0.1, plain)), f(Problem(2.0, 0.1 * c, data)))
        for f in (solve, few_samples, many_samples)
    ]
    pairs += [
        (mean_field_baseline("quadratic", 2.0, plain, 0.1),
         mean_field_baseline("quadratic", 2.0, data, 0.1 * c)),
        (bayes_bound(2.0, plain), bayes_bound(2.0, data)),
    ]  # fmt: skip
    for expected, found in pairs:
        assert found.test_loss == pytest.approx(expected.test_loss, rel=1e-12)
        assert found.coupling_error == pytest.approx(expected.coupling_error, rel=1e-11)
    courses = (
        state_evolution(Problem(2.0, lam, each), 5) for lam, each in ((0.1, plain), (0.1 * c, data))
    )
    first, second = (course.test_loss for course in courses)
    np.testing.assert_allclose(second, first, rtol=1e-12)
    np.testing.assert_allclose(
        cavity_covariance(c * G, 3), c * cavity_covariance(G, 3), rtol=1e-9, atol=1e-9 * c
    )


@pytest.mark.parametrize("c", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("seed", range(4))
def test_a_singular_covariance_is_refused_in_any_unit(c, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 5))
    constant, copied, mixed = X.copy(), X.copy(), X.copy()
    constant[:, 2], copied[:, 2], mixed[:, 2] = 0.3, X[:, 0], X[:, 0] + X[:, 1]
    for made, told in (
        (constant, "variance .* at site 2"),
        (copied, "eigenvalue"),
        (mixed, "eigenvalue"),
        (X[:5], "eigenvalue"),
    ):
        G = c * np.cov(made.T)
        for call in (
            lambda G=G: cavity_covariance(G, 0),
            lambda G=G: CustomTokens.from_covariance(G, np.ones(5), 3),
        ):
            with pytest.raises(ValueError, match=f"covariance = .*{told}.* positive definite"):
                call()


@dataclass(frozen=True)
class Times:
    """a times the cross-entropy, as a loss of the user's."""

    a: float
    name = "cross-entropy in another unit"

    def value(self, h):
        return self.a * (logsumexp(h, axis=-1) - h[:, 0])

    def prox(self, omega, V):
        V = V * self.a
        c = omega + V * np.eye(omega.shape[-1])[0]
        t = logsumexp(c, axis=-1, keepdims=True)
        for _ in range(30):
            p = wrightomega(c - t + np.log(V)) / V
            total = p.sum(axis=-1, keepdims=True)
            t = t + np.log(total) * total / (p / (1 + V * p)).sum(axis=-1, keepdims=True)
        return c - V * p

    def optimum(self, p):
        return -self.a * (p * np.log(p)).sum(axis=-1)


@dataclass(frozen=True)
class Bent(Times):
    """A common shift of h changes it."""

    def value(self, h):
        return super().value(h) + 0.1 * self.a * h[:, 0] ** 2


@dataclass(frozen=True)
class Partial(Times):
    """The second colour is special."""

    def value(self, h):
        return super().value(h) + 1e-4 * self.a * softmax(h, axis=-1)[:, 1]


@dataclass(frozen=True)
class Elsewhere(Times):
    """The prox is that of another V."""

    def prox(self, omega, V):
        return super().prox(omega, 1.01 * V)


@pytest.mark.parametrize("a", [1e-12, 1e-9, 1.0, 1e9])
def test_a_loss_in_any_unit(a):
    """ℓ → aℓ, λ → aλ has the same minimiser."""
    data = PottsTokens(3, 1.5)
    found, expected = solve(Problem(2.0, 0.1 * a, data, Times(a))), solve(Problem(2.0, 0.1, data))
    for name in ("test_loss", "train_loss", "optimal_loss"):
        assert getattr(found, name) == pytest.approx(a * getattr(expected, name), rel=1e-9), name
    assert found.coupling_error == pytest.approx(expected.coupling_error, rel=1e-9)
    for wrong, told in ((Bent, "common shift"), (Partial, "others alike"), (Elsewhere, "prox")):
        with pytest.raises(ValueError, match=f"loss must be a loss with .*{told}"):
            solve(Problem(2.0, 0.1 * a, data, wrong(a)))


def test_a_loss_beyond_all_units_is_refused():
    with pytest.raises(ValueError, match="varies by 1e-12 to 1e12"):
        solve(Problem(2.0, 1e-21, PottsTokens(3, 1.5), Times(1e-20)))
