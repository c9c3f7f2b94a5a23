"""What stands out of a sample covariance, against published closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from replica.spectra.outlier import outlier, threshold_ratio
from replica.spectra.population import Atoms, SemicirclePopulation
from replica.spectra.silverstein import turning_points

ONE = Atoms.of(np.ones(1), np.ones(1))


@pytest.mark.parametrize("ratio", [0.5, 2.0, 30.0])
def test_one_variance_that_differs_from_all_others(ratio):
    """Baik, Ben Arous & Péché; the overlap by Paul (2007), with y = 1/γ of his."""
    most = 1 + 1 / ratio**0.5
    for value in (1.2 * most, 5.0 * most):
        found = outlier(ONE, ratio, value, 0.0)
        y = 1 / ratio
        place = ratio * value * (1 + y / (value - 1))
        overlap = (1 - y / (value - 1) ** 2) / (1 + y / (value - 1))
        assert found.eigenvalue == pytest.approx(place, rel=1e-12)
        assert found.overlap == pytest.approx(overlap, rel=1e-12)
    assert outlier(ONE, ratio, 0.99 * most, 7.0) == (7.0, 0.0)
    assert threshold_ratio(ONE, most) == pytest.approx(ratio, rel=1e-12)


def test_below_the_others_one_stands_out_of_more_samples_than_variables_only():
    for ratio, value, seen in ((4.0, 0.4, True), (4.0, 0.6, False), (0.9, 0.01, False)):
        found = outlier(ONE, ratio, value, 0.0)
        assert (found.overlap > 0) == seen
        if seen:
            assert 0 < found.eigenvalue < (ratio**0.5 - 1) ** 2


@pytest.mark.parametrize(("b", "theta"), [(0.5, 1.3), (0.3, 3.0), (-0.5, 1.3), (-0.2, 40.0)])
def test_a_pattern_beside_a_semicircle(b, theta):
    """γ_c = [(θ - b)(1 - bθ)/bθ]²/(θ² - 1), in units of 1/C; by the BBP formulas for 4."""
    law = SemicirclePopulation(1 + b * b, -b)
    value = law.at(theta + 1 / theta)
    assert value == pytest.approx(theta / ((theta - b) * (1 - b * theta)), rel=1e-12)
    least = threshold_ratio(law, value)
    gap = (theta - b) * (1 - b * theta) / (b * theta)
    assert least == pytest.approx(gap**2 / (theta**2 - 1), rel=1e-10)
    ratio = 1.7 * least
    found = outlier(law, ratio, value, 0.0)
    assert found.eigenvalue == pytest.approx(value * (ratio + gap / theta), rel=1e-12)
    assert found.overlap == pytest.approx((ratio - least) / (ratio + gap / theta), rel=1e-10)
    # Where it begins to stand out, the curve turns.
    (turns,) = turning_points(law, least)
    turn = float(turns[1 if b > 0 else 0])
    assert turn == pytest.approx(value, rel=1e-7)
    assert law.strength(turn) == pytest.approx(theta, rel=1e-6)
