"""The whole attention matrix beside the theory of its rows, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    Table,
    attention_spectrum,
    solve,
)
from replica.cli import main
from replica.ensembles import ensemble_of

LOSS = "squared-error"
RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]
PROBLEMS = {
    "few": Problem(0.1, 0.1, PottsTokens(2, 1.0), LOSS),
    "as many": Problem(1.0, 1e-3, PottsTokens(2, -1.5), LOSS),
    "many": Problem(3.0, 0.0, PottsTokens(3, 1.5, spike=1.3), LOSS),
    "ten": Problem(0.5, 0.1, PottsTokens(10, 4.0), LOSS),
    "near the glass": Problem(2.0, 1e-4, PottsTokens(3, 2.8), LOSS),
    "masks": Problem(0.7, 0.05, PottsTokens(3, 1.5), LOSS, masking=Masking(0.3)),
    "masks alone": Problem(0.3, 0.0, PottsTokens(4, 1.5), LOSS, masking=Masking(0.5)),
    "Gaussian": Problem(1.5, 0.1, GaussianTokens(2.5, 1, joint=True)),
    "Gaussian colours": Problem(0.2, 0.1, GaussianTokens(2.1, 3, joint=True)),
}


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_distance_from_the_true_matrix_is_that_of_a_row(name):
    """By the derivative of the resolvent here, by the saddle point there."""
    problem = PROBLEMS[name]
    found, row = attention_spectrum(problem), solve(problem)
    assert found.status == row.status == "converged"
    assert found.coupling_error == pytest.approx(row.coupling_error, rel=1e-9)
    assert found.cumulative[0] == pytest.approx(found.atom_share, abs=1e-12)
    assert found.cumulative[-1] == pytest.approx(1.0, abs=1e-9)
    assert found.moments[0] == 0.0


def test_two_colours_are_one_gaussian_component():
    """2 (1 + b²) - 2bX and κ + X are one law at κ = 2 (1 + b²), b = 1/2."""
    potts = attention_spectrum(Problem(0.7, 0.1, PottsTokens(2, 1.0), LOSS))
    gaussian = attention_spectrum(Problem(0.7, 0.1, GaussianTokens(2.5, 1, joint=True)))
    assert potts.edges == pytest.approx(gaussian.edges, rel=1e-12)
    assert potts.density == pytest.approx(gaussian.density, rel=1e-10)
    assert potts.moments == pytest.approx(gaussian.moments, rel=1e-10)


def test_a_covariance_of_ones_own():
    """By the nodes of the Potts ensemble, of samples that do not tell them apart."""
    problem = Problem(0.1, 0.1, PottsTokens(3, 1.5), LOSS)
    spectrum = ensemble_of(problem.data).spectrum
    given = spectrum.covariances[0], spectrum.weights, spectrum.teacher
    own = attention_spectrum(problem.at(data=CustomTokens.from_spectrum(*given, 3)))
    expected = attention_spectrum(problem)
    assert own.edges == pytest.approx(expected.edges, rel=1e-9)
    assert own.moments == pytest.approx(expected.moments, rel=1e-9)
    assert own.density == pytest.approx(expected.density, rel=1e-6, abs=1e-8)
    assert math.isnan(own.coupling_error)
    assert math.isnan(own.outlier)


def test_a_matrix_of_independent_variables_is_known():
    """G = 1/2: the eigenvalues of P are those of Marchenko and Pastur's law, mapped."""
    found = attention_spectrum(Problem(2.0, 0.3, PottsTokens(2, 0.0), LOSS))
    s = 0.5 * (1 + np.array([-1, 1]) * 2**0.5) ** 2
    # γ = 2, G = 1/2: p = ∫ρ/(s + λ) solves λ p²/2 + (λ + 1/2) p - 1 = 0.
    p = (-0.8 + math.sqrt(0.64 + 0.6)) / 0.3
    assert found.diagonal == pytest.approx(p, rel=1e-12)
    assert found.edges[0] == pytest.approx(1 - 1 / (p * (s + 0.3)), rel=1e-10)


@pytest.mark.parametrize("alpha", [1.0 + 1e-7, 1.01, 3.0])
def test_moments_are_those_of_the_inverse_of_a_wishart_matrix(alpha):
    """<(S/G)^{-k}> for k = 2 to 4, next to as many observations as sites, too."""
    found = attention_spectrum(Problem(alpha, 0.0, PottsTokens(2, 0.0), LOSS))
    g, rest = alpha, alpha - 1.0
    share = [1.0, 1.0, g / rest, g * (g + 1) / rest**2, g * (g * g + 3 * g + 1) / rest**3]
    assert found.moments[1] == pytest.approx(share[2] - 1, rel=1e-6)
    assert found.moments[2] == pytest.approx(-share[3] + 3 * share[2] - 2, rel=1e-6)
    assert found.moments[3] == pytest.approx(share[4] - 4 * share[3] + 6 * share[2] - 3, rel=1e-6)
    assert (found.status == "converged") == (alpha > 1.001)


def test_a_pattern_is_seen_by_attention_as_early_as_in_the_covariance_of_sites():
    data = PottsTokens(3, 1.5, spike=1.3)
    found = attention_spectrum(Problem(0.7, 0.1, data, LOSS))
    # 1/G and <G²/(h - G)> of the pattern, by the sum over the semicircle.
    x = 2.0 * np.cos(np.arange(1, 4000) * np.pi / 4000)
    weights = (1.0 - 0.25 * x**2) / 2000
    G, g = 1.0 / (3.75 - 1.5 * x), 1.0 / (3.75 - 1.5 * (1.3 + 1 / 1.3))
    slope = 1.4 - weights @ (G / (g - G)) ** 2
    place = 1.4 * g + weights @ G + weights @ (G**2 / (g - G))
    expected = (1 - 1.3**-2) * g * slope / place
    assert (found.overlap, found.pca_overlap) == pytest.approx((expected, expected), rel=1e-9)
    assert found.pca_outlier == pytest.approx(place / 1.4, rel=1e-9)
    assert found.attention(found.pca_outlier) == pytest.approx(found.outlier, rel=1e-12)
    assert found.outlier > found.edges[0, 1]
    # (C - 1)² times the samples: colours are observations no more, and components instead.
    later = attention_spectrum(Problem(4 * 0.7, 0.1, data, LOSS))
    assert later.onehot_overlap == pytest.approx(found.overlap, rel=1e-12)
    assert later.onehot_outlier == pytest.approx(found.pca_outlier, rel=1e-12)
    # [(θ - b)(1 - bθ)/bθ]²/(θ² - 1)/(C - 1) at b = 1/2.
    least = (0.8 * 0.35 / 0.65) ** 2 / 0.69 / 2
    assert found.alpha_threshold == pytest.approx(least, rel=1e-10)
    at = attention_spectrum(Problem(least, 0.1, data.at(spike=1.0), LOSS))
    assert at.spike_threshold == pytest.approx(1.3, rel=1e-6)
    assert (at.outlier, at.overlap) == (at.edges[0, 1], 0.0)


def test_a_pattern_that_repels_stands_out_below():
    data = PottsTokens(3, -1.5, spike=4.0)
    found = attention_spectrum(Problem(3.0, 0.1, data, LOSS))
    assert found.outlier < found.edges[0, 0] < 0 < found.overlap
    few = attention_spectrum(Problem(0.3, 0.1, data, LOSS))
    assert (few.outlier, few.overlap) == (few.atom, 0.0)
    assert math.isnan(few.spike_threshold)


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
def test_many_colours_couple_all_sites_alike():
    """The last term of (4) has the strength b (C - 2)/2 = 1.6."""
    found = attention_spectrum(Problem(0.5, 0.1, PottsTokens(10, 4.0), LOSS))
    pattern = attention_spectrum(Problem(0.5, 0.1, PottsTokens(10, 4.0, spike=1.6), LOSS))
    assert found.uniform_overlap == pattern.overlap > 0
    assert found.uniform_outlier == pattern.outlier
    none = attention_spectrum(Problem(0.5, 0.1, PottsTokens(4, 3.0), LOSS))
    assert math.isnan(none.uniform_outlier)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (PROBLEMS["few"].at(masking=Masking(0.3, "static")), "masking must be dynamic, or one"),
        (PROBLEMS["few"].at(lam=0.0), "lam must be greater than 0 where there are no more"),
        (Problem(1.0, 0.1, GaussianTokens(3.0)), "data must be PottsTokens with gaussian"),
        (Problem(1.0, 0.1, PottsTokens(4, 1.0, RING), LOSS), "data must be PottsTokens with"),
        (Problem(1.0, 0.1, PottsTokens(3, 1.0, None, "orthogonal"), LOSS), "data must be Potts"),
        (Problem(1.0, 0.1, IndependentTokens(3, 1.0), LOSS), "data must be PottsTokens with"),
        ("none", "problem must be a Problem"),
    ],
)
def test_what_has_no_theory_is_refused(problem, told):
    with pytest.raises(ValueError, match=told) as refused:
        attention_spectrum(problem)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("covariance", ["x", -1.0, [0.5, math.nan]], ids=repr)
def test_no_eigenvalue_of_a_covariance_is_refused(covariance):
    found = attention_spectrum(Problem(1.0, 0.1, PottsTokens(3, 1.5), LOSS))
    with pytest.raises(ValueError, match="covariance must be one or more eigenvalues, 0 or gre"):
        found.attention(covariance)


def test_the_command(tmp_path, capsys):
    words = ["spectrum", "--colors", "3", "--beta", "1.5", "--lam", "0.1", "--alpha", "0.2,2"]
    density = tmp_path / "density.csv"
    assert main([*words, "--spike", "1.1,1.3", "--density", str(density)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("spike,alpha,edges,atom,")
    assert len(lines) == 5
    table = Table.from_csv(density)
    found = attention_spectrum(Problem(2.0, 0.1, PottsTokens(3, 1.5, spike=1.3), LOSS))
    points = table.where(spike=1.3, alpha=2.0)
    assert points["density"].tolist() == found.density.tolist()
    assert points["cumulative"].tolist() == found.cumulative.tolist()
    assert main([*words, "--json"]) == 0
    (_, told) = json.loads(capsys.readouterr().out)
    assert told["edges"] == found.edges.ravel().tolist()
    assert told["loss"] == LOSS
    assert told["overlap"] is None
    soft = ["--colors", "2", "--beta", "1", "--lam", "0", "--loss", "cross-entropy"]
    assert main(["spectrum", *soft, "--alpha", "1.2"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].endswith(",below-threshold")
    assert printed.err.startswith("replica: alpha = 1.2: below-threshold, without weight decay")
    assert main([*words, "--density", "/dev/null/d.csv"]) == 2
    assert capsys.readouterr().err.startswith("replica: density = ")
