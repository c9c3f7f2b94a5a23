"""Thresholds of rows without a formula beside the linear programs of finite systems."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import Mixture, random_mixture

from replica import PottsTokens, existence_threshold
from simulations import PottsModel, has_minimiser, sample
from simulations.estimators.recession import recession_direction


def critical(most: int, has_none) -> int:
    """The largest number of samples that have no minimiser, by bisection."""
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if has_none(middle) else (low, middle)
    return low


def margins(mixture: Mixture, count: int, rng: np.random.Generator, bias: bool) -> np.ndarray:
    """Differences of fields that a row and a bias make, (samples, C - 1, variables)."""
    pi, mu, S = mixture
    colors, inputs = len(pi), mu.shape[1]
    y = rng.choice(colors, count, p=pi)
    roots = np.linalg.cholesky(S.reshape(colors, inputs * colors, -1))
    noise = np.einsum("sij,sj->si", roots[y], rng.standard_normal((count, inputs * colors)))
    F = mu[y] + noise.reshape(count, inputs, colors)
    if bias:
        F = np.concatenate([F, np.tile(np.eye(colors), (count, 1, 1))], axis=1)
    every = np.arange(count)
    shifts = [F[every, :, y] - F[every, :, (y + k) % colors] for k in range(1, colors)]
    return np.stack(shifts, axis=1)


@pytest.mark.parametrize(
    ("colors", "seed", "bias", "inputs"),
    [
        (3, 2, True, 30),
        pytest.param(3, 1, False, 60, marks=pytest.mark.slow),
        pytest.param(3, 2, True, 60, marks=pytest.mark.slow),
        pytest.param(4, 1, False, 60, marks=pytest.mark.slow),
    ],
)
def test_mixtures(colors, seed, bias, inputs):
    """Four standard errors of about two per cent: a false alarm once in three thousand seeds."""
    mixture, rng = random_mixture(colors, inputs, seed), np.random.default_rng(5)
    threshold = existence_threshold(mixture.row(), bias=bias)
    most, found = round(2 * threshold * (inputs + 1)), []
    for _ in range(24):
        A = margins(mixture, most, rng, bias)
        found.append(
            critical(most, lambda M, A=A: recession_direction(np.vstack(A[:M])) is not None)
        )
    ratios = np.array(found) / (inputs + 1)
    assert abs(ratios.mean() - threshold) < 4 * ratios.std() / np.sqrt(len(ratios))


@pytest.mark.slow
@pytest.mark.parametrize("sites", [40, 80])
@pytest.mark.parametrize(
    ("beta", "row"), [(1.0, (1, 0.3, -0.5, 0.3)), (1.5, (1, 0.8, 0.1, 0.8))], ids=["apart", "near"]
)
def test_potts_tokens_of_several_modes(beta, row, sites):
    """Four standard errors of about two per cent; what is of order 1/L is not seen in them."""
    U = np.array([np.roll(row, shift) for shift in range(4)])
    data = PottsTokens(4, beta, U)
    threshold = existence_threshold(data)
    found = []
    for seed in range(16):
        model = PottsModel.random(data, sites, seed)
        tokens = sample(model, round(2 * threshold * sites), 1000 + seed)
        found.append(critical(len(tokens), lambda M, tokens=tokens:
                              not has_minimiser(tokens[:M], 0, 4, U)))  # fmt: skip
    ratios = np.array(found) / sites
    assert abs(ratios.mean() - threshold) < 4 * ratios.std() / np.sqrt(len(ratios))
