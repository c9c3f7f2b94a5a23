"""Any table of the package in a picture, by one call."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import curves, same
from expectations import both
from lines import line
from matplotlib.figure import Figure

import figures
from figures.drawing.sheet import Sheet
from replica.tables import Table

ALPHAS = (0.5, 1.0, 2.0, 4.0)


@pytest.fixture
def theory() -> Table:
    lams = (0.1, 0.3)
    return Table(line("theory", alpha=a, lam=s, test_loss=1 / a + s) for s in lams for a in ALPHAS)


@pytest.fixture
def simulation() -> Table:
    rng = np.random.default_rng(0)
    return Table(
        line("simulation", alpha=a, sites=50, samples=int(50 * a), seed=seed,
             test_loss=1 / a + 0.1 * rng.standard_normal())
        for a in (1.0, 2.0) for seed in range(4)
    )  # fmt: skip


def shown(figure, table, x, *names) -> bool:
    drawn, expected = curves(figure), list(both(table, x, "test_loss", *names))
    return len(drawn) == len(expected) and all(
        any(same(one, other) for one in drawn) for other in expected
    )


def test_theory_and_simulations_of_several_tables(theory, simulation):
    figure = figures.plot(theory, simulation)
    whole = theory + simulation
    assert isinstance(figure, Sheet)
    assert shown(figure, whole, "alpha", "lam")
    (axes,) = figure.axes
    assert axes.get_xlabel() == "sample ratio $\\alpha = M/L$"
    assert axes.get_ylabel() == "test loss (nats)"
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["$\\lambda=0.1$", "$\\lambda=0.3$", "line: theory", "marker: simulation"]
    # A grid is drawn along another column on demand, and along the first that varies.
    assert shown(figures.plot(theory, x="lam"), theory, "lam", "alpha")
    fixed = theory.where(alpha=2.0)
    assert shown(figures.plot(fixed), fixed, "lam")


def test_curves_of_one_source_have_no_legend_of_kinds(theory, simulation):
    for table in (theory.where(lam=0.1), simulation):
        figure = figures.plot(table)
        assert shown(figure, table, "alpha")
        assert [text.get_text() for text in figure.legends[0].get_texts()] == []


def test_given_axes_are_drawn_on(theory):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert figures.plot(theory.where(lam=0.1), axes=right) is figure
    assert left.get_lines() == []
    assert len(right.get_lines()) == 1
    figures.plot(theory.where(lam=0.3), axes=right, y="test_loss")
    assert len(right.get_lines()) == 2


def test_points_at_their_own_best_weight_decay_are_one_curve(theory):
    best = Table(
        one | {"lam": 0.1 * k} for k, one in enumerate(theory.where(lam=0.1).lines(), start=1)
    )
    figure = figures.plot(best)
    (curve,) = curves(figure)
    assert len(curve.points) == len(ALPHAS)


def test_lines_and_what_makes_lines_are_drawn(theory):
    class Solved:
        def line(self):
            return theory.lines()[0]

    for one in (theory.lines()[0], Solved()):
        (curve,) = curves(figures.plot(one))
        assert curve.points.tolist() == [[0.5, pytest.approx(2.1)]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"y": "alpha"}, "y = 'alpha' is not allowed"),
        ({"y": "error_rate"}, "y = 'error_rate' is not allowed"),
        ({"x": "seed"}, "x = 'seed' is not allowed"),
        ({"x": "step"}, "x = 'step' is not allowed"),
        ({"axes": 3}, "axes = 3 is not allowed"),
    ],
)
def test_refusals(given, told, theory):
    with pytest.raises(ValueError, match=told):
        figures.plot(theory, **given)


@pytest.mark.parametrize("tables", [(), (3,), ({"alpha": 1.0},)], ids=["none", "number", "source"])
def test_what_is_no_table_is_refused(tables):
    with pytest.raises(ValueError, match="tables = "):
        figures.plot(*tables)


def test_too_many_curves_are_refused(theory):
    lines = theory.where(lam=0.1).lines()
    many = Table(one | {"lam": 0.01 * k} for k in range(1, 12) for one in lines)
    with pytest.raises(ValueError, match="11 curves"):
        figures.plot(many)
