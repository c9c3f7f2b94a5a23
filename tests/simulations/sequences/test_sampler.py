from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from small_models import random_model

from replica.problem import PottsTokens
from simulations import Chains, MixingWarning, PottsModel, sample
from simulations.kernels.cross_entropy import exponential as exponential64
from simulations.kernels.heat_bath import exponential as exponential32


@pytest.fixture
def tiny_model() -> PottsModel:
    return random_model(5)


def chi_square_p_value(model: PottsModel, seed: int, samples: int = 10_000) -> float:
    tokens = sample(model, samples, seed)
    states = np.ravel_multi_index(tokens.T.astype(int), (model.colors,) * model.sites)
    probabilities = model.enumerate()[1]
    counts = np.bincount(states, minlength=probabilities.size)
    # Rare states go into one bin: chi-square needs a few counts in each.
    rare = probabilities * samples < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(probabilities[~rare], probabilities[rare].sum()) * samples
    filled = expected > 0
    return float(stats.chisquare(counts[filled], expected[filled]).pvalue)


@pytest.mark.parametrize(
    ("mixing", "pulled"),
    [(True, False), pytest.param(False, False, marks=pytest.mark.slow), (True, True)],
)
def test_samples_follow_the_exact_distribution(mixing, pulled):
    # By construction a false alarm once in 100 seeds; the seeds are fixed.
    models = [random_model(k, mixing=mixing, pulled=pulled) for k in range(8)]
    p_values = [chi_square_p_value(model, seed=k) for k, model in enumerate(models)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


@pytest.mark.parametrize("pulled", [False, True])
def test_many_colors_and_sites(pulled):
    """Every token agrees with its conditional, where states are too many to be counted."""
    couplings = PottsModel.random(PottsTokens(20, 4.0), 37, seed=3).couplings
    fields = np.random.default_rng(5).standard_normal(20) if pulled else None
    model = PottsModel(couplings, 20, 4.0 if fields is None else 1.0, fields=fields)
    tokens = sample(model, 1000, seed=4)
    conditionals = model.conditionals(tokens)
    mean = np.take_along_axis(conditionals, tokens[..., None].astype(int), -1)[..., 0]
    # E[P(s_i | rest)] = E[Σ_a P(a | rest)²]; chains are independent. Four standard errors:
    # a false alarm once in 10^4.
    gaps = (mean - np.sum(conditionals**2, axis=-1)).mean(axis=1)
    assert abs(gaps.mean()) < 4 * gaps.std(ddof=1) / np.sqrt(len(gaps))


def test_fields_of_zero_and_a_common_number_draw_the_same_tokens():
    plain = random_model(5)
    tokens = sample(plain, 50, seed=1)
    for fields in (np.zeros(3), np.full((4, 3), 1e9) * np.arange(4)[:, None]):
        model = PottsModel(plain.couplings, 3, 0.8, plain.similarity, fields)
        np.testing.assert_array_equal(sample(model, 50, seed=1), tokens)


def test_chains_do_not_depend_on_their_number_or_on_pauses():
    model = PottsModel.random(PottsTokens(3, 1.5), 33, seed=0)
    many, few, paused = Chains(model, 40, 9), Chains(model, 7, 9), Chains(model, 40, 9)
    many.run(9)
    few.run(9)
    paused.run(4)
    paused.run(5)
    np.testing.assert_array_equal(many.tokens[:7], few.tokens)
    np.testing.assert_array_equal(many.tokens, paused.tokens)
    assert paused.sweeps == 9
    assert not np.array_equal(Chains(model, 40, 10).run(9), many.tokens)


def test_chains_are_independent_of_each_other():
    tokens = sample(PottsModel.random(PottsTokens(4, 1.0), 50, seed=0), 2000, seed=1)
    # Overlaps of disjoint pairs; four standard errors, a false alarm once in 10^4.
    overlaps = np.mean(tokens[0::2] == tokens[1::2], axis=1) - 0.25
    assert abs(overlaps.mean()) < 4 * overlaps.std(ddof=1) / np.sqrt(len(overlaps))


def test_paramagnet_mixes_within_the_default_burn_in():
    model = PottsModel.random(PottsTokens(3, 2.1), 150, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MixingWarning)
        mixing = Chains(model, 500, 3).burn_in()
    assert mixing.mixed
    assert mixing.memory < 0.1


@pytest.mark.parametrize(("beta", "burn_in"), [(1.5, 2), (9.0, 60)])
def test_short_burn_in_and_frozen_chains_warn(beta, burn_in):
    couplings = PottsModel.random(PottsTokens(3, 1.0), 100, seed=2).couplings
    model = PottsModel(couplings, 3, beta)
    with pytest.warns(MixingWarning, match=rf"burn_in = {burn_in} .*take more sweeps"):
        sample(model, 200, seed=1, burn_in=burn_in)


def test_exponentials():
    x = np.linspace(-80, 80, 2001)
    for function, precision, scalar in (
        (exponential64, 1e-15, np.float64),
        (exponential32, 3e-7, np.float32),
    ):
        values = np.array([function(scalar(v)) for v in x])
        exact = np.exp(x.astype(scalar).astype(float))
        np.testing.assert_allclose(values, exact, rtol=precision)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples = 0"),
        ({"samples": 2.5}, "samples = 2.5"),
        ({"samples": 2, "burn_in": -1}, "burn_in = -1"),
        ({"samples": 2, "seed": -1}, "seed = -1"),
    ],
)
def test_refusals(tiny_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        sample(tiny_model, **arguments)
