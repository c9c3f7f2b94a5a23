from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from smoothed import SmoothedTraining

from replica.problem import PottsTokens, Problem
from simulations import PottsModel, measure, sample, simulate, train


class Square:
    name = "square"

    def expected(self, fields, probabilities):
        centred = fields - fields.mean(axis=-1, keepdims=True)
        gap = ((centred - 2 * probabilities) * centred).sum(axis=-1)
        return 0.5 * (1 - 1 / fields.shape[-1] + gap)

    def gradient(self, fields, probabilities):
        return (fields - fields.mean(axis=-1, keepdims=True)) - (
            probabilities - probabilities.mean(axis=-1, keepdims=True)
        )


SIMILARITY = np.array([[1.0, 0.3, 0.3], [0.3, 1.0, 0.3], [0.3, 0.3, 1.0]])


@pytest.mark.parametrize("similarity", [None, SIMILARITY])
@pytest.mark.parametrize(
    ("own", "loss"), [(SmoothedTraining(), "cross-entropy"), (Square(), "squared-error")]
)
def test_the_built_in_losses_by_hand(own, loss, similarity):
    model = PottsModel.random(PottsTokens(3, 1.5), 30, seed=0)
    tokens, fresh = sample(model, 70, seed=1), sample(model, 200, seed=2)
    options = {"similarity": similarity, "rows": range(6), "tolerance": 1e-10}
    one, other = (train(tokens, 3, 0.1, which, **options) for which in (own, loss))
    assert one.status == "converged"
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-8)
    found, expected = (measure(model, one, tokens, fresh, which) for which in (own, loss))
    for name in ("train_loss", "test_loss", "error_rate", "m", "q"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6)
    assert np.isnan(found.optimal_loss).all()


class Theory(SmoothedTraining):
    """What the theory would take; a simulation that calls it fails."""

    def value(self, h):
        raise AssertionError("the theory's loss was asked")

    prox = expected = gradient = value


def test_a_simulation_never_asks_the_theory():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), Theory(0.1))
    options = {"rows": 3, "test_samples": 50}
    line = simulate(problem, 20, own_loss=SmoothedTraining(0.1), **options)
    assert (line["loss"], line["status"]) == ("smoothed", "converged")
    other = simulate(problem, 20, own_loss=SmoothedTraining(0.3), **options)
    assert other["train_loss"] > line["train_loss"]
    for wrong in (None, SmoothedTraining(name="other")):
        with pytest.raises(ValueError, match=r"own_loss = .* name 'smoothed' of the problem's"):
            simulate(problem, 20, own_loss=wrong, **options)
    with pytest.raises(ValueError, match=r"estimator = 'amp' .* minimiser with a loss of your own"):
        simulate(problem, 20, own_loss=SmoothedTraining(0.1), estimator="amp", **options)


class WrongSlope(SmoothedTraining):
    def gradient(self, fields, probabilities):
        return 1.1 * super().gradient(fields, probabilities)


class WrongShape(SmoothedTraining):
    def expected(self, fields, probabilities):
        return super().expected(fields, probabilities)[..., None]


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (WrongSlope(), "derivative of expected"),
        (WrongShape(), "shape"),
        (3, "cross-entropy, squared-error, or an object"),
    ],
)
def test_a_wrong_loss_is_found_out(loss, told):
    with pytest.raises(ValueError, match=f"loss = .* is not allowed: .*{told}"):
        train(np.zeros((4, 5), dtype=np.uint8), 3, 0.1, loss)


@dataclass(frozen=True)
class Times(SmoothedTraining):
    """The cross-entropy in another unit."""

    a: float = 1.0

    def expected(self, fields, probabilities):
        return self.a * super().expected(fields, probabilities)

    def gradient(self, fields, probabilities):
        return self.a * super().gradient(fields, probabilities)


class Steeper(Times):
    def gradient(self, fields, probabilities):
        return 1.01 * super().gradient(fields, probabilities)


@pytest.mark.parametrize("a", [1e-30, 1e-12, 1e9])
def test_a_loss_in_any_unit(a):
    tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 12, 0), 60, 1)
    expected, found = train(tokens, 3, 0.1), train(tokens, 3, 0.1 * a, Times(a=a))
    assert found.status == "converged"
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-6)
    assert found.evaluations.max() < 40
    with pytest.raises(ValueError, match="derivative of expected"):
        train(tokens, 3, 0.1 * a, Steeper(a=a))


class Spread(SmoothedTraining):
    """Its answers have an axis too many, but for what it is tried with."""

    def expected(self, fields, probabilities):
        found = super().expected(fields, probabilities)
        return found if fields.shape[0] == 5 else found[..., None]


class Flat(SmoothedTraining):
    def gradient(self, fields, probabilities):
        found = super().gradient(fields, probabilities)
        return found if fields.shape[0] == 5 else found[..., :1]


class Guessing(SmoothedTraining):
    def optimum(self, probabilities):
        return np.zeros(probabilities.shape[1:2])


class Covered(SmoothedTraining):
    def gradient(self, fields, probabilities):
        return np.ma.masked_less(super().gradient(fields, probabilities), -0.9)


@pytest.mark.parametrize("loss", [Spread(), Flat(), Guessing(), Covered()])
def test_answers_of_a_wrong_shape_are_refused(loss):
    model = PottsModel.random(PottsTokens(3, 1.5), 12, 0)
    tokens = sample(model, 60, 1)
    with pytest.raises(
        ValueError, match=r"loss must be a loss whose \w+\(\) returns numbers of shape"
    ):
        measure(model, train(tokens, 3, 0.1, loss), tokens, tokens, loss)
