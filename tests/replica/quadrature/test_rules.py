"""The quadrature rules against each other and against rules and sampling of other kinds."""

from __future__ import annotations

import numpy as np
import pytest
import reference_solver
from numpy.testing import assert_allclose

import replica.quadrature.exchangeable
import replica.quadrature.kernels.exchangeable
from replica.channels.potts_cross_entropy import CrossEntropyChannel
from replica.quadrature.exchangeable import ExchangeableRule, exchangeable_rule
from replica.quadrature.exchangeable_grid import GridRule
from replica.quadrature.fresh_fields import fresh
from replica.quadrature.kernels.exchangeable import colour_nodes
from replica.quadrature.lattice import LatticeRule
from replica.quadrature.rule import Accuracy

#: (m, q, V): ordinary, no training, next to no fields, interpolation, pure memory, V ≈ 5 √q
#: where the series of the exchange rule decays most slowly, pure signal.
REGIMES = [
    (0.62, 1.13, 0.889),
    (0.3, 0.5, 1e-30),
    (2.0, 6.0, 1e-30),
    (0.1, 1e-4, 0.01),
    (1e-3, 1e-4, 1e-30),
    (1.0, 0.01, 100.0),
    (3.0, 40.0, 300.0),
    (0.0, 2.0, 0.3),
    (0.4, 0.7, 4.7),
    (0.25, 2.7, 13.7),
    (8.0, 2.0, 5.0),
]
SEPARABLE = (5.0, 1500.0, 1e4)


def averages(rule, m, q, V, accuracy=Accuracy.FINE) -> reference_solver.Channel:
    found = rule.averages(*(np.array([value]) for value in (m, q, V)), accuracy)
    return reference_solver.Channel(
        found.overlap.item(), found.energy.item(), found.response.item(), found.loss
    )


def lattice(colors, m, q, V):
    return averages(LatticeRule.near(colors, q), m, q, V)


def exchange(colors, m, q, V):
    return averages(ExchangeableRule.near(colors, m, q, V), m, q, V)


def grid(colors, m, q, V):
    """The rule with one grid, or what the solver takes where it does not hold."""
    return averages(exchangeable_rule(colors, m, q, V), m, q, V)


@pytest.mark.parametrize(
    ("colors", "order"),
    [(colors, order) for colors in (3, 4) for order in REGIMES]
    + [(3, SEPARABLE)]
    + [(5, order) for order in REGIMES if order[1] < 10],
)
def test_lattice_and_exchange_agree(colors, order):
    # The second tolerance is for averages close to zero, where fields far from zero are all signal.
    expected = lattice(colors, *order)
    assert_allclose(exchange(colors, *order), expected, rtol=1e-9, atol=1e-11)
    assert_allclose(grid(colors, *order), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rule", [lattice, exchange, grid])
@pytest.mark.parametrize(("colors", "nodes"), [(3, 90), (4, 50)])
@pytest.mark.parametrize(
    "order", [(0.62, 1.13, 0.889), (0.1, 1e-4, 0.01), (0.3, 0.4, 1e-9), (1.0, 0.3, 30.0)]
)
def test_dense_gauss_hermite(rule, colors, nodes, order):
    # Its response comes from Stein's identity, that of the rules from the Jacobian of the prox.
    expected = reference_solver.dense_channel(colors, *order, nodes)
    assert_allclose(rule(colors, *order), expected, rtol=1e-9)


@pytest.mark.parametrize("order", [*REGIMES, SEPARABLE])
def test_two_colors_by_adaptive_quadrature(order):
    assert_allclose(lattice(2, *order), reference_solver.logistic_channel(*order), rtol=1e-9)


@pytest.mark.parametrize("order", [(0.62, 1.13, 0.889), (0.9, 0.3, 40.0), (6.0, 30.0, 200.0)])
@pytest.mark.parametrize(("colors", "samples"), [(20, 60_000), (100, 20_000)])
def test_many_colors_by_sampling(colors, samples, order):
    """Four standard errors on four averages at six points: a false alarm once in 650 seeds."""
    m, q, V = order
    noise = np.random.default_rng(colors).standard_normal((samples, colors))
    fields = np.sqrt(q) * noise
    fields[:, 0] += m
    values = reference_solver.observed(reference_solver.probabilities(fields, V), V)
    for rule in (exchange, grid):
        gaps = values.mean(axis=0) - rule(colors, *order)
        assert (np.abs(gaps) < 4 * values.std(axis=0) / np.sqrt(samples)).all()


@pytest.mark.parametrize("colors", [3, 20])
def test_the_trace_of_the_jacobian_in_the_referee(colors):
    rng = np.random.default_rng(0)
    p = reference_solver.probabilities(rng.standard_normal((5, colors)), 0.7)
    for line, trace in zip(p, reference_solver.observed(p, 0.7)[:, 2], strict=True):
        H = np.diag(line) - np.outer(line, line)
        assert trace == pytest.approx(np.trace(H @ np.linalg.inv(np.eye(colors) + 0.7 * H)))


@pytest.mark.parametrize("order", [(1e-3, 1e-4), (0.3, 0.5), (0.25, 0.35), (2.0, 1.0), (9.0, 60.0)])
@pytest.mark.parametrize(
    ("colors", "tolerance"), [(2, 1e-9), (3, 1e-9), (4, 1e-9), (5, 1e-9), (20, 1e-6), (100, 1e-6)]
)
def test_fresh_loss_by_two_integrals(colors, tolerance, order):
    m, q = order
    loss = CrossEntropyChannel(colors).test_loss(np.array([m]), np.array([q]), Accuracy.FINE)
    assert loss == pytest.approx(reference_solver.fresh_loss(colors, m, q), rel=tolerance)


@pytest.mark.parametrize("order", [*REGIMES, SEPARABLE])
@pytest.mark.parametrize("colors", [3, 4])
def test_fresh_fields_by_the_rules_for_training(colors, order):
    """One integral of a product against the lattice and the exchangeable rule at V → 0."""
    m, q, _ = order
    loss, error = fresh(colors, np.array([m]), np.array([q]), Accuracy.FINE)
    if q < 100:
        expected = lattice(colors, m, q, 1e-30)
        assert_allclose([loss, error], [expected.loss, expected.overlap], rtol=2e-10)
    expected = exchange(colors, m, q, 1e-30)
    assert_allclose([loss, error], [expected.loss, expected.overlap], rtol=1e-8)


@pytest.mark.parametrize(
    ("q", "V", "rate", "shift"),
    [
        (1e-3, 1e-30, 400.0, -8.0),
        (1e-3, 0.3, 200.0, 0.0),
        (1.0, 1e-30, 400.0, -16.0),
        (1.0, 0.3, 200.0, -4.0),
        (650.0, 5500.0, 1600.0, -50.0),
        (650.0, 5500.0, 1600.0, -150.0),
    ],
)
def test_nodes_of_one_colour_know_a_gaussian(q, V, rate, shift):
    p, weight = np.empty(20_000), np.empty(20_000)
    count = colour_nodes(shift, np.sqrt(q), V, 8.6, rate, np.inf, 0.3, p, weight)
    p, weight = p[:count], weight[:count]
    x = (np.log(p) + V * p - shift) / np.sqrt(q)
    moments = [weight.sum(), weight @ x, weight @ x**2]
    assert_allclose(moments, [1.0, 0.0, 1.0], rtol=0, atol=2e-12)


def test_a_vanishing_probability_costs_no_more_than_it_weighs():
    """Fields so wide that p_1 underflows."""
    assert np.isfinite(exchange(8, 104.32015564795853, 4574.142081356114, 131.47044748236436)).all()


def random_orders(seed: int, count: int) -> list[tuple[float, float, float]]:
    """Places where Σ p is neither narrow nor wide: q from 0.01 to 6, V around √q or zero."""
    rng = np.random.default_rng(seed)
    q = 10 ** rng.uniform(-2, 0.8, count)
    V = np.where(np.arange(count) % 3, np.sqrt(q) * 10 ** rng.uniform(-2, 2, count), 1e-30)
    return list(zip(rng.uniform(0, 1, count) * q, q, V, strict=True))


@pytest.mark.parametrize(("colors", "tolerance"), [(4, 1e-9), (8, 1e-6), (20, 1e-6)])
def test_probabilities_sum_to_one(monkeypatch, colors, tolerance):
    sums = []
    kernel = replica.quadrature.kernels.exchangeable.exchangeable_averages

    def recorded(*arguments):
        result = kernel(*arguments)
        sums.append(result[0])
        return result

    monkeypatch.setattr(replica.quadrature.exchangeable, "exchangeable_averages", recorded)
    orders = [*REGIMES, SEPARABLE, *random_orders(colors, 100)]
    for order in orders:
        exchange(colors, *order)
    worst = int(np.argmax(np.abs(np.array(sums) - 1)))
    assert sums[worst] == pytest.approx(1.0, abs=tolerance), orders[worst]


@pytest.mark.parametrize("colors", [3, 8, 20, 60])
def test_one_grid_holds_or_says_that_it_does_not(colors):
    """Where the average of 1 is 1, the others are those of a grid for every log normaliser."""
    orders = [*REGIMES, SEPARABLE, *random_orders(colors, 30)]
    rules = [GridRule.near(colors, *order) for order in orders]
    good = [(rule, order) for rule, order in zip(rules, orders, strict=True) if rule.good]
    assert len(good) > 0.8 * len(orders)
    for rule, order in good:
        expected = exchange(colors, *order)
        assert_allclose(averages(rule, *order), expected, rtol=1e-8, atol=1e-11, err_msg=f"{order}")
        finer = averages(rule, *order, Accuracy.FINER)
        assert_allclose(averages(rule, *order), finer, rtol=1e-9, atol=1e-11, err_msg=f"{order}")
        assert rule.common_error < 1e-10


@pytest.mark.parametrize(
    ("colors", "order"), [(4, (1.7, 2.5, 0.5)), (5, (3.0, 3.4, 0.2)), (20, (2.0, 6.0, 0.5))]
)
def test_the_grid_is_smooth_in_the_order_parameters(colors, order):
    """The fifth difference of a smooth function is all rounding, which is not amplified."""
    rule = GridRule.near(colors, *order)
    factors = np.linspace(0.999, 1.001, 9)
    found = np.array([averages(rule, *(factor * np.array(order))) for factor in factors])
    assert (np.abs(np.diff(found, 5, axis=0)) < 3e-12 * np.abs(found[0])).all()


def test_the_grid_remembers_the_averages_it_was_chosen_by():
    order = (0.62, 1.13, 0.889)
    rule = GridRule.near(20, *order)
    known = averages(rule, *order)
    again = averages(GridRule(**{**vars(rule), "found": None}), *order)
    assert_allclose(known, again, rtol=1e-14)
    moved = averages(rule, 0.62, 1.14, 0.889)
    assert not np.isclose(moved, known, rtol=1e-5).any()
