"""Spectra of random problems: refused in a line, or exact in what is known of all of them."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from strategies import DATA, Numbers

from replica import ParamagnetWarning, PottsTokens, Problem, attention_spectrum
from replica.errors import BadArgument


class Seeded(Numbers):
    """Numbers of one seed, spread evenly, without Hypothesis."""

    def __init__(self, seed: int) -> None:
        self._spread, self._rng = True, random.Random(seed)


def spectra(model: str, problems: int):
    """Yield answers, and the messages of refusals."""
    for seed in range(problems):
        n = Seeded(seed)
        alpha, lam = n.log_uniform(1e-3, 1e4), n.lam()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParamagnetWarning)
            try:
                yield attention_spectrum(Problem(alpha, lam, DATA[model](n), "squared-error"))
            except BadArgument as error:
                yield str(error)


@pytest.mark.parametrize("model", DATA)
def test_random_spectra_are_exact_or_say_that_they_are_not(model):
    answers = list(spectra(model, 10))
    for found in answers:
        if isinstance(found, str):
            assert len(found.splitlines()) == 1
            continue
        assert found.status in ("converged", "max-steps")
        if found.status == "converged":
            assert max(found.residual, found.quadrature_error) < 1e-9
            assert found.cumulative[-1] == pytest.approx(1.0, abs=1e-8)
            assert np.all(np.diff(found.cumulative) >= -1e-12)
            assert np.all(np.diff(found.edges.ravel()) >= 0.0)
            assert found.moments[0] == 0.0 <= found.moments[1]
    if model in ("potts", "gaussian", "custom"):
        assert any(not isinstance(found, str) and found.status == "converged" for found in answers)


def softmax(seed: int):
    """Return the answer to a random problem with a pattern, or the message of a refusal."""
    n = Seeded(seed)
    colors, alpha = n.colors(), n.log_uniform(1e-2, 1e3)
    beta, spike = n.uniform(-0.95, 0.95) * colors, n.one_of([0.0, 1.05, 1.5, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamagnetWarning)
        try:
            return attention_spectrum(
                Problem(alpha, n.lam(), PottsTokens(colors, beta, spike=spike))
            )
        except BadArgument as error:
            return str(error)


@pytest.mark.parametrize("seeds", [
    pytest.param(range(3), id="few"),
    pytest.param(range(3, 24), id="many", marks=pytest.mark.slow),
])  # fmt: skip
def test_random_spectra_of_the_cross_entropy(seeds):
    """Nothing raises but a refusal, and no interval is empty; noise never shows a pattern."""
    for found in map(softmax, seeds):
        if isinstance(found, str) or found.status != "converged":
            assert isinstance(found, str) or found.status == "below-threshold" or found.residual > 0
            continue
        assert found.quadrature_error < 1e-9
        shares = [np.interp(edge, found.eigenvalues, found.cumulative) for edge in found.edges]
        assert np.all(np.diff(shares, axis=1) > 1e-9)
        assert np.all(found.density >= 0.0)
        assert not found.problem.data.spike or found.overlap <= found.pca_overlap + 1e-9
