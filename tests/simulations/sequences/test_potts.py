from __future__ import annotations

import numpy as np
import pytest
from small_models import random_model, symmetric

from replica.problem import PottsTokens
from simulations import PottsModel


@pytest.fixture
def tiny_model() -> PottsModel:
    return random_model(5)


def energy_by_hand(model: PottsModel, state: np.ndarray) -> float:
    energy = 0.0
    for i in range(model.sites):
        for j in range(model.sites):
            energy -= 0.5 * model.couplings[i, j] * model.values[state[i], state[j]]
        if model.site_fields is not None:
            energy -= model.site_fields[i, state[i]]
    return energy


@pytest.mark.parametrize("pulled", [False, True])
def test_energies(pulled):
    model = random_model(5, pulled=pulled)
    states, probabilities = model.enumerate()
    expected = np.array([energy_by_hand(model, state) for state in states])
    np.testing.assert_allclose(model.energies(states), expected, rtol=0, atol=1e-13)
    weights = np.exp(-model.beta * expected)
    np.testing.assert_allclose(probabilities, weights / weights.sum(), rtol=1e-12)


def test_one_field_for_all_sites(tiny_model):
    field = np.array([0.3, -1.0, 0.0])
    one = PottsModel(tiny_model.couplings, 3, 0.8, fields=field)
    each = PottsModel(tiny_model.couplings, 3, 0.8, fields=np.tile(field, (4, 1)))
    states, probabilities = one.enumerate()
    np.testing.assert_array_equal(probabilities, each.enumerate()[1])
    np.testing.assert_array_equal(one.site_fields, each.site_fields)
    pull = one.fields(states) - PottsModel(tiny_model.couplings, 3, 0.8).fields(states)
    np.testing.assert_allclose(pull, np.broadcast_to(0.8 * field, pull.shape), atol=1e-15)
    with pytest.raises(ValueError, match="read-only"):
        one.site_fields[0] = 0.0


@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("mixing", [True, False])
def test_conditionals_are_those_of_the_enumeration(mixing, pulled):
    model = random_model(7, mixing=mixing, pulled=pulled)
    states, probabilities = model.enumerate()
    joint = probabilities.reshape((model.colors,) * model.sites)
    conditionals = model.conditionals(states)
    for i in range(model.sites):
        exact = np.moveaxis(joint / joint.sum(axis=i, keepdims=True), i, -1)
        # The row of a state is picked by its other tokens.
        others = tuple(np.delete(states, i, axis=1).T)
        np.testing.assert_allclose(conditionals[:, i], exact[others], rtol=1e-12)


def test_single_site_draws_obey_detailed_balance(tiny_model):
    states, probabilities = tiny_model.enumerate()
    conditionals = tiny_model.conditionals(states)
    index = {tuple(state): k for k, state in enumerate(states.tolist())}
    for k, state in enumerate(states):
        for i in range(tiny_model.sites):
            for color in range(tiny_model.colors):
                other = state.copy()
                other[i] = color
                n = index[tuple(other.tolist())]
                forth = probabilities[k] * conditionals[k, i, color]
                back = probabilities[n] * conditionals[n, i, state[i]]
                assert forth == pytest.approx(back, rel=1e-12)


def test_rows_pick_sites(tiny_model):
    states, _ = tiny_model.enumerate()
    np.testing.assert_array_equal(
        tiny_model.fields(states, [2, 0]), tiny_model.fields(states)[:, [2, 0]]
    )


def test_theory_ensemble():
    model = PottsModel.random(PottsTokens(3, 1.5), 400, seed=1)
    upper = model.couplings[np.triu_indices(400, 1)] * 20
    # 79800 normal numbers: mean and variance are off by four standard errors, once in 10^4.
    assert abs(upper.mean()) < 4 / np.sqrt(upper.size)
    assert abs(upper.var() - 1) < 4 * np.sqrt(2 / upper.size)
    np.testing.assert_array_equal(model.couplings, model.couplings.T)
    assert not np.diagonal(model.couplings).any()


def test_models_are_immutable(tiny_model):
    with pytest.raises(AttributeError):
        tiny_model.beta = 2.0
    with pytest.raises(ValueError, match="read-only"):
        tiny_model.couplings[0, 1] = 1.0


def bad_models() -> dict[str, tuple]:
    rng = np.random.default_rng(0)
    good = symmetric(rng, 4, hollow=True)
    asymmetric, diagonal, infinite = good.copy(), good.copy(), good.copy()
    asymmetric[0, 1] += 1e-6
    diagonal[1, 1] = 1.0
    infinite[0, 1] = infinite[1, 0] = np.inf
    return {
        "couplings = .*symmetric": (asymmetric, 3, 1.0),
        "couplings = .*zero diagonal": (diagonal, 3, 1.0),
        "couplings = .*finite numbers": (infinite, 3, 1.0),
        "couplings = .*square": (good[:3], 3, 1.0),
        "sites = 2": (good[:2, :2], 3, 1.0),
        "colors = 1": (good, 1, 1.0),
        "colors = 2.5": (good, 2.5, 1.0),
        "colors = 257": (good, 257, 1.0),
        "beta = nan": (good, 3, float("nan")),
        "similarity = .*3 x 3": (good, 3, 1.0, np.eye(2)),
        "similarity = .*symmetric": (good, 3, 1.0, np.triu(np.ones((3, 3)))),
        r"fields = .*\(3,\) or \(4, 3\)": (good, 3, 1.0, None, np.zeros((3, 3))),
        "fields = .*finite numbers": (good, 3, 1.0, None, [0.0, np.nan, 0.0]),
        r"beta = 1.0 .*\+ max_iab \|beta \(f_ia - f_ib\)\|": (good, 3, 1.0, None, [0, 1e14, 0]),
    }


@pytest.mark.parametrize(("message", "arguments"), bad_models().items(), ids=str)
def test_refusals(message, arguments):
    with pytest.raises(ValueError, match=message):
        PottsModel(*arguments)


def test_large_systems_are_not_enumerated():
    with pytest.raises(ValueError, match="1000000"):
        PottsModel.random(PottsTokens(3, 1.0), 13).enumerate()


@pytest.mark.parametrize("tokens", [np.full((2, 4), 3), np.zeros((2, 5), int), np.zeros((2, 4))])
def test_wrong_tokens_are_refused(tiny_model, tokens):
    with pytest.raises(ValueError, match="tokens = 'array"):
        tiny_model.energies(tokens)
