"""The leading terms at few and at many samples, against the solver's curve."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit

from replica import (
    CustomTokens,
    GaussianTokens,
    PottsTokens,
    Problem,
    few_samples,
    many_samples,
    solve,
)

CUSTOM = CustomTokens.from_spectrum([0.1, 0.4, 1.0], [1, 2, 1], [0.3, 0.2, 0.5], 3)
PROBLEMS = [
    (PottsTokens(2, 1.0), "cross-entropy"),
    (PottsTokens(3, 1.5), "cross-entropy"),
    (PottsTokens(8, 2.0), "cross-entropy"),
    (PottsTokens(3, 1.5), "squared-error"),
    (GaussianTokens(2.2, 2), "squared-error"),
    (CUSTOM, "cross-entropy"),
    (CUSTOM, "squared-error"),
]


@pytest.mark.parametrize(("data", "loss"), PROBLEMS)
@pytest.mark.parametrize(
    ("expand", "alphas"), [(few_samples, (1e-4, 1e-5)), (many_samples, (1e3, 1e4))]
)
def test_the_remainder_is_of_the_order_that_is_stated(data, loss, expand, alphas):
    near, far = (Problem(alpha, 0.1, data, loss) for alpha in alphas)
    near_solution, far_solution = solve(near), solve(far)
    for name, order in expand(near).orders.items():
        first = abs(getattr(near_solution, name) - getattr(expand(near), name))
        second = abs(getattr(far_solution, name) - getattr(expand(far), name))
        if math.isnan(first):
            assert name == "error_rate"
            assert data.name == "gaussian"
            continue
        slope = math.log(second / first) / math.log(alphas[1] / alphas[0])
        # At least the order that is stated, and in the direction of the limit.
        assert abs(slope) > abs(order) - 0.15, name
        assert slope * order > 0, name


@pytest.mark.parametrize("lam", [1e-4, 1e-5])
@pytest.mark.parametrize(("data", "loss"), PROBLEMS[1:4])
def test_few_samples_of_a_row_that_gives_way(data, loss, lam):
    """V = <G>/λ is thousands, and a sample displaces the row by log V only."""
    problem = Problem(1e-4 * lam, lam, data, loss)
    solution, asymptote = solve(problem), few_samples(problem)
    for name in ("train_loss", "m", "q", "V", "test_loss", "error_rate"):
        expected = pytest.approx(getattr(solution, name), rel=1e-7)
        assert getattr(asymptote, name) == expected, name


@pytest.mark.parametrize("colors", [2, 3, 1000])
@pytest.mark.parametrize("lam", [1e-140, 1e-30, 1e-4, 1.0, 1e30])
def test_the_first_sample_by_bisection(colors, lam):
    """Its loss is log(1 + n e^{-x}), x the lead of the masked colour: x = V C/(n + e^x)."""
    V, n = 1 / (colors * lam), colors - 1

    def gap(x: float) -> float:
        return math.log(x) + np.logaddexp(math.log(n), x) - math.log(V * colors)

    x = brentq(gap, 1e-40, 1e3, xtol=1e-50, rtol=1e-15, maxiter=1000)
    asymptote = few_samples(Problem(1e-9, lam, PottsTokens(colors, 1.0)))
    assert asymptote.train_loss == pytest.approx(math.log1p(n * math.exp(-x)), rel=1e-12)
    # V = <G>/λ, α → 0.
    assert pytest.approx(V, rel=1e-6) == asymptote.V


def test_every_field_has_an_order():
    asymptote = many_samples(Problem(10.0, 0.1, PottsTokens(3, 1.5)))
    assert {field.name for field in fields(asymptote)} == {
        *asymptote.orders,
        "orders",
        "error",
        "status",
    }


def test_many_samples_without_a_teacher():
    asymptote = many_samples(Problem(100.0, 0.1, PottsTokens(3, 0.0)))
    assert asymptote.test_loss == pytest.approx(math.log(3) + 0.005)
    assert np.isnan(asymptote.coupling_error)


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
def test_many_samples_of_nearly_certain_tokens():
    """1/(αV) = E(1 - p_1), to which each other colour contributes E 1/(1 + e^h) alone."""
    data = PottsTokens(1000, 900)
    rho = 810.0
    peak = math.sqrt(rho / 2)
    one = quad(
        lambda z: expit(math.sqrt(2 * rho) * z - rho) * math.exp(-0.5 * z * z),
        peak - 9, peak + 9, points=[peak], epsabs=0, epsrel=1e-11,
    )[0]  # fmt: skip
    doubt = 999 * one / math.sqrt(2 * math.pi)
    V = many_samples(Problem(100.0, 0.1, data)).V
    assert pytest.approx(0.01 / doubt, rel=1e-9) == V
    with pytest.raises(ValueError, match=r"colors=5000.* leave some doubt of a token"):
        many_samples(Problem(100.0, 0.1, PottsTokens(5000, 4900)))


@pytest.mark.parametrize("expand", [few_samples, many_samples])
def test_other_data_are_refused(expand):
    similarity = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]
    with pytest.raises(ValueError, match="data = "):
        expand(Problem(1.0, 0.1, PottsTokens(4, 1.0, similarity)))
    with pytest.raises(ValueError, match="problem = 3"):
        expand(3)


def test_few_samples_need_weight_decay():
    with pytest.raises(ValueError, match="lam = 0"):
        few_samples(Problem(0.1, 0.0, PottsTokens(2, 1.0)))
    for loss in ("cross-entropy", "squared-error"):
        with pytest.raises(ValueError, match=r"lam = 1e-320 .* greater than 2.*e-150"):
            few_samples(Problem(0.1, 1e-320, PottsTokens(2, 1.0), loss))


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_few_samples_of_a_row_that_is_held(loss):
    """With λ → ∞ the row vanishes and keeps its direction: the error rate has a limit."""
    problem = Problem(0.1, 1e10, PottsTokens(3, 1.5), loss)
    held, nearly = few_samples(problem.at(lam=1e300)), few_samples(problem)
    assert held.q == 0.0
    assert held.error_rate == pytest.approx(nearly.error_rate, rel=1e-9)


NAMES = ("test_loss", "train_loss", "m", "q", "V", "coupling_error", "error_rate")


@pytest.mark.parametrize("lam", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(("data", "loss"), [*PROBLEMS, (PottsTokens(3, 2.7), "cross-entropy")])
def test_the_error_that_is_stated_against_the_solver(data, loss, lam):
    """From the limit far into the other one: within a factor of four wherever it is small."""
    states = set()
    for expand, alphas in (
        (few_samples, (1e-4, 1e-2, 0.1, 1, 10, 1e3)),
        (many_samples, (1e4, 1e3, 100, 20, 1, 1e-3)),
    ):
        for alpha in alphas:
            problem = Problem(alpha, lam, data, loss)
            solution, found = solve(problem), expand(problem)
            errors = [abs(getattr(found, n) / getattr(solution, n) - 1) for n in NAMES]
            true = np.nanmax(errors)
            states.add(found.status)
            assert (found.status == "in-range") == (found.error <= 0.1)
            if found.status == "in-range":
                assert true < 4 * found.error + 1e-9
            else:
                assert true > 0.03
            if true > 0.4:
                assert found.status == "out-of-range"
    assert states == {"in-range", "out-of-range"}


@pytest.mark.parametrize(
    ("expand", "alpha", "lam"),
    [(many_samples, 1e-3, 0.1), (many_samples, 0.1, 1e-6), (few_samples, 1e6, 0.1),
     (few_samples, 10.0, 1e-9)],
)  # fmt: skip
def test_impossible_values_are_never_in_range(expand, alpha, lam):
    """A training loss of -499, an error rate below 0, a V below 0, a q beyond any."""
    found = expand(Problem(alpha, lam, PottsTokens(3, 1.5)))
    assert min(found.train_loss, found.error_rate, found.V, 1e3 - found.q) < 0
    assert (found.error, found.status) == (math.inf, "out-of-range")
