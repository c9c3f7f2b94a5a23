from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from small_models import symmetric

from replica.problem import PottsTokens
from simulations import PottsModel, sample, train
from simulations.estimators.minimiser import Training
from simulations.experiments.measure import Observables


def potts_sequences(colors: int, sites: int, samples: int, seed: int = 0) -> np.ndarray:
    model = PottsModel.random(PottsTokens(colors, 0.5 * colors), sites, seed)
    return sample(model, samples, seed)


def dense_features(tokens: np.ndarray, row: int, values: np.ndarray) -> np.ndarray:
    """Return the inputs U s_j of all sites but one, an array (samples, colors, sites - 1)."""
    return np.delete(values[tokens], row, axis=1).transpose(0, 2, 1)


def other_weights(training, number: int) -> np.ndarray:
    row = training.rows[number]
    assert training.weights[number, row] == 0
    return np.delete(training.weights[number], row)


def test_two_colors_are_logistic_regression():
    sites, lam = 30, 0.05
    tokens = potts_sequences(2, sites, 90)
    training = train(tokens, 2, lam)
    assert training.status == "converged"
    assert training.residuals.max() < 1e-8
    for row in (0, 7, 29):
        # z_1 - z_0 = Σ_j w_j x_j with x_j = ±1.
        inputs = 2.0 * np.delete(tokens, row, axis=1) - 1
        referee = LogisticRegression(
            C=1 / (sites * lam), fit_intercept=False, tol=1e-12, solver="newton-cholesky"
        ).fit(inputs, tokens[:, row])
        np.testing.assert_allclose(other_weights(training, row), referee.coef_[0], atol=1e-5)


@pytest.mark.parametrize("mixing", [False, True])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_minimum_on_dense_features(loss, mixing):
    colors, sites, lam = 3, 12, 0.1
    similarity = symmetric(np.random.default_rng(1), colors) if mixing else None
    values = np.eye(colors) if similarity is None else similarity
    # 29 samples: not a multiple of what the kernel takes together.
    tokens = potts_sequences(colors, sites, 29)
    rows = [11, 0, 4]
    training = train(tokens, colors, lam, loss, similarity, rows)
    assert training.status == "converged"
    np.testing.assert_array_equal(training.rows, rows)

    for number, row in enumerate(rows):
        inputs, targets = dense_features(tokens, row, values), np.eye(colors)[tokens[:, row]]

        def objective(w, inputs=inputs, targets=targets):
            fields = inputs @ w
            if loss == "cross-entropy":
                value = np.log(np.exp(fields).sum(axis=1)) - (targets * fields).sum(axis=1)
            else:
                gap = targets - fields
                value = 0.5 * ((gap - gap.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
            return value.sum() + 0.5 * sites * lam * w @ w

        found = optimize.minimize(objective, np.zeros(sites - 1), tol=1e-9).x
        np.testing.assert_allclose(other_weights(training, number), found, atol=1e-5)


def test_squared_error_is_least_squares():
    colors, sites, lam = 4, 20, 0.02
    tokens = potts_sequences(colors, sites, 40)
    training = train(tokens, colors, lam, "squared-error")
    for row in (3, 19):
        inputs, targets = (
            dense_features(tokens, row, np.eye(colors)),
            np.eye(colors)[tokens[:, row]],
        )
        inputs = inputs - inputs.mean(axis=1, keepdims=True)
        targets = targets - targets.mean(axis=1, keepdims=True)
        stacked = np.vstack(
            [inputs.reshape(-1, sites - 1), np.eye(sites - 1) * (sites * lam) ** 0.5]
        )
        right = np.append(targets.ravel(), np.zeros(sites - 1))
        exact = np.linalg.lstsq(stacked, right, rcond=None)[0]
        np.testing.assert_allclose(other_weights(training, row), exact, atol=1e-12)


def test_squared_error_without_decay_and_few_samples_is_the_shortest_interpolation():
    tokens = potts_sequences(3, 20, 5)
    limit = train(tokens, 3, 1e-9, "squared-error")
    ridgeless = train(tokens, 3, 0.0, "squared-error")
    assert ridgeless.status == "converged"
    np.testing.assert_allclose(ridgeless.weights, limit.weights, atol=1e-5)


def test_separable_data_without_decay_diverge():
    training = train(potts_sequences(3, 40, 20), 3, 0.0)
    assert training.status == "diverged"
    assert training.evaluations.max() < 100
    assert np.isfinite(training.weights).all()


@pytest.mark.parametrize("lam", [1e-16, 1e-12, 1e-8, 1e-4])
@pytest.mark.parametrize("samples", [1, 12, 80])
def test_what_converges_is_the_minimum_for_small_decay_too(samples, lam):
    """Separable data, whose gradients vanish long before, by Newton steps of bounded length."""
    tokens = potts_sequences(2, 20, samples)
    training = train(tokens, 2, lam, rows=[0, 1])
    if samples != 12 and lam > 1e-16:
        assert training.status == "converged"
    spins = 2.0 * tokens - 1.0
    for number in np.nonzero(training.statuses == "converged")[0]:
        margins = spins[:, [number]] * np.delete(spins, number, axis=1)
        w = np.zeros(19)
        for _ in range(500):
            wrong = expit(-margins @ w)
            slope = 20 * lam * w - margins.T @ wrong
            bend = 20 * lam * np.eye(19) + (margins.T * wrong * (1 - wrong)) @ margins
            step = np.linalg.solve(bend, slope)
            w -= step * min(1.0, 5.0 / np.linalg.norm(step))
        np.testing.assert_allclose(other_weights(training, number), w, rtol=0.01, atol=1e-3)


def test_plenty_of_samples_without_decay_converge():
    training = train(potts_sequences(3, 20, 400), 3, 0.0)
    assert training.status == "converged"
    assert training.residuals.max() < 1e-8


def test_too_few_steps_are_told():
    training = train(potts_sequences(3, 20, 60), 3, 0.1, max_steps=2)
    assert training.status == "max-steps"
    assert training.residuals.max() > 1e-8


def test_rows_do_not_depend_on_which_others_are_trained():
    tokens = potts_sequences(3, 70, 100)
    alone = train(tokens, 3, 0.1, rows=[66])
    together = train(tokens, 3, 0.1)
    np.testing.assert_allclose(alone.weights[0], together.weights[66], rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lam": -0.1}, "lam = -0.1"),
        ({"lam": float("nan")}, "lam = nan"),
        ({"colors": 1}, "colors = 1"),
        ({"colors": 3.0}, "colors = 3.0"),
        ({"loss": "hinge"}, "loss = 'hinge'.*cross-entropy, squared-error"),
        ({"tokens": np.zeros((0, 5), int)}, "tokens = "),
        ({"tokens": np.full((4, 5), 7)}, "tokens = .*values 7 to 7"),
        ({"rows": [5]}, "rows = "),
        ({"rows": [1, 1]}, "rows = "),
        ({"tolerance": 0}, "tolerance = 0"),
        ({"max_steps": 0}, "max_steps = 0"),
        ({"similarity": np.ones((2, 2))}, "similarity = "),
    ],
)
def test_refusals(changes, message):
    arguments = {"tokens": np.zeros((4, 5), int), "colors": 3, "lam": 0.1} | changes
    with pytest.raises(ValueError, match=message):
        train(**arguments)


@pytest.mark.parametrize("kind", [Training, Observables])
@pytest.mark.parametrize("parts", [[], [None], [{"weights": []}]])
def test_nothing_is_not_joined(kind, parts):
    with pytest.raises(ValueError, match=f"^parts = .* a sequence of one {kind.__name__} or more"):
        kind.joined(parts)
