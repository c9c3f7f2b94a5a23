"""What figures of the user's own are made of: means with their errors, theory without them."""

from __future__ import annotations

import warnings
from itertools import pairwise, product

import numpy as np
import pytest
from drawn import curves
from expectations import average
from matplotlib.figure import Figure

from figures import LOOKS, ONE_COLUMN, journal, log_axis, markers, measured, theory_line
from replica.errors import LeftOutWarning
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
        (markers, ([1.0], [1.0], [np.inf], LOOKS[0]), "errors"),
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


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.4, 6.0], [0.3, 0.9]),
        ([0.0, 6.0], [-0.3, 0.9]),
        ([0.0, 1e-3, 3.0], [-0.002, 4.0, 0.9]),
        ([0.0, 1e-9, 3e4], [-7e5, 1e-3, 0.9]),
        ([-3.0, -0.1, -5.0], [0.0, 0.0, -2e-8]),
    ],
)
def test_numbers_of_logarithmic_axes_have_room(x, y):
    with journal():
        figure = Figure(figsize=(ONE_COLUMN, 2.4))
        axes = figure.subplots()
        axes.plot(x, y)
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
            assert len(labels) > 1
            plain = [text.get_text().replace("−", "-") for text in labels]
            assert all(text == f"{float(text):g}" for text in plain)
            boxes = [text.get_window_extent() for text in labels]
            assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    with pytest.raises(ValueError, match=r"^axis = .* must be axes.xaxis or axes.yaxis$"):
        log_axis(axes)  # type: ignore[arg-type]


ALONG = Table(
    COMMON | {"source": "theory", "lam": lam, "m": m} for lam, m in ((0, -0.2), (0.01, 0.3), (1, 2))
)
SYSTEMS = Table(
    one | {"source": "simulation", "seed": seed, "m": one["m"] * (1 + 0.1 * seed)}
    for one in ALONG.lines()
    for seed in (0, 1)
)
DRAW = {
    "theory_line": lambda axes: theory_line(axes, ALONG, "lam", "m"),
    "measured": lambda axes: measured(axes, SYSTEMS, "lam", "m", LOOKS[0]),
    "markers": lambda axes: markers(axes, ALONG["lam"], ALONG["m"], 0.1 * ALONG["lam"], LOOKS[0]),
    "failed": lambda axes: theory_line(
        axes, Table([*(a | {"status": "max-steps", "lam": -a["lam"]} for a in ALONG.lines()),
                     *ALONG.lines()]), "lam", "m"),
    "plot": lambda axes: axes.plot(ALONG["lam"], ALONG["m"]),
    "scatter": lambda axes: axes.scatter(ALONG["lam"], ALONG["m"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("draw", "when"),
    [
        *((draw, "after") for draw in DRAW),
        # What matplotlib itself draws later nobody sees.
        *product(["theory_line", "measured", "markers", "failed"], ["before", "plain"]),
    ],
)
def test_nothing_vanishes_on_a_logarithmic_axis(draw, when):
    """Every point is inside the panel, in the order of the values, and zero is named."""
    figure = Figure()
    axes = figure.subplots()
    axes.axvline(0.1)
    axes.axhline(0.1)
    if when == "after":
        DRAW[draw](axes)
    for axis in (axes.xaxis, axes.yaxis):
        if when == "plain":
            axes.set(xscale="log", yscale="log")
        else:
            log_axis(axis)
    if when != "after":
        DRAW[draw](axes)
    figure.draw_without_rendering()
    points = np.column_stack([ALONG["lam"], ALONG["m"]])
    shown = axes.transAxes.inverted().transform(axes.transData.transform(points))
    assert ((shown >= 0) & (shown <= 1)).all()
    assert (np.diff(shown, axis=0) > 0.02).all()
    for axis in (axes.xaxis, axes.yaxis):
        assert "0" in [text.get_text() for text in axis.get_ticklabels()]


def test_a_logarithmic_axis_of_positive_values_stays_one():
    figure = Figure()
    axes = figure.subplots()
    theory_line(axes, THEORY, "alpha", "test_loss")
    log_axis(axes.xaxis, (1, 2))
    log_axis(axes.yaxis)
    measured(axes, RAW, "alpha", "test_loss", LOOKS[0])
    assert axes.get_xscale() == axes.get_yscale() == "log"
    # Nor is a scale of the user's own replaced.
    axes.set_xscale("symlog", linthresh=7)
    markers(axes, [0.0, 1.0], [1.0, 1.0], [0.1, 0.1], LOOKS[0])
    assert axes.xaxis.get_transform().linthresh == 7


@pytest.mark.parametrize("kept", [0, 2])
def test_points_without_a_value_are_told(kept):
    """Not those without an error bar, which are drawn."""
    lines = [*ALONG.lines()[:kept], *(one | {"m": None} for one in ALONG.lines()[kept:])]
    alone = SYSTEMS.where(seed=0)
    systems = [one | {"m": None} if one["lam"] == 1 else one for one in alone.lines()]
    axes = Figure().subplots()
    for draw, lost, told in (
        (lambda: theory_line(axes, Table(lines), "lam", "m"), 3 - kept, "m over lam"),
        (lambda: measured(axes, Table(systems), "lam", "m", LOOKS[0]), 1, "m over lam"),
        (lambda: markers(axes, [1, np.inf], [np.nan, 2], [1, 1], LOOKS[0]), 2, "y over x"),
    ):
        with pytest.warns(
            LeftOutWarning, match=f"^{lost} of . points have no finite {told} and are"
        ):
            draw()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theory_line(axes, ALONG, "lam", "m")
        measured(axes, alone, "lam", "m", LOOKS[0])


def test_a_point_of_theory_that_stands_twice_is_still_a_dash():
    axes = Figure().subplots()
    theory_line(axes, Table(2 * [THEORY.lines()[0]]), "alpha", "test_loss")
    (line,) = axes.get_lines()
    assert (line.get_marker(), line.get_xydata().tolist()) == ("_", [[1.0, 1.0]])
