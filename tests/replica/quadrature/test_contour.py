"""Fields so narrow, or of so many colours, that every log normaliser has a contour of its own."""

from __future__ import annotations

import numpy as np
import pytest

from replica import PottsTokens, Problem, solve
from replica.quadrature.contour import ContourRule
from replica.quadrature.exchangeable import RADIUS, ExchangeableRule, exchangeable_rule
from replica.quadrature.fresh_fields import fresh
from replica.quadrature.rule import Accuracy

pytestmark = pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")


def narrow(colors: int, m: float, q: float, V: float) -> np.ndarray:
    """Overlap, energy, response and loss to first order in q: f + (q/2) Σ_a ∂²f/∂ω_a².

    The fields have three values: of the masked colour, of one that is moved, and of the others.
    """
    step = 1e-2

    def at(masked: float, moved: float) -> np.ndarray:
        counts = np.array([1, 1, colors - 2])
        omega = np.array([m + masked, moved, 0.0])
        p = counts / (counts @ counts)
        log_p = np.full(3, -np.log(colors))
        for _ in range(100):
            # log p_a + V p_a + t = ω_a + V δ_a1 and Σ p = 1, by Newton's method.
            p = np.exp(log_p)
            r = p / (1 + V * p)
            gap = omega + V * np.array([1, 0, 0]) - log_p - V * p
            t = (counts @ (r * gap + p) - 1) / (counts @ r)
            log_p = log_p + (gap - t) / (1 + V * p)
        p = np.exp(log_p)
        r = p / (1 + V * p)
        others = counts - np.array([1, 0, 0])
        g_1 = others @ p
        energy = g_1**2 + others @ p**2
        response = counts @ r - (counts @ r**2) / (counts @ r)
        return np.array([g_1, energy, response, -log_p[0]])

    centre = at(0, 0)
    bend = at(step, 0) + at(-step, 0) - 2 * centre
    bend = bend + (colors - 1) * (at(0, step) + at(0, -step) - 2 * centre)
    return centre + 0.5 * q * bend / step**2


def averages(rule, m: float, q: float, V: float) -> np.ndarray:
    found = rule.averages(*(np.array([x]) for x in (m, q, V)), Accuracy.FINE)
    return np.array([found.overlap[0], found.energy[0], found.response[0], found.loss])


@pytest.mark.parametrize(
    ("colors", "m", "q", "V"),
    [(8, 1e-10, 1e-16, 1e-9), (50, 1e-7, 1e-10, 0.4), (3000, 1e-6, 2e-7, 0.01),
     (30_000, 1e-9, 2e-7, 3e-4), (100_000, 2e-9, 2e-8, 1e-4), (100_000, 1e-12, 1e-14, 1e-6)],
)  # fmt: skip
def test_narrow_fields_by_their_expansion(colors, m, q, V):
    """Σ p varies by 1e-8 and less; an expansion leaves out q² only."""
    rule = exchangeable_rule(colors, m, q, V)
    assert isinstance(rule, ContourRule)
    np.testing.assert_allclose(averages(rule, m, q, V), narrow(colors, m, q, V), rtol=1e-11)
    assert rule.common_error < 1e-11


@pytest.mark.parametrize(("colors", "beta", "lam", "alpha"), [
    *((100_000, beta, 0.1, 2.0) for beta in (0.01, 0.1, 0.5, 1.0)),
    (100_000, 10.0, 10.0, 0.1), (30_000, 1.0, 10.0, 2.0), (10_000, 1e-3, 10.0, 50.0),
    (3000, 1.0, 10.0, 0.1), (6, 2.0, 1e9, 1.0),
])  # fmt: skip
def test_many_colours_and_short_rows(colors, beta, lam, alpha):
    """All of these ended as "max-steps", or with five digits; the conjugates by the expansion."""
    solution = solve(Problem(alpha, lam, PottsTokens(colors, beta)))
    assert solution.quadrature_error < 1e-10
    assert solution.evaluations < 40
    response = narrow(colors, solution.m, solution.q, solution.V)
    found = np.array([solution.m_hat, solution.q_hat, solution.V_hat])
    np.testing.assert_allclose(found, alpha * response[:3], rtol=1e-10)
    assert solution.train_loss == pytest.approx(response[3], rel=1e-11)


@pytest.mark.parametrize("colors", [1000, 10_000, 100_000])
@pytest.mark.parametrize("q", [0.1, 1.0, 1.6])
def test_wide_fields_of_many_colours_without_reaction(colors, q):
    """At V → 0 the prox is the identity, and one integral of a product gives the averages."""
    V, m = 1e-13, np.array([0.5 * q])
    rule = exchangeable_rule(colors, m[0], q, V)
    loss, error = fresh(colors, m, np.array([q]), Accuracy.FINER)
    found = averages(rule, m[0], q, V)
    assert found[0] == pytest.approx(error, rel=2e-10)
    assert found[3] == pytest.approx(loss, rel=2e-10)


@pytest.mark.parametrize(
    ("colors", "m", "q", "V"), [(20, 0.5, 0.7, 1.0), (100, 0.5, 0.7, 1.0), (3000, 0.3, 0.1, 0.5)]
)
def test_both_ways_to_choose_a_contour_agree(colors, m, q, V):
    rule, other = (
        ContourRule(colors, (m, q, V), RADIUS, -37.0),
        ExchangeableRule.near(colors, m, q, V),
    )
    expected = averages(other, m, q, V)
    np.testing.assert_allclose(averages(rule, m, q, V), expected, rtol=5e-11)
