"""The cross-entropy under several draws of masks per sequence, against minimisation and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

from replica import (
    CustomTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    existence_threshold,
    free_energy,
    solve,
    stability,
)
from replica.channels import drawn_cross_entropy
from replica.channels.channel_of import masked_channel_of
from replica.channels.drawn_cross_entropy import DrawnCrossEntropyChannel
from replica.ensembles import ensemble_of
from replica.ensembles.masked import MaskedSpectrum
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.kernels.draws import draws_terms, solved_draws
from replica.quadrature.lattice import LatticeRule
from replica.quadrature.rule import Accuracy
from replica.quadrature.two_color_draws import DrawnFields, TwoColorDraws

COMMON, OWN, FORCE = 2.3, 0.9, 0.8


def solved(omega, common=COMMON, own=OWN, c=FORCE):
    p, losses = np.empty_like(omega), np.empty(omega.shape[:2])
    solved_draws(omega, common, own, c, p, losses)
    return p, losses


def forces(omega, *sizes):
    p = solved(omega, *sizes)[0]
    f = -FORCE * p
    f[..., 0] += FORCE
    return f


@pytest.mark.parametrize(("draws", "colors"), [(1, 3), (3, 2), (4, 4)])
def test_fields_minimise_the_losses_and_their_distance(draws, colors):
    """min_h Σ c ℓ(h_k) + (h - ω)ᵀ (common 11ᵀ + own I)^{-1} (h - ω)/2."""
    rng = np.random.default_rng(draws)
    omega = 2.5 * rng.standard_normal((6, draws, colors))
    inverse = np.linalg.inv(COMMON * np.ones((draws, draws)) + OWN * np.eye(draws))
    p, losses = solved(omega)
    for point in range(6):

        def objective(h, point=point):
            h = h.reshape(draws, colors)
            gap = h - omega[point]
            loss = np.log(np.exp(h).sum(axis=1)) - h[:, 0]
            return FORCE * loss.sum() + 0.5 * np.einsum("ka,kl,la->", gap, inverse, gap)

        found = optimize.minimize(objective, omega[point].ravel(), options={"gtol": 1e-9})
        h = found.x.reshape(draws, colors)
        expected = np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(p[point], expected, atol=2e-6)
        np.testing.assert_allclose(losses[point], -np.log(expected[:, 0]), atol=1e-5)


def test_responses_are_derivatives_of_the_forces():
    rng = np.random.default_rng(0)
    draws, colors, step = 3, 4, 1e-5
    omega = 2.0 * rng.standard_normal((1, draws, colors))
    K = np.empty((draws, colors, draws, colors))
    for k in range(draws):
        for a in range(colors):
            ends = []
            for sign in (1, -1):
                moved = omega.copy()
                moved[0, k, a] += sign * step
                ends.append(forces(moved)[0])
            K[:, :, k, a] = (ends[1] - ends[0]) / (2 * step)
    p, losses = solved(omega)
    terms = np.empty((1, 6))
    draws_terms(p, losses, COMMON, OWN, FORCE, terms)
    f = forces(omega)[0]
    whole = K.sum(axis=(0, 2))
    expected = (f[:, 0].sum(), (f.sum(axis=0) ** 2).sum(), (f**2).sum(), np.trace(whole),
                np.einsum("kaka->", K), FORCE * losses.sum())  # fmt: skip
    np.testing.assert_allclose(terms[0], expected, rtol=1e-7)
    squares = drawn_cross_entropy._squares(p, COMMON, OWN, FORCE)
    common = np.einsum("ab,ba->", whole, whole)
    mixed = np.einsum("akb,kba->", K.sum(axis=0).transpose(0, 1, 2), K.sum(axis=2))
    apart = np.einsum("kalb,lbka->", K, K)
    np.testing.assert_allclose(squares, [[common, mixed], [mixed, apart]], rtol=1e-6)


def test_one_field_is_that_of_full_contexts():
    """Also where local variances are large and a plain Newton step would go to and fro."""
    rng = np.random.default_rng(1)
    for common, own, size in ((0.3, 0.2, 2.0), (2e3, 40.0, 30.0), (1e-6, 5e4, 1e3)):
        omega = size * rng.standard_normal((500, 1, 3))
        p, losses = solved(omega, common, own)
        known = CrossEntropyPoints().solved(omega[:, 0], FORCE * (common + own))
        others = -known.g[:, 1:]
        np.testing.assert_allclose(p[:, 0, 1:], others, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(losses[:, 0], known.losses, rtol=1e-7, atol=1e-12)


def test_far_fields_are_solved():
    """The forces of three fields satisfy their equations, at any size."""
    rng = np.random.default_rng(2)
    for common, own, size in ((3e3, 60.0, 40.0), (1e5, 1e-3, 300.0), (1e-3, 1e-4, 0.1)):
        omega = size * rng.standard_normal((400, 3, 3))
        omega -= omega.mean(axis=-1, keepdims=True)
        f = forces(omega, common, own)
        h = omega + common * f.sum(axis=1, keepdims=True) + own * f
        h -= h.max(axis=-1, keepdims=True)
        again = -FORCE * np.exp(h) / np.exp(h).sum(axis=-1, keepdims=True)
        again[..., 0] += FORCE
        # Errors of a force move the fields by as much as the local variance says.
        np.testing.assert_allclose(again, f, atol=1e-13 * (1 + common) + 1e-9)


def test_one_draw_is_the_static_case():
    p, data = 0.3, PottsTokens(3, 1.5)
    ensemble = ensemble_of(data)
    context = MaskedSpectrum(ensemble.spectrum, Masking(p, "static"))
    static = masked_channel_of(ensemble.law, "cross-entropy", context)
    drawn = DrawnCrossEntropyChannel(static.full, context)
    m, q, V = np.array([0.4, 0.0]), np.array([0.9, 2.5]), np.array([1.4, 2.1])
    found = drawn.rule(m, q, V).averages(m, q, V, Accuracy.FINE)
    known = static.rule(m, q, V / p).averages(m, q, V / p, Accuracy.FINE)
    # A share p of the sequences, whose losses count 1/p.
    for one, other, power in zip(found, known, (0, -1, 0, 0), strict=True):
        np.testing.assert_allclose(one, other * p**power, rtol=1e-12)


def test_many_draws_become_dynamic_masks():
    """Richardson's extrapolation in 1/K, twice."""
    bare = Problem(1.5, 0.02, PottsTokens(2, 1.0))
    dynamic = solve(bare.at(masking=Masking(0.3)))
    drawn = [solve(bare.at(masking=Masking(0.3, "static", K))) for K in (64, 128, 256)]
    for name in ("train_loss", "masked_test_loss", "test_loss", "error_rate", "m", "norm2"):
        few, more, many = (getattr(each, name) for each in drawn)
        limit = getattr(dynamic, name)
        assert abs(many - limit) < 0.6 * abs(more - limit) < 0.36 * abs(few - limit)
        extrapolated = few / 3 - 2 * more + 8 * many / 3
        assert abs(extrapolated - limit) < 5e-3 * abs(many - limit), name
    assert max(each.quadrature_error for each in drawn) < 1e-9


ORDERS = [
    DrawnFields(m=0.23, q=0.89, Delta=0.35, common=1.37, own=0.63),
    DrawnFields(m=0.5, q=2.0, Delta=0.02, common=0.4, own=0.1),
    DrawnFields(m=-0.3, q=0.5, Delta=1.5, common=3.0, own=4.0),
]


@pytest.mark.parametrize("order", ORDERS, ids=["alike", "little noise", "much noise"])
def test_one_draw_of_waves_is_the_lattice(order):
    """A share p of sequences whose losses count 1/p."""
    p = 0.3
    found = TwoColorDraws(p, 1).averages(order, Accuracy.FINE)
    m, q, V = (np.array([x]) for x in (order.m, order.q + order.Delta,
                                       (order.common + order.own) / p))  # fmt: skip
    known = LatticeRule.near(2, float(q[0])).averages(m, q, V, Accuracy.FINE)
    energy, response = known.energy[0] / p, known.response[0]
    expected = (known.overlap[0], energy, energy, response, response, known.loss)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("order", ORDERS, ids=["alike", "little noise", "much noise"])
@pytest.mark.parametrize("draws", [2, 5])
def test_waves_are_averages_over_points(draws, order):
    """Of plain random fields, whose standard errors none of the averages leaves by more than 5."""
    p, points, rng = 0.4, 10_000, np.random.default_rng(draws)
    c = 1 / (p * draws)
    sums = []
    for n in range(1, draws + 1):
        noise = np.sqrt(2 * order.Delta) * rng.standard_normal((points, n))
        omega = np.zeros((points, n, 2))
        omega[..., 0] = order.m + np.sqrt(2 * order.q) * rng.standard_normal((points, 1)) + noise
        prob, losses, terms = np.empty_like(omega), np.empty((points, n)), np.empty((points, 6))
        solved_draws(omega, order.common, order.own, c, prob, losses)
        draws_terms(prob, losses, order.common, order.own, c, terms)
        sums.append(math.comb(draws, n) * p**n * (1 - p) ** (draws - n) * terms)
    mean = sum(each.mean(axis=0) for each in sums)
    error = np.sqrt(sum(each.var(axis=0) for each in sums) / points)
    waves = TwoColorDraws(p, draws)
    found = waves.averages(order, Accuracy.FINE)
    # Thirty-six numbers: once in fifty thousand by chance.
    assert np.abs((np.array(found) - mean) / error).max() < 5
    assert error.max() < 0.02
    np.testing.assert_allclose(found, waves.averages(order, Accuracy.FINER), rtol=1e-9)
    assert waves.error < 1e-9


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PottsTokens(3, 1.2), id="potts"),
        pytest.param(
            CustomTokens.from_covariance(np.diag([0.2, 0.4, 0.6]), [0.3, 0.2, 0.1], 3),
            id="custom",
        ),
    ],
)
@pytest.mark.slow
def test_the_free_energy_is_the_objective_of_training(data):
    problem = Problem(2.0, 0.2, data, masking=Masking(0.3, "static", 2))
    solution = solve(problem)
    assert 0 < solution.quadrature_error < 5e-4
    objective = problem.alpha * solution.train_loss + 0.5 * problem.lam * solution.norm2
    assert free_energy(solution) == pytest.approx(objective, rel=5 * solution.quadrature_error)
    # At its extremum λ enters explicitly alone.
    more, less = (free_energy(solve(problem.at(lam=problem.lam + d))) for d in (0.01, -0.01))
    assert (more - less) / 0.02 == pytest.approx(0.5 * solution.norm2, rel=3e-3)
    assert stability(solution).stable


@pytest.mark.slow
def test_more_points_move_it_by_its_error(monkeypatch):
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), masking=Masking(0.3, "static", 2))
    few = solve(problem)
    monkeypatch.setattr(drawn_cross_entropy, "_LOG2", (9, 14, 16))
    many = solve(problem)
    for name in ("m", "q", "V", "train_loss", "test_loss", "masked_test_loss"):
        change = abs(getattr(few, name) / getattr(many, name) - 1)
        assert change < 3 * few.quadrature_error, name
    assert many.quadrature_error < few.quadrature_error < 5e-4


@pytest.mark.parametrize(
    ("data", "draws", "refusal"),
    [
        (PottsTokens(3, 1.5), 11, "masking must be of at most 10 draws"),
        (IndependentTokens(3, 1.0), 2, "masking must be of one draw, but"),
    ],
)
def test_what_is_not_cheap_or_not_known_is_refused(data, draws, refusal):
    with pytest.raises(ValueError, match=refusal):
        solve(Problem(2.0, 0.1, data, masking=Masking(0.15, "static", draws)))


@pytest.mark.slow
def test_its_threshold_is_not_known_and_a_search_decides():
    data, masking = PottsTokens(2, 1.0), Masking(0.3, "static", 3)
    with pytest.raises(ValueError, match=r"^masking = .* drawn once, or dynamic, with the cross"):
        existence_threshold(data, masking=masking)
    enough = solve(Problem(8.0, 0.0, data, masking=masking))
    near = solve(Problem(8.0, 1e-5, data, masking=masking))
    assert enough.test_loss == pytest.approx(near.test_loss, rel=1e-4)
    few = solve(Problem(1.0, 0.0, data, masking=masking), check=False)
    assert few.status != "converged"
    with pytest.raises(ValueError, match=r"^draws = 17 is not allowed: .* at most 16 for the stab"):
        stability(solve(Problem(2.0, 0.1, data, masking=Masking(0.3, "static", 17))))
