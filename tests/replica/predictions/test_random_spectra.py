"""Spectra of random problems: refused in a line, or exact in what is known of all of them."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from strategies import DATA, Numbers

from replica import ParamagnetWarning, Problem, attention_spectrum
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
