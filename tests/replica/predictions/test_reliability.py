"""Temperature, calibrated loss and reliability against direct averages and drawn tokens."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_problems import RING
from scipy.integrate import trapezoid
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, logsumexp, softmax
from scipy.stats import norm

from replica import (
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    few_samples,
    reliability,
    solve,
)

K0 = {C: np.eye(C) - 1 / C for C in (2, 3, 4)}


def drawn(solution, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw fields and masked tokens from the law that defines the data."""
    rng, data = np.random.default_rng(seed), solution.problem.data
    C, m, q = data.colors, np.atleast_1d(solution.m), np.atleast_1d(solution.q)
    noise = rng.standard_normal((count, C)) @ K0[C]
    if data.name == "independent":
        rho = data.coupling_norm**2 / C
        more = rng.standard_normal((count, C)) @ K0[C]
        nu = m[0] / np.sqrt(q[0]) * noise + np.sqrt(rho - m[0] ** 2 / q[0]) * more
        y = (softmax(nu, axis=1).cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
        return np.sqrt(q[0]) * noise, y
    y = rng.integers(C, size=count)
    if data.similarity is None:
        return m[0] * K0[C][y] + np.sqrt(q[0]) * noise, y
    values, vectors = np.linalg.eigh(K0[C] @ np.array(data.similarity) @ K0[C])
    distinct = np.unique(np.round(values[np.abs(values) > 1e-9], 9))
    fields = np.zeros((count, C))
    for k, value in enumerate(distinct):
        P = vectors[:, np.abs(values - value) < 1e-8]
        P = P @ P.T
        fields += m[k] * P[y] + np.sqrt(q[k]) * noise @ P
    return fields, y


def scaled_loss(fields: np.ndarray, y: np.ndarray, T: float) -> np.ndarray:
    logits = fields / T
    return logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]


SOLVED = {
    "potts": Problem(2.0, 0.02, PottsTokens(3, 1.5)),
    "two colours": Problem(1.0, 1.0, PottsTokens(2, 1.6)),
    "independent": Problem(2.0, 0.3, IndependentTokens(3, 3.0)),
    "modes": Problem(1.0, 0.05, PottsTokens(4, 1.5, RING)),
}


def test_the_published_figures():
    solution = solve(SOLVED["potts"])
    assert solution.temperature == pytest.approx(3.1680, abs=5e-5)
    assert solution.temperature == solution.q / solution.m
    assert solution.test_loss == pytest.approx(1.2632, abs=5e-5)
    line = solution.line()
    assert line["temperature"] == solution.temperature
    assert line["calibrated_loss"] == solution.calibrated_loss
    assert solution.miscalibration + solution.calibrated_excess == pytest.approx(
        solution.excess_loss, rel=1e-14
    )


def test_temperature_and_loss_against_a_direct_average():
    """Gauss-Hermite's rule in the plane of three colours, minimised by another library."""
    solution = solve(SOLVED["potts"])
    x, w = np.polynomial.hermite_e.hermegauss(80)
    w = np.outer(w, w).ravel() / w.sum() ** 2
    basis = np.array([[1, -1, 0] / np.sqrt(2), [1, 1, -2] / np.sqrt(6)])
    plane = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    fields = solution.m * K0[3][0] + np.sqrt(solution.q) * plane @ basis
    zeros = np.zeros(len(w), dtype=int)
    best = minimize_scalar(lambda T: w @ scaled_loss(fields, zeros, T), bounds=(1, 10))
    assert solution.temperature == pytest.approx(best.x, rel=1e-4)
    assert solution.calibrated_loss == pytest.approx(best.fun, rel=1e-10)


@pytest.mark.parametrize("name", SOLVED)
def test_the_best_temperature_on_drawn_tokens(name):
    """The loss at T, and its slope there, within 4.5 standard errors; false alarms: 3e-5."""
    solution = solve(SOLVED[name])
    fields, y = drawn(solution, 400_000, 1)
    losses = scaled_loss(fields, y, solution.temperature)
    error = losses.std() / np.sqrt(len(y))
    assert abs(losses.mean() - solution.calibrated_loss) < 4.5 * error
    probabilities = softmax(fields / solution.temperature, axis=1)
    slopes = (probabilities * fields).sum(axis=1) - fields[np.arange(len(y)), y]
    assert abs(slopes.mean()) < 4.5 * slopes.std() / np.sqrt(len(y))


@pytest.mark.parametrize("name", SOLVED)
@pytest.mark.parametrize("scaled", [False, True])
def test_reliability_on_drawn_tokens(name, scaled):
    """Counts in ten bins, within 4.5 standard errors of both; false alarms: 1e-4 in all bins."""
    solution = solve(SOLVED[name])
    T = solution.temperature if scaled else 1.0
    found = reliability(solution, bins=10, temperature=T)
    fields, y = drawn(solution, 400_000, 2)
    probabilities = softmax(fields / T, axis=1)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    place = np.clip(np.searchsorted(found.edges, confidence, side="right") - 1, 0, 9)
    number = np.bincount(place, minlength=10)
    some = number > 100
    hits = np.bincount(place, right, minlength=10)[some] / number[some]
    sure = np.bincount(place, confidence, minlength=10)[some] / number[some]
    error = np.sqrt(hits * (1 - hits) / number[some] + found.right_error[some] ** 2)
    assert (np.abs(hits - found.right[some]) < 4.5 * error).all()
    np.testing.assert_allclose(found.confidence[some], sure, atol=4e-3)
    np.testing.assert_allclose(found.share[some], number[some] / len(y), atol=4e-3)
    assert found.share @ np.nan_to_num(found.right) == pytest.approx(
        1 - solution.error_rate, abs=2e-3
    )
    counted = (number[some] / len(y)) @ np.abs(hits - sure)
    assert found.calibration_error == pytest.approx(counted, abs=3e-3)


def test_two_colours_in_closed_form():
    """Sure to a with a confidence c is ±h = log c/(1-c), and right with that of T = q/m."""
    solution = solve(SOLVED["two colours"])
    found = reliability(solution, bins=5)
    for low, high, right, error, share in zip(
        found.edges, found.edges[1:], found.right, found.right_error, found.share, strict=False
    ):
        h = np.linspace(logit(low), logit(min(high, 1 - 1e-12)), 4001)
        density = sum(norm.pdf(side * h, solution.m, np.sqrt(2 * solution.q)) for side in (1, -1))
        exact = (density * expit(h / solution.temperature)).sum() / density.sum()
        assert abs(right - exact) < 5 * error + 2e-4
        assert share == pytest.approx(trapezoid(density, h), abs=1e-3)


def test_scaled_probabilities_of_one_mode_can_be_trusted():
    solution = solve(SOLVED["potts"])
    raw, scaled = reliability(solution), reliability(solution, temperature=solution.temperature)
    assert scaled.calibration_error < 1e-12
    assert raw.calibration_error == pytest.approx(0.26, abs=0.05)
    filled = raw.share > 0
    assert (raw.right < raw.confidence)[filled].all()


def test_large_weight_decay_leaves_too_little_confidence():
    strong, weak = (solve(Problem(2.0, lam, PottsTokens(3, 1.5))) for lam in (100.0, 1e-3))
    assert strong.temperature < 1 < weak.temperature
    few = few_samples(Problem(1e-6, 2.0, PottsTokens(3, 1.5)))
    nearly = solve(Problem(1e-6, 2.0, PottsTokens(3, 1.5)))
    assert nearly.temperature == pytest.approx(few.q / few.m, rel=1e-4)


def test_what_has_no_temperature():
    for problem in (
        Problem(2.0, 0.1, GaussianTokens(3.0)),
        SOLVED["potts"].at(loss="squared-error"),
    ):
        solution = solve(problem)
        assert np.isnan([solution.temperature, solution.calibrated_loss]).all()
        assert "temperature" not in solution.line()
    nothing = solve(Problem(2.0, 0.1, PottsTokens(3, 0.0)))
    assert nothing.temperature == np.inf
    assert nothing.calibrated_loss == pytest.approx(np.log(3), rel=1e-14)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bins": 0}, "bins = 0"),
        ({"temperature": 0.0}, "temperature = 0.0"),
        ({"solution": None}, "solution = None"),
    ],
)
def test_refusals(changed, message):
    arguments = {"solution": solve(SOLVED["potts"]), **changed}
    with pytest.raises(ValueError, match=message):
        reliability(arguments.pop("solution"), **arguments)


def test_data_without_tokens_are_refused():
    with pytest.raises(ValueError, match=r"data = GaussianTokens.* of tokens"):
        reliability(solve(Problem(2.0, 0.1, GaussianTokens(3.0))))


def test_a_bin_that_one_set_of_points_reached_has_no_standard_error():
    """The squared error is hardly ever sure, so the last bin is a matter of a single point."""
    found = reliability(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")), bins=3)
    assert 0.0 < found.share[-1] < 1e-4
    assert np.isnan(found.right_error[-1])
    assert np.isfinite(found.right_error[:-1]).all()
