"""What figures of the user's own are made of: means with their errors, theory without them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from expectations import average
from matplotlib.figure import Figure
from test_figures import curves

from figures import LOOKS, ONE_COLUMN, journal, log_axis, markers, measured, theory_line
from replica.tables import Table
from simulations import average_seeds

COMMON = {"status": "converged", "residual": 1e-9}
THEORY = Table(COMMON | {"source": "theory", "alpha": a, "test_loss": 1 / a} for a in (1.0, 2.0))
RAW = Table(
    COMMON
    | {"source": "simulation", "alpha": alpha, "seed": seed, "rows": 50, "note": "x"}
    | {"test_loss": 1 / alpha + 0.1 * seed**2, "test_loss_stderr": 0.01}
    for alpha in (1.0, 2.0)
    for seed in range(3)
)


@pytest.mark.parametrize("table", [RAW, average_seeds(RAW)], ids=["raw", "averaged"])
def test_measured_draws_means_and_errors_over_seeds(table):
    figure = Figure()
    measured(figure.subplots(), table, "alpha", "test_loss", LOOKS[0])
    (found,) = curves(figure)
    points, errors = average(RAW.lines(), "alpha", "test_loss")
    np.testing.assert_allclose(found.points, points)
    np.testing.assert_allclose(found.errors, np.tile(errors, (2, 1)).T)


@pytest.mark.parametrize(
    ("draw", "arguments", "told"),
    [
        (measured, (THEORY, "alpha", "test_loss", LOOKS[0]), "table"),
        (measured, (Table([*THEORY.lines(), *RAW.lines()]), "alpha", "m", LOOKS[0]), "table"),
        (measured, (RAW.lines(), "alpha", "test_loss", LOOKS[0]), "table"),
        (measured, (RAW, "alpha", "test_loss", "red"), "look"),
        (measured, (RAW, "alpha", "rows", LOOKS[0]), "y"),
        (measured, (average_seeds(RAW), "alpha", "residual", LOOKS[0]), "y"),
        (measured, (RAW, "alpha", "status", LOOKS[0]), "y"),
        (measured, (RAW, "status", "test_loss", LOOKS[0]), "x"),
        (theory_line, (RAW, "alpha", "test_loss"), "table"),
        (theory_line, (average_seeds(RAW), "alpha", "test_loss"), "table"),
        (theory_line, (None, "alpha", "test_loss"), "table"),
        (theory_line, (THEORY, "alpha", "status"), "y"),
        (theory_line, (THEORY, "none", "test_loss"), "x"),
        (theory_line, (Table([COMMON | {"note": "x"}]), "alpha", "note"), "y"),
        (theory_line, (THEORY, "alpha", "test_loss", "red"), "look"),
        (markers, ([1.0], [1.0], [0.1], "red"), "look"),
        (markers, ([1.0], [1.0], None, LOOKS[0]), "errors"),
        (markers, ([1.0, 2.0], [1.0, 2.0], 0.1, LOOKS[0]), "errors"),
        (markers, ([1.0, 2.0], [1.0, 2.0], [0.1], LOOKS[0]), "errors"),
        (markers, ([1.0, 2.0], [1.0, 2.0], [0.1, np.ma.masked], LOOKS[0]), "errors"),
        (markers, ([1.0, 2.0], [1.0], [0.1, 0.1], LOOKS[0]), "y"),
        (markers, (np.ma.masked_equal([1.0, 2.0], 2), [1, 2], [1, 1], LOOKS[0]), "x"),
    ],
)
def test_what_would_be_no_such_picture_is_refused(draw, arguments, told):
    axes = Figure().subplots()
    with pytest.raises(ValueError, match=f"^{told} = .* is not allowed: [^\n]*$"):
        draw(axes, *arguments)
    assert not axes.has_data()


def test_numbers_of_logarithmic_axes_have_room():
    with journal():
        figure = Figure(figsize=(ONE_COLUMN, 2.4))
        axes = figure.subplots()
        axes.plot([0.4, 6.0], [0.3, 0.9])
        for axis in (axes.xaxis, axes.yaxis):
            log_axis(axis)
        figure.canvas.draw()
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            labels = [
                text
                for text in axis.get_ticklabels(which="both")
                if low <= text.get_position()[axis is axes.yaxis] <= high and text.get_text()
            ]
            assert len(labels) > 2
            assert all(text.get_text() == f"{float(text.get_text()):g}" for text in labels)
            boxes = [text.get_window_extent() for text in labels]
            assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    with pytest.raises(ValueError, match=r"^axis = .* must be axes.xaxis or axes.yaxis$"):
        log_axis(axes)  # type: ignore[arg-type]
