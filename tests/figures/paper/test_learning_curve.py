"""The learning-curve figure: theory and simulation of every panel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from figures.drawing.style import journal
from figures.paper import learning_curve
from figures.paper.curves import Size as Amount
from figures.paper.own_couplings import beyond
from replica import FewCouplingsWarning, ParamagnetWarning, PottsTokens, Problem, RowTokens, solve
from replica.tables import Table
from simulations.sequences.systems import Size, systems

SMALL = Amount(20, 3, 4, 50, (0.5, 2.0), 4)


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
            curve = theory.where(sites=None)
            assert len(curve) == 6
            assert set(SMALL.marks) <= set(curve["alpha"])
            for sites, seeds in ((20, 3), (6, 6)):
                for own in (theory.where(sites=sites), simulated.where(sites=sites)):
                    assert len(own) == seeds * 2
                    assert set(own["seed"]) == set(range(seeds))


def test_lines_are_the_theory(table):
    line = table.where(source="theory", colors=3, loss="cross-entropy", alpha=2.0)
    solution = solve(Problem(2.0, learning_curve.FIGURE.lam, PottsTokens(3, 1.5)))
    (found,) = line.where(sites=None)["test_loss"]
    assert found == pytest.approx(solution.test_loss, rel=1e-9)


def test_systems_are_compared_with_the_theory_of_their_couplings(table):
    problem = Problem(2.0, learning_curve.FIGURE.lam, PottsTokens(3, 1.5))
    line = table.where(source="theory", colors=3, loss=problem.loss, alpha=2.0, sites=20, seed=1)
    # The system that names couplings with the same seeds, and the mean over its rows.
    (system,) = systems(problem.data, Size(20, 40, 2, 4, 20), (1, 20, 40))
    rows = RowTokens.rows_from_couplings(system.model.couplings, range(4), 3, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewCouplingsWarning)
        warnings.simplefilter("ignore", ParamagnetWarning)
        losses = [solve(problem.at(data=row)).train_loss for row in rows]
    assert line["train_loss"][0] == pytest.approx(np.mean(losses), rel=1e-9)


def test_pairs_of_lengths_are_counted():
    """Eight systems of one length and four of the other: what separates them is chance alone."""
    rng = np.random.default_rng(0)
    lines = []
    for alpha in range(1, 301):
        for sites, seeds, scale in ((30, 8, 1.0), (90, 4, 0.5)):
            for seed in range(seeds):
                own = {"alpha": float(alpha), "sites": sites, "seed": seed, "status": "converged"}
                loss = 1 + (0.7 + scale * rng.standard_normal()) / sites
                lines.append(own | {"source": "theory", "test_loss": 1.0})
                lines.append(own | {"source": "simulation", "test_loss": loss})
    far, every, chance = beyond(Table(lines), "test_loss")
    assert every == 300
    # Poisson's number of those beyond: three standard deviations, once in 400.
    assert abs(far - chance) < 3 * np.sqrt(chance)
    assert 0.05 * every < chance < 0.12 * every


def test_panels_say_what_they_show(table):
    with journal():
        figure = learning_curve.FIGURE.draw(table)
    titles = [axes.get_title() for axes in figure.get_axes() if axes.get_title()]
    assert titles == ["$C=2$, $\\beta=1$", "$C=3$, $\\beta=1.5$", "$C=5$, $\\beta=2.5$"] * 2
    lettered = [axes.get_title("left") for axes in figure.get_axes() if axes.get_title("left")]
    assert lettered == [f"({name})" for name in "abcdef"]
    told = learning_curve.FIGURE.caption(table)
    assert "$\\lambda=0.1$" in told
    assert told.endswith("6 systems of $L=6$ sites and 3 systems of $L=20$ sites.")
    assert "Of 24 pairs " in told
