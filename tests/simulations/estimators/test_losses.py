"""Every loss is one class, which knows its derivatives, its minimisation and its limits."""

from dataclasses import replace

import numpy as np
import pytest

from replica.problem import PottsTokens, Problem
from simulations import PottsModel, approximate_message_passing, train
from simulations.estimators import losses
from simulations.estimators.losses import loss_named
from simulations.estimators.squared_error import SquaredError
from simulations.experiments.cost import seconds
from simulations.experiments.experiment import Experiment


class Quartic:
    """A loss of the user's that sees the part of z common to all colours."""

    name = "quartic"

    def expected(self, fields, probabilities):
        return np.sum(probabilities * (fields - 1) ** 4, axis=-1) + np.sum(fields**2, axis=-1)

    def gradient(self, fields, probabilities):
        return 4 * probabilities * (fields - 1) ** 3 + 2 * fields


LOSSES = ("cross-entropy", "squared-error", Quartic())


@pytest.fixture
def drawn():
    rng = np.random.default_rng(11)
    tokens = rng.integers(4, size=(6, 5))
    return rng.standard_normal((6, 5, 4)), tokens, np.eye(4)[tokens]


@pytest.mark.parametrize("loss", LOSSES)
def test_each_order_of_derivatives_is_the_difference_of_the_one_before(loss, drawn):
    known, (fields, tokens, seen) = loss_named(loss), drawn
    step = 1e-5 * np.eye(4)
    for a in range(4):
        up, down = fields + step[a], fields - step[a]
        change = (known.expected(up, seen) - known.expected(down, seen)) / 2e-5
        np.testing.assert_allclose(known.gradient(fields, seen)[..., a], change, atol=1e-7)
        change = (known.gradient(up, seen) - known.gradient(down, seen)) / 2e-5
        # The user's curvature is itself a difference, over 2e-3.
        np.testing.assert_allclose(known.curvature(fields, seen)[..., a], change, atol=2e-5)
    levels = np.linalg.eigvalsh(known.curvature(fields, seen))
    least = levels[..., 0 if known.sees_common_part(4) else 1]
    assert np.all(known.flattest(fields, tokens) <= least + 1e-9)
    assert np.all(known.flattest(fields, tokens) > 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_best_predictor_reaches_is_known_or_not_a_number(loss):
    known, probabilities = loss_named(loss), np.array([0.2, 0.3, 0.5])
    least = known.optimum(probabilities)
    if loss not in ("cross-entropy", "squared-error"):
        assert np.isnan(least)
        return
    rng = np.random.default_rng(3)
    best = np.log(probabilities) if loss == "cross-entropy" else probabilities
    np.testing.assert_allclose(known.expected(best, probabilities), least, rtol=1e-14)
    assert np.all(known.expected(best + 0.1 * rng.standard_normal((50, 3)), probabilities) > least)


class Scaled(SquaredError):
    """Half the squared error: one class more, in a file of its own, and a line in the table."""

    name = "half"

    def expected(self, fields, probabilities):
        return super().expected(fields, probabilities) / 2

    def minimise(self, rows, tolerance, max_steps):
        return super().minimise(replace(rows, decay=2 * rows.decay), tolerance, max_steps)


def test_a_loss_is_added_by_a_class_and_a_line(monkeypatch):
    monkeypatch.setitem(losses._LOSSES, "half", Scaled())
    tokens = np.random.default_rng(1).integers(3, size=(40, 8)).astype(np.uint8)
    half, whole = train(tokens, 3, 0.1, "half"), train(tokens, 3, 0.2, "squared-error")
    np.testing.assert_array_equal(half.weights, whole.weights)
    assert half.status == "converged"


def passing(loss):
    rng = np.random.default_rng(0)
    couplings = np.triu(rng.standard_normal((8, 8)), 1) / 4
    model = PottsModel(couplings + couplings.T, 3, 0.3)
    tokens = rng.integers(3, size=(30, 8)).astype(np.uint8)
    return approximate_message_passing(model, tokens, 0.1, loss, steps=3)


class Tripled:
    """Three times the squared error, whose steps are not those of the squared error."""

    name = "tripled"

    def expected(self, fields, probabilities):
        return 3 * SquaredError().expected(fields, probabilities)

    def gradient(self, fields, probabilities):
        return 3 * SquaredError().gradient(fields, probabilities)


@pytest.mark.parametrize("loss", [Quartic(), Tripled()])
def test_message_passing_refuses_a_loss_without_a_proximal_step(loss):
    """It took the step of the squared error for the user's."""
    with pytest.raises(ValueError, match=rf"loss = '{loss.name}' .*proximal step is known"):
        passing(loss)
    assert np.isfinite(passing("squared-error").q).all()


def test_the_time_of_a_minimisation_is_told_for_losses_of_the_users_too():
    """They take as many evaluations as the cross-entropy, not the two of a linear system."""

    class Described:
        name = "quartic"

        def value(self, h):
            raise AssertionError("the theory's loss was asked")

        prox = value

    def told(loss, own=None):
        problem = Problem(2.0, 0.1, PottsTokens(3, 0.5), loss)
        return seconds(Experiment((problem,), 20, own_loss=own))

    assert told("squared-error") < told("cross-entropy") == told(Described(), Quartic())
