"""The learning-curve figure: theory and simulation of every panel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from figures.drawing.style import journal
from figures.paper import learning_curve
from figures.paper.curves import Size
from replica import PottsTokens, Problem, solve
from replica.tables import Table

SMALL = Size(20, 3, 4, 50, (0.5, 2.0), 4)


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_curve.FIGURE, "QUICK", SMALL)
        yield learning_curve.FIGURE.compute(quick=True, workers=1)


def test_table_holds_theory_and_simulation_of_every_panel(table):
    for colors in (2, 3, 5):
        for loss in ("cross-entropy", "squared-error"):
            panel = table.where(colors=colors, loss=loss)
            theory, simulated = panel.where(source="theory"), panel.where(source="simulation")
            assert len(theory) == 6
            assert set(SMALL.marks) <= set(theory["alpha"])
            assert len(simulated) == 3 * 2
            assert set(simulated["seed"]) == {0, 1, 2}


def test_lines_are_the_theory(table):
    line = table.where(source="theory", colors=3, loss="cross-entropy", alpha=2.0)
    solution = solve(Problem(2.0, learning_curve.LAM, PottsTokens(3, 1.5)))
    assert line["test_loss"][0] == pytest.approx(solution.test_loss, rel=1e-9)


def test_panels_say_what_they_show(table):
    with journal():
        figure = learning_curve.FIGURE.draw(table)
    titles = [axes.get_title() for axes in figure.get_axes() if axes.get_title()]
    assert titles == ["$C=2$, $\\beta=1$", "$C=3$, $\\beta=1.5$", "$C=5$, $\\beta=2.5$"] * 2
    lettered = [axes.get_title("left") for axes in figure.get_axes() if axes.get_title("left")]
    assert lettered == [f"({name})" for name in "abcdef"]
    assert figure.subfigs[-1].get_supxlabel() == "$\\lambda=0.1$, $L=20$"
