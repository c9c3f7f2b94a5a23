"""A pattern in the couplings: its range, what it changes of a row, and what tables say of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from replica import ParamagnetWarning, PottsTokens, Problem, Table, solve

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"spike": 2.0}, "spike = 2.0 is not allowed: spike must be less than colors/beta = 2,"),
        ({"spike": -0.1}, "spike = -0.1 is not allowed: spike must be a finite number, 0 or"),
        ({"spike": "a"}, "spike = 'a' is not allowed"),
        ({"spike": np.inf}, "spike = inf is not allowed"),
        ({"spike": 1.0, "couplings": "orthogonal"}, "spike must be 0 or left out with a simil"),
        ({"colors": 4, "spike": 1.0, "similarity": RING}, "spike must be 0 or left out with a"),
    ],
)
def test_what_is_no_pattern(arguments, told):
    with pytest.raises(ValueError, match=told):
        PottsTokens(**{"colors": 3, "beta": 1.5} | arguments)


def test_a_pattern_of_strength_zero_goes_without_saying():
    assert PottsTokens(3, 1.5, spike=-0.0) == PottsTokens(3, 1.5)
    assert "spike" not in PottsTokens(3, 1.5, spike=0).columns()
    assert PottsTokens(4, 1.5, RING, spike=0.0).spike == 0.0
    assert PottsTokens(3, 1.5, spike=1.2).columns()["spike"] == 1.2
    assert PottsTokens(3, -1.5, spike=50.0).spike == 50.0


def test_the_range_ends_where_the_covariance_loses_an_eigenvalue():
    """Of (1 + b²) I - b J, for one J of 600 sites."""
    sites, b, rng = 600, 0.6, np.random.default_rng(1)
    upper = np.triu(rng.standard_normal((sites, sites)) / np.sqrt(sites), 1)
    v = rng.choice([-1.0, 1.0], sites)
    least = {}
    for spike in (0.9 / b, 1.1 / b):
        J = upper + upper.T + spike / sites * np.outer(v, v)
        shifted = (1 + b * b) * np.eye(sites) - b * J
        least[spike] = np.linalg.eigvalsh(shifted)[0]
    allowed = [spike for spike, value in least.items() if value > 0]
    assert allowed == [0.9 / b]
    assert PottsTokens(3, 3 * b, spike=allowed[0]).spike == allowed[0]
    with pytest.raises(ValueError, match="spike"):
        PottsTokens(3, 3 * b, spike=1.1 / b)


def mean_field_gain(colors, order):
    """Free energy, less that of the paramagnet, of x± = softmax(±βθ φ) from an ordered start."""
    strength, phi = order * colors, np.eye(colors)[0] - 1.0 / colors
    for _ in range(2000):
        weights = np.exp(strength * np.array([phi, -phi]))
        plus, minus = weights / weights.sum(axis=1, keepdims=True)
        phi = 0.5 * (plus - minus)
    entropy = -0.5 * (plus @ np.log(plus) + minus @ np.log(minus))
    return entropy + 0.5 * strength * phi @ phi - np.log(colors)


@pytest.mark.parametrize(("colors", "order", "ordered"), [
    (3, 0.94, False), (5, 0.94, False), (10, 0.80, False), (10, 0.86, True), (20, 0.62, True),
])  # fmt: skip
def test_a_pattern_that_may_order_is_told_of(colors, order, ordered):
    """Without disorder, which b = 0.001 has next to none of, mean-field theory is exact."""
    b = 1e-3
    assert (mean_field_gain(colors, order) > 1e-6) == ordered
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ParamagnetWarning)
        PottsTokens(colors, b * colors, spike=order / b)
    assert ["order along the pattern" in str(each.message) for each in caught] == [True] * ordered


def test_near_its_end_and_with_few_colours_alike():
    with pytest.warns(ParamagnetWarning, match="beta spike/colors = 0.96"):
        PottsTokens(2, 1.0, spike=1.92)


def test_a_row_does_not_notice_and_tables_tell(tmp_path):
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")
    without, planted = solve(problem), solve(problem.at(spike=1.5))
    assert planted.values() == {**without.values(), "spike": 1.5}
    line = planted.line()
    assert line["spike"] == 1.5
    Table([line]).to_csv(tmp_path / "t.csv", command="", seeds=[])
    assert Table.from_csv(tmp_path / "t.csv")["spike"].tolist() == [1.5]
