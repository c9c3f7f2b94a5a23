"""Losses of the user's: the built-in ones written by hand, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit
from smoothed import SmoothedCrossEntropy

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    existence_threshold,
    free_energy,
    many_samples,
    optimal_lam,
    solve,
    stability,
    sweep,
)
from replica.quadrature import tilted_law
from replica.quadrature.rule import Accuracy

OBSERVABLES = (
    "m", "q", "V", "test_loss", "train_loss", "optimal_loss", "error_rate", "coupling_error",
)  # fmt: skip


@dataclass(frozen=True)
class Square:
    """Ten times the squared error."""

    scale: float = 10.0
    name: str = "square"

    def value(self, h):
        y = np.eye(h.shape[-1])[0] - 1 / h.shape[-1]
        return 0.5 * self.scale * ((h - h.mean(axis=-1, keepdims=True) - y) ** 2).sum(axis=-1)

    def prox(self, omega, V):
        mean = omega.mean(axis=-1, keepdims=True)
        y = np.eye(omega.shape[-1])[0] - 1 / omega.shape[-1]
        return mean + (omega - mean + V * self.scale * y) / (1 + V * self.scale)

    def optimum(self, probabilities):
        return 0.5 * self.scale * (1 - (probabilities**2).sum(axis=-1))


DATA = [
    (PottsTokens(2, 1.0), 1e-8),
    (PottsTokens(3, 1.5), 1e-8),
    (PottsTokens(3, 0.0), 1e-8),
    (CustomTokens.from_spectrum([0.2, 0.5], [1, 1], [1.0, 2.0], 3), 1e-8),
    (IndependentTokens(3, 2.0), 1e-8),
    (PottsTokens(8, 2.0), 1e-5),
]


@pytest.mark.parametrize(
    ("data", "error"),
    [*DATA[:-1], pytest.param(*DATA[-1], marks=pytest.mark.slow)],
    ids=lambda x: getattr(x, "name", x),
)
def test_cross_entropy_by_hand(data, error):
    own = solve(Problem(2.0, 0.1, data, SmoothedCrossEntropy()))
    built_in = solve(Problem(2.0, 0.1, data))
    for name in OBSERVABLES:
        expected = getattr(built_in, name)
        assert getattr(own, name) == pytest.approx(expected, rel=error, abs=1e-14, nan_ok=True)
    assert own.quadrature_error < error
    assert own.line()["loss"] == "smoothed"


@pytest.mark.parametrize(("data", "error"), DATA, ids=lambda x: getattr(x, "name", x))
def test_ten_times_the_squared_error_by_hand(data, error):
    """As the squared error with a tenth of the weight decay."""
    own = solve(Problem(2.0, 1.0, data, Square()))
    built_in = solve(Problem(2.0, 0.1, data, "squared-error"))
    for name in OBSERVABLES:
        scale = 10.0 if name.endswith("_loss") else 0.1 if name == "V" else 1.0
        expected = pytest.approx(scale * getattr(built_in, name), rel=error, abs=1e-14, nan_ok=True)
        assert getattr(own, name) == expected, name


def test_what_else_a_solution_can_tell():
    data = PottsTokens(3, 1.5)
    own, built_in = (
        Problem(2.0, 0.1, data, loss) for loss in (SmoothedCrossEntropy(), "cross-entropy")
    )
    one, other = solve(own), solve(built_in)
    assert free_energy(one) == pytest.approx(free_energy(other), rel=1e-8)
    assert stability(one).replicon == pytest.approx(stability(other).replicon, rel=1e-6)
    curves = [sweep(problem, [1.0, 4.0]) for problem in (own, built_in)]
    np.testing.assert_allclose(curves[0]["test_loss"], curves[1]["test_loss"], rtol=1e-8)


@pytest.mark.slow
def test_the_best_weight_decay_is_that_of_the_built_in_loss():
    own, built_in = (
        Problem(2.0, 0.1, PottsTokens(3, 1.5), loss)
        for loss in (SmoothedCrossEntropy(), "cross-entropy")
    )
    assert optimal_lam(own)[0] == pytest.approx(optimal_lam(built_in)[0], rel=1e-5)


def test_sampled_points_where_the_lattice_is_too_large(monkeypatch):
    """Four scrambles of Sobol points: 1e-3 for C = 20, and the stated error covers it."""
    monkeypatch.setattr(tilted_law, "lattice_near", lambda *_: None)
    order = np.array([0.8]), np.array([0.7]), np.array([0.5])
    built_in = solve_averages(PottsTokens(20, 2.0), "cross-entropy", order)
    rule, own = solve_averages(PottsTokens(20, 2.0), SmoothedCrossEntropy(), order, keep=True)
    gaps = [
        abs(float(np.ravel(a)[0] / np.ravel(b)[0]) - 1) for a, b in zip(own, built_in, strict=True)
    ]
    assert max(gaps) < 1e-3
    assert max(gaps) < 8 * rule.common_error


def solve_averages(data, loss, order, keep=False):
    from replica.channels.channel_of import channel_of
    from replica.ensembles import ensemble_of

    rule = channel_of(ensemble_of(data).law, loss).rule(*order)
    averages = rule.averages(*order, Accuracy.FINE)
    return (rule, averages) if keep else averages


class Hinge:
    """Sum of hinges of all other colours, piecewise linear: a prox with kinks."""

    name = "hinge"

    def value(self, h):
        return np.maximum(0.0, 1.0 + h[:, 1] - h[:, 0])

    def prox(self, omega, V):
        # Two colours: only the difference d moves, by at most 2V, and stops at 1.
        d = omega[:, 0] - omega[:, 1]
        moved = np.clip(1.0 - d, 0.0, 2 * V) / 2
        return omega + np.stack([moved, -moved], axis=1)


def test_a_loss_with_kinks_and_without_an_optimum():
    """Two colours, where E g_1 and the losses are one-dimensional integrals of a known prox."""
    solution = solve(Problem(2.0, 0.3, PottsTokens(2, 1.0), Hinge()), check=False)
    assert np.isnan(solution.optimal_loss)
    assert "optimal_loss" not in solution.line()
    # The lattice feels kinks, and says so.
    assert 1e-9 < solution.quadrature_error < 1e-3
    z = np.linspace(-9, 9, 400_001)
    weights = np.exp(-0.5 * z * z) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    d = solution.m + np.sqrt(2 * solution.q) * z
    moved = np.clip(1.0 - d, 0.0, 2 * solution.V)
    error = solution.quadrature_error + 1e-8
    assert solution.m_hat == pytest.approx(2.0 * weights @ moved / (2 * solution.V), rel=10 * error)
    assert solution.train_loss == pytest.approx(
        weights @ np.maximum(0.0, 1.0 - d - moved), rel=10 * error
    )
    assert solution.test_loss == pytest.approx(weights @ np.maximum(0.0, 1.0 - d), rel=10 * error)


class WrongProx(SmoothedCrossEntropy):
    def prox(self, omega, V):
        return omega + V * (np.eye(omega.shape[-1])[0] - expit(omega))


class WrongShape(SmoothedCrossEntropy):
    def value(self, h):
        return super().value(h)[:, None]


class Shifted(SmoothedCrossEntropy):
    def value(self, h):
        return super().value(h) + 0.01 * h.sum(axis=-1)


class Special(SmoothedCrossEntropy):
    def value(self, h):
        return super().value(h) + 0.01 * (h[:, 1] - h[:, 0]) ** 2


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (WrongProx(), "prox minimises"),
        (WrongShape(), r"value\(\) that returns floats of shape \(40,\), not \(40, 1\)"),
        (Shifted(), "common shift"),
        (Special(), "treats the others alike"),
    ],
)
def test_a_wrong_loss_is_found_out(loss, told):
    with pytest.raises(ValueError, match=f"loss = .* is not allowed: .*{told}") as refused:
        solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), loss))
    assert "\n" not in str(refused.value)


class Unhashable(SmoothedCrossEntropy):
    __hash__ = None


class Nameless:
    def value(self, h): ...
    def prox(self, omega, V): ...


@pytest.mark.parametrize(
    ("data", "loss", "told"),
    [
        (PottsTokens(3, 1.5), Nameless(), r"loss = .* name, value\(h\) and prox"),
        (PottsTokens(3, 1.5), 3.0, "loss = 3.0"),
        (PottsTokens(3, 1.5), SmoothedCrossEntropy(name="cross-entropy"), "loss name = "),
        (PottsTokens(3, 1.5), Unhashable(), "hashable"),
        (GaussianTokens(3.0), SmoothedCrossEntropy(), "squared-error with GaussianTokens"),
        (
            PottsTokens(3, 1.0, [[1.0, 0.2, 0.2], [0.2, 1.0, 0.2], [0.2, 0.2, 1.0]]),
            SmoothedCrossEntropy(),
            "similarity = .* None with a loss of your own",
        ),
    ],
)
def test_problems_without_a_meaning(data, loss, told):
    with pytest.raises(ValueError, match=told):
        Problem(2.0, 0.1, data, loss)


def test_equal_losses_share_what_is_remembered_and_others_do_not():
    data = PottsTokens(2, 1.0)
    plain, same, other = (
        solve(Problem(2.0, 0.1, data, SmoothedCrossEntropy(s))) for s in (0.0, 0.0, 0.2)
    )
    assert plain.optimal_loss == same.optimal_loss
    assert other.optimal_loss > plain.optimal_loss + 0.01


def test_no_threshold_and_no_asymptotics():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), SmoothedCrossEntropy(0.1))
    with pytest.raises(ValueError, match="loss = "):
        existence_threshold(problem.data, problem.loss)
    with pytest.raises(ValueError, match="loss = "):
        many_samples(problem)


@pytest.mark.slow
def test_without_weight_decay_smoothing_keeps_the_minimiser_finite():
    """The cross-entropy of these data has none below 1.4848, but no row fits smoothed targets."""
    solution = solve(Problem(1.2, 0.0, PottsTokens(3, 1.5), SmoothedCrossEntropy(0.1)))
    assert solution.quadrature_error < 1e-6
    assert 0 < solution.train_loss < solution.test_loss


@pytest.mark.parametrize("data", [PottsTokens(301, 1.0), IndependentTokens(100_000, 1.0)])
def test_too_many_colours_are_refused_before_the_loss_is_tried(data):
    class Untouched(Square):
        def value(self, h):
            raise AssertionError("tried")

        prox = optimum = value

    with pytest.raises(ValueError, match=rf"colors = {data.colors} .* at most 300"):
        solve(Problem(1.0, 0.1, data, Untouched()))
