from __future__ import annotations

import numpy as np
import pytest

from replica.tables import Table
from simulations import average_seeds, extrapolate


@pytest.mark.parametrize("order", [1, 2])
def test_fit_is_that_of_polyfit(order):
    rng = np.random.default_rng(order)
    sites = np.array([50, 70, 100, 150, 200])
    values, stderrs = rng.standard_normal(5) + 10, rng.uniform(0.5, 1.5, 5)
    fit = extrapolate(sites, values, stderrs, order)
    coefficients, covariance = np.polyfit(1 / sites, values, order, w=1 / stderrs, cov="unscaled")
    np.testing.assert_allclose(fit.coefficients, coefficients[::-1], rtol=1e-8)
    assert fit.stderr == pytest.approx(np.sqrt(covariance[-1, -1]), rel=1e-8)
    residuals = (values - np.polyval(coefficients, 1 / sites)) / stderrs
    assert fit.chi2 == pytest.approx(residuals @ residuals, rel=1e-8)
    assert fit.degrees == 4 - order


def test_two_sizes_make_a_line():
    fit = extrapolate([50, 100], [1.2, 1.1], [0.01, 0.01])
    assert fit.value == pytest.approx(1.0)
    assert fit.p_value == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([50, 50], [1, 1], [1, 1]), "sites = "),
        (([50, 100], [1, np.nan], [1, 1]), "values = "),
        (([50, 100], [1, 1], [1, 0]), "stderrs = "),
        (([50, 100], [1, 1], [1]), "stderrs = "),
        (([50, 100], [1, 1], [1, 1], 0), "order = 0"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        extrapolate(*arguments)


def test_average_over_seeds():
    base = {"source": "simulation", "alpha": 1.0, "status": "converged", "residual": 1e-9}
    lines = [
        base | {"seed": seed, "test_loss": loss, "evaluations": 9 + seed}
        for seed, loss in enumerate([1.0, 2.0, 4.0])
    ]
    lines[1]["status"] = "max-steps"
    (line,) = average_seeds(Table(lines)).lines()
    assert line["test_loss"] == pytest.approx(7 / 3)
    assert line["test_loss_stderr"] == pytest.approx(np.std([1, 2, 4], ddof=1) / np.sqrt(3))
    assert line["seeds"] == 3
    assert line["evaluations"] == 11
    assert line["status"] == "max-steps"


def test_a_measurement_that_is_listed_twice_counts_once():
    sites, values, stderrs = [50, 70, 100, 150], [1.2, 1.15, 1.1, 1.07], [0.01, 0.02, 0.01, 0.02]
    once, twice = (extrapolate(n * sites, n * values, n * stderrs) for n in (1, 2))
    assert twice == once
    # Another one of the same length is one more.
    more = extrapolate([*sites, 50], [*values, 1.21], [*stderrs, 0.01])
    assert (more.degrees, more.stderr < once.stderr) == (3, True)
