"""Best temperatures of moments and of masks, against closed forms and drawn fields."""

from __future__ import annotations

import numpy as np
import pytest
from known_mixtures import Mixture
from scipy.special import logsumexp, softmax

from replica import IndependentTokens, Masking, PottsTokens, Problem, RowTokens, solve

COUNT, WITHIN = 400_000, 4.5


def assert_best(fields, y, temperature, loss):
    """The loss at T, and its slope there, within 4.5 standard errors; false alarms: 1.4e-5."""
    logits, places = fields / temperature, np.arange(len(y))
    losses = logsumexp(logits, axis=1) - logits[places, y]
    slopes = (softmax(logits, axis=1) * fields).sum(axis=1) - fields[places, y]
    for found, expected in ((losses, loss), (slopes, 0.0)):
        assert abs(found.mean() - expected) < WITHIN * found.std() / np.sqrt(len(y))


@pytest.mark.parametrize("bias", [False, True])
def test_the_best_temperature_of_moments(bias):
    law = Mixture.random([0.5, 0.3, 0.2], 12, 0.6)
    solution = solve(Problem(2.0, 0.05, RowTokens.from_moments(*law.moments), bias=bias))
    rng = np.random.default_rng(0)
    y = rng.choice(3, p=law.frequencies, size=COUNT)
    values, vectors = np.linalg.eigh(solution.q)
    roots = (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ vectors.swapaxes(1, 2)
    noise = rng.standard_normal((COUNT, 3))
    fields = solution.m[y] + np.einsum("sij,sj->si", roots[y], noise)
    assert_best(fields, y, solution.temperature, solution.calibrated_loss)
    assert solution.line()["temperature"] == solution.temperature > 1.5


def test_uniform_moments_have_the_temperature_of_their_overlaps():
    rng, K0 = np.random.default_rng(1), np.eye(4) - 0.25
    root = rng.standard_normal((8, 20)) / np.sqrt(80)
    G, w = root @ root.T, rng.standard_normal(8)
    means = np.einsum("j,ac->ajc", G @ w, K0)
    row = RowTokens.from_moments(np.full(4, 0.25), means, np.einsum("jk,cd->jckd", G, K0), w)
    solution = solve(Problem(2.0, 0.1, row))
    assert solution.temperature == pytest.approx(solution.told["q"] / solution.told["m"], rel=1e-6)
    assert solution.optimal_loss < solution.calibrated_loss < solution.test_loss
    # Without anything to learn from the context no temperature is large enough.
    nothing = RowTokens.from_moments(np.full(4, 0.25), 0 * means, np.einsum("jk,cd->jckd", G, K0))
    solution = solve(Problem(2.0, 0.1, nothing))
    assert solution.temperature == np.inf
    assert solution.calibrated_loss == pytest.approx(np.log(4), rel=1e-14)


@pytest.mark.parametrize("masking", [Masking(0.3), Masking(0.3, "static")])
def test_masks_have_two_temperatures(masking):
    solution = solve(Problem(2.0, 0.02, PottsTokens(3, 1.5), masking=masking))
    assert solution.temperature == pytest.approx(solution.q / solution.m, rel=1e-12)
    p, y = 0.3, np.zeros(COUNT, dtype=int)
    m = (1 - p) * solution.m
    q = (1 - p) ** 2 * solution.q + p * (1 - p) * solution.norm2 / 3
    assert solution.masked_temperature == pytest.approx(q / m, rel=1e-12)
    noise = np.random.default_rng(2).standard_normal((COUNT, 3))
    for temperature, loss, overlap, size in (
        (solution.temperature, solution.calibrated_loss, solution.m, solution.q),
        (solution.masked_temperature, solution.masked_calibrated_loss, m, q),
    ):
        fields = np.sqrt(size) * noise
        fields[:, 0] += overlap
        assert_best(fields, y, temperature, loss)
    line = solution.line()
    assert line["masked_temperature"] == solution.masked_temperature
    assert line["masked_calibrated_loss"] == solution.masked_calibrated_loss


def test_masked_moments_have_two_temperatures():
    """Without any mean of a class in common with others, masks with hardly a rate are none."""
    law = Mixture.random([0.5, 0.3, 0.2], 8, 0.6)
    problem, p = Problem(2.0, 0.1, RowTokens.from_moments(*law.moments)), 1e-7
    bare = solve(problem)
    few = solve(problem.at(alpha=2.0 / p, lam=0.1 / p, masking=Masking(p, "static")))
    many = solve(problem.at(masking=Masking(0.5, "static")))
    for name in ("temperature", "calibrated_loss"):
        known = getattr(bare, name)
        assert getattr(few, name) == pytest.approx(known, rel=1e-5)
        assert getattr(few, f"masked_{name}") == pytest.approx(known, rel=1e-5)
        assert getattr(many, name) != pytest.approx(getattr(many, f"masked_{name}"), rel=1e-3)


@pytest.mark.parametrize("masking", [None, Masking(0.3), Masking(0.3, "static")])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_numbers_of_a_solution_are_those_of_python(masking, loss):
    tokens = np.random.default_rng(0).integers(0, 3, (200, 5))
    for data in (
        PottsTokens(3, 1.5),
        IndependentTokens(3, 1.5),
        RowTokens.from_couplings(np.ones((5, 5)) - np.eye(5), 1, 3, 0.3),
        RowTokens.from_tokens(tokens, 0, 3),
    ):
        tilted = data.name in ("potts", "couplings")
        if masking is not None and masking.dynamic and (loss == "cross-entropy") > tilted:
            continue
        if masking is not None and masking.dynamic and data.name == "tokens":
            continue
        solution = solve(Problem(2.0, 0.1, data, loss, masking=masking))
        assert not [name for name, v in vars(solution).items() if isinstance(v, np.generic)]
