"""Where a minimiser exists without weight decay, and what the solver does on both sides."""

from __future__ import annotations

import numpy as np
import pytest
import reference_solver
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from replica import ConvergenceError, PottsTokens, Problem, existence_threshold, solve
from replica.quadrature.cone_distance import squared_distance

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
        distance2 = reference_solver.gaussian_mean(
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
    distances = reference_solver.projected_distance2(points)
    gap = distances.mean() - squared_distance(colors, c)
    assert abs(gap) < 4 * distances.std() / np.sqrt(samples)


def one_larger(colors: int, c: float) -> float:
    """(C-1)/2 E (√2 z - c)²_+ of one other component at a time: D is less, and nearly that."""
    a = c / np.sqrt(2)
    above = quad(lambda z: (z - a) ** 2 * np.exp(-0.5 * z * z), a, a + 12, epsabs=0)[0]
    return (colors - 1) * above / np.sqrt(2 * np.pi)


@pytest.mark.parametrize(
    ("colors", "beta"), [(3000, 2700), (10_000, 5000), (100_000, 9500), (100_000, 99_000)]
)
def test_certain_tokens_have_no_threshold_below_1e8(colors, beta):
    """At c = 12 already the minimum's bound is far below 1e-8."""
    data, rho = PottsTokens(colors, beta), beta**2 / colors
    assert one_larger(colors, 12.0) / (1 - 144 / rho) < 1e-12
    assert existence_threshold(data) == np.inf
    with pytest.raises(ConvergenceError, match=r"alpha_c = inf; take lam > 0$") as refused:
        solve(Problem(1e6, 0.0, data))
    assert refused.value.solution.status == "below-threshold"


@pytest.mark.parametrize(
    ("colors", "beta"), [(300, 130), pytest.param(1000, 270, marks=pytest.mark.slow)]
)
def test_thresholds_of_nearly_certain_tokens(colors, beta):
    """Sampling with ξ_1 low and one other high; four standard errors: false alarm one in 10^4."""
    rho = beta**2 / colors
    c = minimize_scalar(
        lambda c: one_larger(colors, c) / (1 - c * c / rho),
        bounds=(4, 0.98 * np.sqrt(rho)), method="bounded",
    ).x  # fmt: skip
    points, shift = np.random.default_rng(colors).standard_normal((4000, colors)), c / 2
    points[:, :2] += [-shift, shift]
    # The high one might have been any of the others.
    likelihood = np.exp(-shift * points[:, 0] - shift**2)
    weights = 1 / (likelihood * np.exp(shift * points[:, 1:]).mean(axis=1))
    points[:, 0] += c
    missed = weights * reference_solver.projected_distance2(points) / (1 - c * c / rho)
    error = missed.std() / np.sqrt(len(missed))
    assert error < 0.05 * missed.mean()
    # The angle is nearly the best one, where to first order nothing changes.
    assert abs(missed.mean() - 1 / existence_threshold(PottsTokens(colors, beta))) < 4 * error


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


@pytest.mark.slow
def test_just_above_the_threshold_by_scipy():
    threshold = existence_threshold(PottsTokens(2, 1.0))
    alpha = 1.0001 * threshold
    solution = solve(Problem(alpha, 0.0, PottsTokens(2, 1.0)))
    start = [solution.m_hat, solution.q_hat, solution.V_hat]
    hats = reference_solver.saddle_point(
        alpha,
        lambda hats: reference_solver.white_row(0.5, hats),
        reference_solver.logistic_channel,
        start,
    )
    expected = reference_solver.white_row(0.5, hats)
    assert expected.q > 1e5
    assert (solution.m, solution.q, solution.V) == pytest.approx(expected[:3], rel=1e-8)


@pytest.mark.parametrize(
    ("colors", "beta", "alpha", "status"),
    [
        (2, 0.0, 2.0, "below-threshold"),
        pytest.param(2, 0.0, 2.0 * (1 + 1e-6), "diverged", marks=pytest.mark.slow),
        pytest.param(3, 1.0, 1.3194072596791175 * (1 + 1e-6), "diverged", marks=pytest.mark.slow),
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
