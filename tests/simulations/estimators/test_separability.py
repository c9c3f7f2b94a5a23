"""Separability against Cover's count, the minimiser and plain search."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from replica import PottsTokens
from simulations import PottsModel, has_minimiser, sample, separable, separable_samples, train
from simulations.experiments.separability import SeparabilityExperiment


@pytest.mark.parametrize(
    "samples", [40, *(pytest.param(n, marks=pytest.mark.slow) for n in (32, 48))]
)
def test_random_dichotomies_are_those_that_cover_counted(samples):
    """Four standard errors: false alarm below one in ten thousand, at a fixed seed anyway.

    Of 2^M dichotomies of M points in general position in d dimensions 2 Σ_{k<d} C(M-1, k)
    are separable by a plane through the origin (Cover 1965).
    """
    rng, trials, dimension = np.random.default_rng(samples), 300, 20
    cover = sum(comb(samples - 1, k) for k in range(dimension)) / 2.0 ** (samples - 1)
    tokens = rng.integers(0, 2, (trials, samples, dimension + 1), dtype=np.uint8)
    found = np.mean([separable(one, 0, 2) for one in tokens])
    assert abs(found - cover) < 4 * np.sqrt(cover * (1 - cover) / trials)


@pytest.mark.parametrize("colors", [2, 3, 5])
def test_separable_sets_have_no_finite_minimum(colors):
    model = PottsModel.random(PottsTokens(colors, 0.4 * colors), 20, 1)
    tokens = sample(model, 60, 2)
    last = [separable_samples(tokens, row, colors) for row in range(5)]
    for row, most in enumerate(last):
        assert train(tokens[:most], colors, 0.0, rows=[row]).status == "diverged"
        # One that cannot be won may still be met half-way.
        more = tokens[: most + 1]
        status = "converged" if has_minimiser(more, row, colors) else "diverged"
        assert train(more, colors, 0.0, rows=[row]).status == status


def test_bisection_finds_what_search_finds():
    tokens = np.random.default_rng(3).integers(0, 3, (40, 12), dtype=np.uint8)
    decided = [separable(tokens[:samples], 4, 3) for samples in range(1, 41)]
    assert separable_samples(tokens, 4, 3) == decided.index(False)
    assert separable_samples(tokens[:5], 4, 3) == 5


def test_a_line_of_the_table_is_the_threshold_of_its_system():
    data = PottsTokens(3, 1.5)
    (line,) = SeparabilityExperiment(data, 20, 7, most=4.0).run()
    assert line["status"] == "converged"
    assert line["alpha"] == line["samples"] / 20
    (same,) = SeparabilityExperiment(data, 20, 7, most=4.0).run()
    assert line == same
    (cut,) = SeparabilityExperiment(data, 20, 7, most=0.2).run()
    assert (cut["status"], cut["samples"]) == ("max-steps", 4)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((np.zeros(4), 0, 2), "tokens = "),
        ((np.full((4, 4), 3), 0, 2), "tokens = "),
        ((np.zeros((4, 4), dtype=int), 9, 2), "row = 9"),
        ((np.zeros((4, 4), dtype=int), -1, 2), "row = -1"),
        ((np.zeros((4, 4), dtype=int), 0, 1), "colors = 1"),
    ],
)
def test_refusals(arguments, told):
    with pytest.raises(ValueError, match=told):
        separable(*arguments)


def test_similar_colours_are_refused():
    alike = PottsTokens(3, 1.0, [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    with pytest.raises(ValueError, match="data = "):
        SeparabilityExperiment(alike, 20, 0, 2.0)
