"""Solutions with masks: limits that are known, equal problems without masks, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    existence_threshold,
    few_samples,
    free_energy,
    solve,
    stability,
    state_evolution,
)
from replica.ensembles import ensemble_of
from replica.predictions.free_energy import free_energy_at
from replica.quadrature.rule import Accuracy
from replica.saddle_point.saddle_point import SaddlePoint

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]
COMMON = ("m", "q", "test_loss", "train_loss", "error_rate", "coupling_error")


@pytest.mark.parametrize(
    ("problem", "train", "masked", "full", "norm2", "within"),
    [
        (Problem(1.5, 0.02, PottsTokens(2, 1.0)), 0.4018952, 0.8341397, 0.8730722, 4.63, 1e-7),
        (Problem(2.0, 0.05, PottsTokens(3, 1.5)), 0.7878, 1.0540, 1.0389, 3.385, 1e-4),
    ],
    ids=["two colours", "three colours"],
)
def test_values_of_a_prototype(problem, train, masked, full, norm2, within):
    solution = solve(problem.at(masking=Masking(0.3)))
    found = solution.train_loss, solution.masked_test_loss, solution.test_loss
    assert found == pytest.approx((train, masked, full), abs=within)
    assert solution.norm2 == pytest.approx(norm2, rel=2e-3)
    assert solution.quadrature_error < 1e-9
    assert solution.evaluations < 30


@pytest.mark.parametrize("colors", [2, 3])
def test_few_dynamic_masks_are_none(colors):
    bare = Problem(2.0, 0.1, PottsTokens(colors, 0.4 * colors))
    unmasked, masked = solve(bare), solve(bare.at(masking=Masking(1e-11)))
    for name in COMMON:
        assert getattr(masked, name) == pytest.approx(getattr(unmasked, name), rel=1e-9)
    assert masked.masked_test_loss == pytest.approx(unmasked.test_loss, rel=1e-9)


@pytest.mark.parametrize(
    "bare",
    [Problem(2.0, 0.1, IndependentTokens(2, 1.5)),
     Problem(2.0, 0.1, PottsTokens(4, 1.5, RING), "squared-error")],
    ids=["independent", "modes"],
)  # fmt: skip
def test_few_static_masks_of_many_sequences_are_none(bare):
    p = 1e-10
    unmasked = solve(bare)
    many = bare.at(alpha=bare.alpha / p, lam=bare.lam / p, masking=Masking(p, "static"))
    masked = solve(many)
    for name in (*COMMON, "norm2"):
        assert getattr(masked, name) == pytest.approx(getattr(unmasked, name), rel=1e-8)


def test_static_masks_are_another_context_of_fewer_samples():
    """Σ = (1 - p)²G + p(1 - p)/C and w* = (1 - p) Σ^{-1} G w*, of which the loss knows nothing."""
    p, data = 0.3, PottsTokens(3, 1.5)
    bare = Problem(4.0, 0.2, data)
    masked = solve(bare.at(masking=Masking(p, "static")))
    spectrum = ensemble_of(data).spectrum
    G = spectrum.covariances[0]
    covariance = (1 - p) ** 2 * G + p * (1 - p) / data.colors
    teacher = spectrum.teacher * ((1 - p) * G / covariance) ** 2
    context = CustomTokens.from_spectrum(covariance, spectrum.weights, teacher, data.colors)
    other = solve(Problem(p * bare.alpha, p * bare.lam, context))
    assert masked.train_loss == pytest.approx(other.train_loss, rel=1e-10)
    assert masked.masked_test_loss == pytest.approx(other.test_loss, rel=1e-10)
    assert masked.masked_error_rate == pytest.approx(other.error_rate, rel=1e-10)
    assert masked.norm2 == pytest.approx(other.norm2, rel=1e-9)
    # Of the full context both know m alone: (1 - p) m = w'* Σ w.
    assert (1 - p) * masked.m == pytest.approx(other.m, rel=1e-10)
    threshold = existence_threshold(data, masking=Masking(p, "static"))
    assert threshold == pytest.approx(existence_threshold(context) / p, rel=1e-8)


@pytest.mark.parametrize(
    ("data", "dimensions", "own"),
    [(PottsTokens(3, 1.5), 2, 1 / 3), (IndependentTokens(4, 1.0), 3, 1 / 4),
     (GaussianTokens(2.5), 1, None)],
)  # fmt: skip
def test_dynamic_masks_are_weight_decay_for_the_squared_error(data, dimensions, own):
    p, bare = 0.4, Problem(1.7, 0.05, data, "squared-error")
    masked = solve(bare.at(masking=Masking(p)))
    spectrum = ensemble_of(data).spectrum
    own = float(spectrum.weights @ spectrum.covariances[0]) if own is None else own
    lam = (bare.lam + bare.alpha * p * (1 - p) * dimensions * own) / (1 - p) ** 2
    ridge = solve(bare.at(lam=lam))
    assert (1 - p) * masked.m == pytest.approx(ridge.m, rel=1e-10)
    assert (1 - p) ** 2 * masked.q == pytest.approx(ridge.q, rel=1e-10)
    assert (1 - p) ** 2 * masked.norm2 == pytest.approx(ridge.norm2, rel=1e-10)
    # The noise of masks adds its variance to both losses.
    noise = 0.5 * dimensions * p * (1 - p) * own * masked.norm2
    assert masked.train_loss == pytest.approx(ridge.train_loss + noise, rel=1e-10)
    assert masked.masked_test_loss == pytest.approx(ridge.test_loss + noise, rel=1e-10)
    here, there = stability(masked), stability(ridge)
    assert here.replicon == pytest.approx(there.replicon, rel=1e-9)


def test_many_draws_of_static_masks_are_dynamic_ones():
    bare = Problem(1.7, 0.05, PottsTokens(3, 1.5), "squared-error")
    dynamic = solve(bare.at(masking=Masking(0.3)))
    distance = [
        abs(solve(bare.at(masking=Masking(0.3, "static", draws))).test_loss - dynamic.test_loss)
        for draws in (1, 2, 8, 64, 1000)
    ]
    assert distance == sorted(distance, reverse=True)
    # Of order 1/K.
    assert distance[-1] == pytest.approx(distance[-2] * 64 / 1000, rel=0.1)
    assert distance[-1] < 1e-3 * dynamic.test_loss


MODES = [[1.0, 0.3, 0.0, 0.3], [0.3, 1.0, 0.3, 0.0], [0.0, 0.3, 1.0, 0.3], [0.3, 0.0, 0.3, 1.0]]

KINDS = {
    "static": (Masking(0.3, "static"), "cross-entropy", PottsTokens(3, 1.2)),
    "static ridge": (Masking(0.3, "static"), "squared-error", PottsTokens(4, 1.0, MODES)),
    "draws": (Masking(0.3, "static", 3), "cross-entropy", PottsTokens(2, 0.8)),
    "draws ridge": (Masking(0.3, "static", 3), "squared-error", PottsTokens(3, 1.2)),
    "dynamic": (Masking(0.3), "cross-entropy", PottsTokens(3, 1.2)),
    "dynamic ridge": (Masking(0.3), "squared-error", PottsTokens(5, 2.0)),
    "dynamic modes": (Masking(0.3), "cross-entropy", PottsTokens(4, 0.8, MODES)),
    "dynamic independent": (Masking(0.3), "cross-entropy", IndependentTokens(2, 1.5)),
}


def slope(problem, order, hats, name, k):
    """Return the derivative of the free energy in one order parameter, by differences."""
    step = 1e-4 * getattr(order, name)[k]
    values = []
    for sign in (1, -1):
        moved = getattr(order, name).copy()
        moved[k] += sign * step
        values.append(free_energy_at(problem, order._replace(**{name: moved}), hats))
    return (values[0] - values[1]) / (2 * step)


#: Points of what averages in seconds.
FEW = {"dynamic modes": 2}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] * (kind in {*FEW, "dynamic independent"}))
        for kind in KINDS
    ],
)
def test_the_equations_are_derivatives_of_the_free_energy(kind):
    """At points that solve nothing; the last entry is that of |w|², whose m̂ is none of its own."""
    masking, loss, data = KINDS[kind]
    problem = Problem(2.0, 0.1, data, loss, masking=masking)
    saddle, rng = SaddlePoint(problem), np.random.default_rng(5)
    origin, alpha = saddle.couplings.origin, saddle.alpha
    for _ in range(FEW.get(kind, 20)):
        x = origin + 0.5 * rng.standard_normal(origin.size)
        hats, order = saddle.conjugates(x), saddle.overlaps(x)
        entries = order.q.size
        # The coupling equations are the derivatives in the conjugates, where these are free.
        for name, other, sign in (("m", "m", 1.0), ("q", "V", 0.5), ("V", "q", -0.5)):
            for k in range(entries):
                if getattr(hats, name)[k] == 0.0:
                    continue
                step = 1e-5 * getattr(hats, name)[k]
                values = []
                for direction in (1, -1):
                    moved = getattr(hats, name).copy()
                    moved[k] += direction * step
                    there = hats._replace(**{name: moved})
                    values.append(saddle.couplings.objective(there, saddle.lam))
                coupled = 0.5 * (values[0] - values[1]) / (2 * step)
                assert coupled == pytest.approx(sign * getattr(order, other)[k], rel=1e-6)
        # No row has more than m² = ρ q.
        m, q, V = (each * (1 + 0.2 * rng.random(entries)) for each in order[:3])
        m *= 0.8
        place = order._replace(m=m, q=q, V=V)
        answer = saddle.channel.rule(m, q, V).averages(m, q, V, Accuracy.FINER)
        expected = {
            "m": hats.m - alpha * answer.overlap,
            "q": 0.5 * (alpha * answer.response - hats.V),
            "V": 0.5 * (hats.q - alpha * answer.energy),
        }
        for name, slopes in expected.items():
            for k in range(entries - 1 if name == "m" else entries):
                numeric = saddle.share * slope(problem, place, hats, name, k)
                assert numeric == pytest.approx(slopes[k], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] * (kind in {*FEW, "draws"})) for kind in KINDS],
)
def test_the_free_energy_is_the_objective_of_training(kind):
    masking, loss, data = KINDS[kind]
    problem = Problem(2.0, 0.1, data, loss, masking=masking)
    solution = solve(problem)
    objective = problem.alpha * solution.train_loss + 0.5 * problem.lam * solution.norm2
    within = 1e-6 if kind in FEW else 1e-9
    assert free_energy(solution) == pytest.approx(objective, rel=within)
    assert stability(solution).stable
    # At its extremum λ enters explicitly alone.
    more, less = (free_energy(solve(problem.at(lam=problem.lam + d))) for d in (1e-4, -1e-4))
    assert (more - less) / 2e-4 == pytest.approx(0.5 * solution.norm2, rel=1e-5)


def test_without_weight_decay_dynamic_masks_leave_a_minimiser():
    bare = Problem(1.5, 0.0, PottsTokens(2, 1.0))
    assert bare.alpha < existence_threshold(bare.data)
    assert existence_threshold(bare.data, masking=Masking(0.15)) == 0.0
    at_zero, near = (
        solve(bare.at(lam=lam, masking=Masking(0.15))).test_loss for lam in (0.0, 1e-9)
    )
    assert at_zero == pytest.approx(near, rel=1e-6)
    static = solve(bare.at(alpha=3.0, masking=Masking(0.15, "static")), check=False)
    assert static.status == "below-threshold"
    assert np.isnan(static.masked_test_loss)


def test_a_loss_of_the_users_takes_static_masks():
    class Quadratic:
        name = "quadratic"

        def value(self, h):
            return 0.5 * ((self.centred(h) - self.target(h)) ** 2).sum(axis=-1)

        def prox(self, omega, V):
            mean = omega.mean(axis=-1, keepdims=True)
            return mean + (self.centred(omega) + V * self.target(omega)) / (1 + V)

        def target(self, h):
            return self.centred(np.eye(h.shape[-1])[0])

        def centred(self, h):
            return h - h.mean(axis=-1, keepdims=True)

    bare = Problem(2.0, 0.1, PottsTokens(3, 1.5), Quadratic(), masking=Masking(0.3, "static"))
    own, known = solve(bare), solve(bare.at(loss="squared-error"))
    assert own.masked_test_loss == pytest.approx(known.masked_test_loss, rel=1e-8)
    with pytest.raises(ValueError, match=r"masking = .*dynamic.* is not allowed"):
        solve(bare.at(masking=Masking(0.3)))


def test_what_knows_no_masks_refuses_them():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.0), masking=Masking(0.2, "static"))
    for function, more in ((state_evolution, [3]), (few_samples, [])):
        with pytest.raises(ValueError, match=r"^masking = .* is not allowed: masking must be None"):
            function(problem, *more)
