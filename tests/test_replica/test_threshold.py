"""Where a minimiser exists without weight decay, and what the solver does on both sides."""

from __future__ import annotations

import numpy as np
import pytest
import referee
from scipy.optimize import minimize_scalar

from replica import ConvergenceError, PottsTokens, Problem, existence_threshold, solve
from replica.distance import squared_distance

pytestmark = pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")


@pytest.mark.parametrize(
    ("colors", "beta", "threshold"),
    [(2, 0.0, 2.0), (2, 1e-9, 2.0), (2, 1.0, 2.341184372), (3, 1.5, 1.4848232)],
)
def test_published_thresholds(colors, beta, threshold):
    found = existence_threshold(PottsTokens(colors, beta))
    # Half a unit of the last printed digit.
    assert found == pytest.approx(threshold, rel=1e-12, abs=0.51e-7 if colors == 3 else 0.51e-9)


@pytest.mark.parametrize("beta", [0.3, 1.0, -1.6])
def test_two_colors_by_scipy(beta):
    rho = beta**2 / 2

    def missed(t: float) -> float:
        c = t * rho / np.sqrt(1 + t * t * rho)
        # ξ_1 - ξ_2 = √2 z, and moving both components costs half the squared difference.
        distance2 = referee.gaussian_mean(
            lambda z: 0.5 * max(0.0, -c - np.sqrt(2) * z) ** 2, [-c / np.sqrt(2)]
        )
        return (1 + t * t * rho) * distance2

    best = minimize_scalar(missed, bounds=(0, 10), method="bounded", options={"xatol": 1e-8})
    assert existence_threshold(PottsTokens(2, beta)) == pytest.approx(1 / best.fun, rel=1e-10)


@pytest.mark.parametrize("colors", [2, 3, 7])
def test_squared_error_interpolates_below(colors):
    data = PottsTokens(colors, 0.5 * colors)
    assert existence_threshold(data, "squared-error") == pytest.approx(1 / (colors - 1), rel=1e-15)


@pytest.mark.parametrize(
    ("colors", "samples"), [(2, 400_000), (3, 400_000), (6, 200_000), (20, 60_000), (100, 12_000)]
)
@pytest.mark.parametrize("c", [0.0, 0.7, 3.0])
def test_distance_from_the_cone_by_sampling(colors, samples, c):
    """Four standard errors at fifteen points: a false alarm once in a thousand seeds."""
    points = np.random.default_rng(colors).standard_normal((samples, colors))
    points[:, 0] += c
    distances = referee.projected_distance2(points)
    gap = distances.mean() - squared_distance(colors, c)
    assert abs(gap) < 4 * distances.std() / np.sqrt(samples)


@pytest.mark.parametrize(("colors", "beta"), [(2, 1.0), (3, 1.5), (5, 3.0), (20, 8.0)])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_answer_above_and_refusal_below(colors, beta, loss):
    data = PottsTokens(colors, beta)
    threshold = existence_threshold(data, loss)
    assert solve(Problem(1.02 * threshold, 0.0, data, loss)).residual < 1e-10
    below = Problem(0.98 * threshold, 0.0, data, loss)
    with pytest.raises(ConvergenceError, match=f"{threshold:.8g}") as refused:
        solve(below)
    assert refused.value.solution.status == "below-threshold"


def test_refusal_does_not_depend_on_the_number_of_steps():
    problem = Problem(1.2, 0.0, PottsTokens(3, 1.5))
    lines = [solve(problem, check=False, max_steps=steps).line() for steps in (1, 10, 1000)]
    assert lines[0] == lines[1] == lines[2]
    assert not {"test_loss", "m", "q", "V"} & set(lines[0])
    assert lines[0]["status"] == "below-threshold"


def test_just_above_the_threshold_by_scipy():
    threshold = existence_threshold(PottsTokens(2, 1.0))
    alpha = 1.0001 * threshold
    solution = solve(Problem(alpha, 0.0, PottsTokens(2, 1.0)))
    start = [solution.m_hat, solution.q_hat, solution.V_hat]
    hats = referee.saddle_point(
        alpha, lambda hats: referee.white_row(0.5, hats), referee.logistic_channel, start
    )
    expected = referee.white_row(0.5, hats)
    assert expected.q > 1e5
    assert (solution.m, solution.q, solution.V) == pytest.approx(expected[:3], rel=1e-8)


@pytest.mark.parametrize(
    ("colors", "beta", "alpha", "status"),
    [
        (2, 0.0, 2.0, "below-threshold"),
        (2, 0.0, 2.0 * (1 + 1e-6), "diverged"),
        (3, 1.0, 1.3194072596791175 * (1 + 1e-6), "diverged"),
    ],
)
def test_at_the_threshold_the_solver_gives_up_soon(colors, beta, alpha, status):
    """Overlaps diverge there, as (α - α_c)^-2, and with them the work."""
    problem = Problem(alpha, 0.0, PottsTokens(colors, beta))
    solution = solve(problem, check=False)
    assert solution.status == status
    assert solution.evaluations < 300
    with pytest.raises(ConvergenceError, match=r"up to alpha_c = 2;|stopped as diverged"):
        solve(problem)
