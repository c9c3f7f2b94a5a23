from __future__ import annotations

import numpy as np
import pytest
from quadratic_loss import Quadratic

from replica import CustomTokens, Masking, PottsTokens, Problem, attention_spectrum, solve

SOFT = Problem(3.0, 0.05, PottsTokens(2, 1.0, spike=1.8))


@pytest.mark.parametrize("problem", [
    SOFT,
    SOFT.at(alpha=0.6),
    pytest.param(SOFT.at(colors=5, beta=-2.0, lam=0.3), marks=pytest.mark.slow),
], ids=["many", "few", "negative"])  # fmt: skip
def test_the_matrix_has_the_norm_of_its_rows_and_no_trace(problem):
    """Mass, trace and second moment, the last from the rows, are among the stated errors."""
    found = attention_spectrum(problem)
    assert found.status == "converged"
    assert max(found.quadrature_error, found.residual) < 1e-9
    assert found.cumulative[-1] == pytest.approx(1.0)
    assert found.coupling_error == pytest.approx(solve(problem).coupling_error)
    assert np.all(found.density >= 0.0)
    assert len(found.edges) == (2 if problem.alpha < 1 else 1)


def test_linear_forces_make_the_matrix_of_the_squared_error():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.2, spike=1.9), Quadratic())
    found, known = (attention_spectrum(p) for p in (problem, problem.at(loss="squared-error")))
    for name in ("edges", "outlier", "overlap", "spike_threshold", "pca_overlap", "moments"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=1e-5, abs=1e-6)


def test_noise_of_its_own_hides_a_pattern():
    soft, squared = (attention_spectrum(SOFT.at(loss=loss))
                     for loss in ("cross-entropy", "squared-error"))  # fmt: skip
    assert soft.pca_overlap == pytest.approx(squared.overlap)
    assert 0.0 < squared.overlap - soft.overlap < 0.05
    assert squared.spike_threshold < soft.spike_threshold < 1.2
    # At the threshold the outlier leaves the edge.
    for shift, seen in ((-1e-3, False), (1e-2, True)):
        near = attention_spectrum(SOFT.at(spike=soft.spike_threshold + shift))
        assert (near.overlap > 0.0) == seen
    with pytest.raises(ValueError, match="loss"):
        soft.attention(1.0)


def test_nothing_is_known_of_rows_that_have_no_solution():
    found = attention_spectrum(SOFT.at(alpha=1.2, lam=0.0))
    assert found.status == "below-threshold"
    assert found.eigenvalues.size == found.edges.size == 0
    assert np.isnan([found.outlier, found.spike_threshold, found.coupling_error]).all()
    assert 0.0 < found.pca_overlap < 1.0


def test_other_data_have_a_squared_error_alone():
    custom = CustomTokens.from_spectrum([0.5, 1.0], [0.5, 0.5], [0.5, 0.5], 2)
    with pytest.raises(ValueError, match="loss"):
        attention_spectrum(Problem(2.0, 0.1, custom))
    with pytest.raises(ValueError, match="loss"):
        attention_spectrum(SOFT.at(masking=Masking(0.1)))
