"""The best temperature of logits, against a general minimiser and where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from replica.problem import PottsTokens, Problem
from simulations import PottsModel, measure, sample, simulate, train
from simulations.estimators.cross_entropy import CrossEntropy
from simulations.estimators.squared_error import SquaredError
from simulations.estimators.temperature import calibrated_by, coldness

RNG = np.random.default_rng(0)


def loss_at(b, z, truth, share=None):
    return np.average(logsumexp(b * z, axis=1) - (truth * b * z).sum(axis=1), weights=share)


@pytest.mark.parametrize("samples", [40, 900, 3000])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_a_general_minimiser(samples, weighted):
    x = RNG.normal(size=(samples, 4, 3))
    z = x * np.array([0.1, 1.0, 5.0, 40.0])[:, None]
    truth = softmax(RNG.normal(size=z.shape) + x, axis=-1)
    share = RNG.uniform(0, 1, samples) if weighted else None
    b, loss = coldness(z, truth, share)
    for row in range(4):
        found = minimize_scalar(
            loss_at, (1e-4, 20), args=(z[:, row], truth[:, row], share),
            method="bounded", bounds=(0, 60), options={"xatol": 1e-11},
        )  # fmt: skip
        assert b[row] == pytest.approx(found.x, rel=1e-5)
        assert loss[row] == pytest.approx(found.fun, rel=1e-9)


def test_logits_of_a_known_law_have_its_temperature():
    # 200000 tokens of softmax(z/2.5): the standard error of T is 0.01.
    z = 3 * RNG.normal(size=(200_000, 1, 3))
    law = softmax(z / 2.5, axis=-1)
    T, loss = calibrated_by(CrossEntropy(), z, law)
    assert T[0] == pytest.approx(2.5, rel=1e-5)
    assert loss[0] == pytest.approx(-(law * np.log(law)).sum(axis=-1).mean(), rel=1e-9)
    drawn = (law.cumsum(axis=-1) < RNG.random((200_000, 1, 1))).sum(axis=-1)
    assert coldness(z, np.eye(3)[drawn])[0][0] == pytest.approx(1 / 2.5, rel=0.02)


def test_logits_that_help_nothing_or_are_always_right():
    z = RNG.normal(size=(50, 3, 3))
    truth = np.eye(3)[z.argmax(axis=-1)]
    truth[:, 1] = np.eye(3)[z.argmin(axis=-1)[:, 1]]
    z[:, 2] = 0.0
    T, loss = calibrated_by(CrossEntropy(), z, truth)
    assert T.tolist() == [0.0, np.inf, np.inf]
    np.testing.assert_allclose(loss, [0.0, np.log(3), np.log(3)], atol=1e-12)
    assert np.isnan(calibrated_by(SquaredError(), z, truth)).all()


def test_what_is_measured_of_rows():
    model = PottsModel.random(PottsTokens(3, 1.5), 14, 0)
    tokens, fresh = sample(model, 28, 1), sample(model, 300, 2)
    rows = train(tokens, 3, 0.02, rows=[0, 9])
    found = measure(model, rows, tokens, fresh, "cross-entropy")
    for number, row in enumerate((0, 9)):
        z = rows.weights[number] @ np.eye(3)[fresh]
        truth = softmax(model.teacher[row] @ np.eye(3)[fresh], axis=-1)
        best = minimize_scalar(loss_at, (0.1, 2), args=(z, truth), options={"xtol": 1e-10})
        assert found.temperature[number] == pytest.approx(1 / best.x, rel=1e-5)
        assert found.calibrated_loss[number] == pytest.approx(best.fun, rel=1e-8)
    assert np.all(found.calibrated_loss < found.test_loss)
    assert np.isnan(measure(model, rows, tokens, fresh, "squared-error").temperature).all()


def test_a_line_averages_inverse_temperatures():
    line = simulate(Problem(2.0, 0.1, PottsTokens(3, 1.5)), 12, 3, rows=5, test_samples=60)
    assert 1 < line["temperature"] < 4
    assert line["temperature_stderr"] > 0
    assert line["optimal_loss"] < line["calibrated_loss"] < line["test_loss"]
    # Independent uniform tokens teach nothing; what the row of one data set knows is chance.
    alone = simulate(Problem(2.0, 0.1, PottsTokens(3, 0.0)), 12, 3, rows=1, test_samples=60)
    assert alone["calibrated_loss"] == pytest.approx(np.log(3), abs=1e-9)
    assert np.isnan(alone["temperature"])
    assert "temperature" not in simulate(
        Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error"), 12, 3, rows=2, test_samples=60
    )
