"""Strips of distances, and where a line is known well enough for one."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from figures.drawing.residuals import draw_scores, line_at, scores
from figures.drawing.style import LOOKS


def test_strips_that_share_an_axis_show_every_point():
    strips = Figure().subplots(1, 3, sharey=True)
    for axes, largest in zip(strips, (1.0, 7.0, -5.0), strict=True):
        for look in LOOKS[:2]:
            draw_scores(axes, np.array([1.0, 2.0]), np.array([0.0, largest]), look)
    low, high = strips[0].get_ylim()
    assert low <= -6.0
    assert high >= 8.0


def test_there_is_no_distance_without_a_unit():
    found = scores(np.array([1.2, 1.0]), np.array([0.1, 0.0]), np.array([1.0, 1.0]))
    assert found == pytest.approx([2.0, np.nan], nan_ok=True)


@pytest.mark.parametrize("positive", [True, False], ids=["geometric", "linear"])
def test_a_line_is_known_between_its_points_as_far_as_they_tell(positive):
    """An oscillation with ten points a period is known to a per cent, one with three is not."""
    x = np.geomspace(0.5, 8.0, 41) if positive else np.linspace(-2.0, 2.0, 41)
    scale = np.log if positive else np.positive
    places = np.array([0.73, 1.34])
    for points, known in ((10, True), (3, False)):
        rate = 2 * np.pi / (points * (scale(x)[1] - scale(x)[0]))
        found = line_at(x, np.sin(rate * scale(x)), places, np.array([0.05, 0.05]))
        assert np.isfinite(found).tolist() == [known, known]
        if known:
            assert found == pytest.approx(np.sin(rate * scale(places)), abs=0.05 / 10)


def test_points_of_a_line_need_no_others():
    x, y = np.array([2.0, 1.0, 4.0]), np.array([20.0, 10.0, np.nan])
    places = np.array([1.0, 1.5, 2.0 * (1 + 1e-12), 4.0, 9.0])
    expected = [10.0, np.nan, 20.0, np.nan, np.nan]
    assert line_at(x, y, places, np.ones(5)) == pytest.approx(expected, nan_ok=True)
