"""The learning-curve figure draws what its table says, and nothing is half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from figures import cli, learning_curve
from figures.style import journal
from replica import PottsTokens, Problem, solve
from replica.tables import COLUMNS, Table
from simulations import average_seeds

SMALL = learning_curve.Size(20, 3, 4, 50, (0.5, 2.0), 4)


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning_curve, "QUICK", SMALL)
        yield learning_curve.compute(quick=True, workers=1)


def test_table_holds_theory_and_simulation_of_every_panel(table):
    for colors in (2, 3, 5):
        for loss in ("cross-entropy", "squared-error"):
            panel = table.where(colors=colors, loss=loss)
            theory, simulated = panel.where(source="theory"), panel.where(source="simulation")
            assert len(theory) == 6
            assert set(SMALL.alphas) <= set(theory["alpha"])
            assert len(simulated) == 3 * 2
            assert set(simulated["seed"]) == {0, 1, 2}


def test_lines_are_the_theory(table):
    line = table.where(source="theory", colors=3, loss="cross-entropy", alpha=2.0)
    solution = solve(Problem(2.0, learning_curve.LAM, PottsTokens(3, 1.5)))
    assert line["test_loss"][0] == pytest.approx(solution.test_loss, rel=1e-9)


def test_drawn_data_are_the_table(table):
    with journal():
        figure = learning_curve.draw(table)
    panels = [axes for axes in figure.get_axes() if axes.get_title()]
    titles = [axes.get_title() for axes in panels]
    assert titles == ["$C=2$, $\\beta=1$", "$C=3$, $\\beta=1.5$", "$C=5$, $\\beta=2.5$"] * 2
    losses = ["cross-entropy"] * 3 + ["squared-error"] * 3
    for axes, colors, loss in zip(panels, [2, 3, 5] * 2, losses, strict=True):
        panel = table.where(colors=colors, loss=loss)
        theory = panel.where(source="theory")
        measured = average_seeds(panel.where(source="simulation"))
        containers = dict(zip(("test_loss", "train_loss"), axes.containers, strict=True))
        lines = {line.get_label(): line for line in axes.get_lines()}
        for column, name in (("test_loss", "test loss"), ("train_loss", "training loss")):
            np.testing.assert_array_equal(
                lines[f"{name}, theory"].get_xydata(),
                np.column_stack([theory["alpha"], theory[column]]),
            )
            markers, _, (bars,) = containers[column].lines
            np.testing.assert_array_equal(
                markers.get_xydata(), np.column_stack([measured["alpha"], measured[column]])
            )
            heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
            np.testing.assert_allclose(heights, 2 * measured[f"{column}_stderr"], rtol=1e-9)
        np.testing.assert_array_equal(
            lines["optimal loss"].get_ydata(), panel.where(source="theory")["optimal_loss"]
        )


def test_strip_is_the_distance_in_standard_errors(table):
    with journal():
        figure = learning_curve.draw(table)
    strip = next(axes for axes in figure.get_axes() if "std. errors" in axes.get_ylabel())
    panel = table.where(colors=2, loss="cross-entropy")
    measured = average_seeds(panel.where(source="simulation"))
    exact = panel.where(source="theory", alpha=0.5)["test_loss"][0]
    first = measured.where(alpha=0.5)
    score = (first["test_loss"][0] - exact) / first["test_loss_stderr"][0]
    drawn = [line.get_ydata() for line in strip.get_lines() if line.get_marker() == "o"]
    assert drawn[0][0] == pytest.approx(score)


def test_command_redraws_a_table_without_computing(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(learning_curve, "compute", None)
    source = table.to_csv(tmp_path / "source.csv")
    out = tmp_path / "out"
    out.mkdir()
    status = cli.main(["learning-curve", "--out", str(out), "--table", str(source)])
    assert status == 0
    written = sorted(path.name for path in out.iterdir())
    assert written == [f"learning-curve.{ending}" for ending in ("csv", "json", "pdf", "png")]
    assert capsys.readouterr().out.split() == [
        str(out / f"learning-curve.{ending}") for ending in ("csv", "json", "pdf", "png")
    ]
    assert (out / "learning-curve.csv").read_text() == source.read_text()
    assert (out / "learning-curve.csv").read_text().startswith(",".join(COLUMNS))
    assert b"/Type0" in (out / "learning-curve.pdf").read_bytes()
    made = json.loads((out / "learning-curve.json").read_text())
    assert made["seeds"] == [0, 1, 2]
    assert made["command"].startswith("replica-figures learning-curve")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["learning-curve", "--out", "{missing}"], "out = '{missing}' is not allowed"),
        (["learning-curve", "--out", "{here}", "--workers", "0"], "workers = 0 is not allowed"),
        (["learning-curve", "--out", "{here}", "--table", "{missing}"], "path = '{missing}'"),
        (["learning-curve"], "--out"),
        (["no-such-figure"], "no-such-figure"),
    ],
)
def test_bad_command_line(arguments, told, tmp_path, capsys):
    places = {"missing": str(tmp_path / "missing"), "here": str(tmp_path)}
    try:
        status = cli.main([argument.format(**places) for argument in arguments])
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert told.format(**places) in message
    assert list(tmp_path.iterdir()) == []


def test_list_names_every_figure(capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.startswith("learning-curve  ")
