from __future__ import annotations

import numpy as np
import pytest

from replica.problem import PottsTokens
from simulations import Chains, MixingWarning, PottsModel, integrated_time, split_r_hat


def autoregression(rng: np.random.Generator, chains: int, times: int, memory: float) -> np.ndarray:
    series = np.empty((chains, times))
    series[:, 0] = rng.standard_normal(chains) / np.sqrt(1 - memory**2)
    for t in range(1, times):
        series[:, t] = memory * series[:, t - 1] + rng.standard_normal(chains)
    return series


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_time_of_an_autoregression(memory):
    """ρ(t) = memory^t, so that τ = (1 + memory) / (1 - memory)."""
    series = autoregression(np.random.default_rng(1), 40, 4000, memory)
    exact = (1 + memory) / (1 - memory)
    # The variance of the estimate is about 2 (2 window + 1) τ² / data (Sokal), window = 5 τ:
    # four standard errors, a false alarm once in 10^4. The truncation costs e^-5 or so.
    margin = 4 * exact * np.sqrt(2 * (10 * exact + 1) / series.size)
    assert abs(integrated_time(series) - exact) < margin + 0.01 * exact


def test_time_predicts_the_error_of_a_mean():
    series = autoregression(np.random.default_rng(2), 400, 1000, 0.8)
    spread = series.mean(axis=1).var(ddof=1)
    predicted = series.var() * integrated_time(series) / series.shape[1]
    # A variance of 400 means is known to 7 %; four standard errors.
    assert spread == pytest.approx(predicted, rel=0.28)


def test_r_hat_in_closed_form():
    rng = np.random.default_rng(3)
    same = autoregression(rng, 20, 2000, 0.0)
    assert split_r_hat(same) == pytest.approx(1, abs=0.005)
    # Means ±1 and variance 1: between / within is about 1, so R-hat is about sqrt(2).
    apart = same + np.where(np.arange(20) % 2, 1.0, -1.0)[:, None]
    assert split_r_hat(apart) == pytest.approx(np.sqrt(2), rel=0.03)
    drifting = same + np.linspace(-1, 1, 2000)
    assert split_r_hat(drifting) > 1.05
    assert split_r_hat(np.ones((3, 8))) == 1.0
    assert split_r_hat(np.arange(2.0)[:, None] + np.zeros((2, 8))) == np.inf


@pytest.mark.parametrize("shape", [(1, 2), (1, 100), (5, 101), (7, 1000)])
@pytest.mark.parametrize(
    "value", [0.0, 0.1, 0.3, 1 / 3, 7.0, -1234.567, 1e6 + 1e-12, 1e300, 5e-324]
)
def test_a_constant_series_has_time_one(value, shape):
    """Whatever rounding makes of its mean."""
    series = np.full(shape, value)
    assert integrated_time(series) == 1.0
    if shape[1] >= 4:
        assert split_r_hat(series) == 1.0
        # Each at rest, at another value.
        apart = series + max(abs(value), 1e-300) * np.arange(len(series))[:, None]
        assert split_r_hat(apart) == (np.inf if len(series) > 1 else 1.0)


@pytest.mark.parametrize("unit", [2.0**-900, 2.0**-30, 2.0**900])
def test_units_change_no_digit(unit):
    series = autoregression(np.random.default_rng(4), 5, 300, 0.7)
    assert integrated_time(unit * series) == integrated_time(series)
    assert split_r_hat(unit * series) == split_r_hat(series)


@pytest.mark.parametrize(
    ("shift", "unit"), [(1e6, 1e-9), (-1e6, 1.0), (1.0, 1e-15), (1e200, 1e185)]
)
def test_times_of_series_far_from_zero(shift, unit):
    """Down to fluctuations of a few units in the last place, whose rounding is white noise."""
    exact = autoregression(np.random.default_rng(5), 10, 4000, 0.8)
    noise = (np.spacing(abs(shift)) / unit) ** 2 / 12 / exact.var()
    time = 1 + (integrated_time(exact) - 1) / (1 + noise)
    assert integrated_time(shift + unit * exact) == pytest.approx(time, rel=0.02)
    assert split_r_hat(shift + unit * exact) == pytest.approx(split_r_hat(exact), rel=1e-3)


def test_short_series_by_hand():
    assert integrated_time([[0.1, 0.3]]) == 1.0
    # Deviations -1, -1, 1, 1 have ρ(1) = 1/3, ρ(2) = -1 and ρ(3) = -1: 1 + 2 (1/3 - 1 - 1) < 1.
    assert integrated_time([[0.1, 0.1, 0.3, 0.3]]) == 1.0
    # Two chains at rest at different values remember to the end: 1 + 2 (times - 1).
    assert integrated_time([[0.1] * 6, [0.3] * 6]) == pytest.approx(11, rel=1e-12)


@pytest.mark.parametrize("function", [integrated_time, split_r_hat])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_refused(function, bad):
    series = np.full((2, 8), 0.3)
    series[1, 3] = bad
    with pytest.raises(ValueError, match="series = "):
        function(series)


def test_independent_sites_have_no_memory():
    model = PottsModel.random(PottsTokens(3, 0.0), 30, 0)
    found = Chains(model, 40, 1).diagnose(400)
    assert found.overlap_time == pytest.approx(1, rel=0.1)
    assert found.agree
    assert found.enough


def test_memory_grows_with_beta():
    couplings = PottsModel.random(PottsTokens(3, 1.0), 60, 2).couplings
    times = []
    for beta in (0.5, 1.5, 2.4):
        chains = Chains(PottsModel(couplings, 3, beta), 40, 3)
        chains.burn_in(100)
        found = chains.diagnose(600)
        assert found.agree
        times.append(found.time)
    assert times[0] < times[1] < times[2]
    assert times[0] < 2


def test_frozen_chains_disagree():
    couplings = PottsModel.random(PottsTokens(3, 1.0), 60, 2).couplings
    chains = Chains(PottsModel(couplings, 3, 12.0), 20, 3)
    with pytest.warns(MixingWarning, match="the chains disagree: .*burn in for more sweeps"):
        assert not chains.diagnose(100).agree


def test_threads_change_nothing():
    model = PottsModel.random(PottsTokens(4, 2.0), 70, 0)
    one, many = Chains(model, 53, 1), Chains(model, 53, 1, threads=3)
    for sweeps in (3, 2):
        np.testing.assert_array_equal(one.run(sweeps), many.run(sweeps))


@pytest.mark.parametrize("sites", [63, 64, 65, 300])
def test_tiles_of_fields_are_exact(sites):
    """Whatever the tiling, every token is drawn from its conditional given all others."""
    model = PottsModel.random(PottsTokens(6, 3.0), sites, 3)
    chains = Chains(model, 800, 4)
    chains.run(12)
    before = chains.tokens
    after = chains.run(1)
    for i in (0, 40, sites - 1):
        # What site i saw: the sites before it already new, those behind it still old.
        seen = np.concatenate([after[:, : i + 1], before[:, i + 1 :]], axis=1)
        conditionals = model.conditionals(seen, [i])[:, 0]
        picked = np.take_along_axis(conditionals, after[:, [i]].astype(int), axis=-1)[:, 0]
        gaps = picked - np.sum(conditionals**2, axis=-1)
        # Chains are independent: four standard errors, a false alarm once in 10^4.
        assert abs(gaps.mean()) < 4 * gaps.std(ddof=1) / np.sqrt(len(gaps))


@pytest.mark.parametrize("function", [integrated_time, split_r_hat])
def test_refusals(function):
    with pytest.raises(ValueError, match="series = "):
        function(np.zeros(10))
    with pytest.raises(ValueError, match="series = "):
        function(np.zeros((3, 1)))


def test_refusals_of_chains():
    model = PottsModel.random(PottsTokens(3, 1.0), 10, 0)
    with pytest.raises(ValueError, match="threads = 0"):
        Chains(model, 4, threads=0)
    with pytest.raises(ValueError, match="sweeps = 3"):
        Chains(model, 4).diagnose(3)
    with pytest.raises(ValueError, match="chains = 1"):
        Chains(model, 1).diagnose(10)
