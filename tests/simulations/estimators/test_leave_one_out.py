"""Rows without held-out sequences, against refitting without each and against fresh sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from scipy import optimize
from scipy.special import logsumexp, softmax
from small_models import symmetric

from replica.problem import PottsTokens
from simulations import PottsModel, leave_one_out, measure, sample, train
from simulations.estimators.leave_one_out import LeftOut
from simulations.estimators.missing import left_out_with_missing, train_with_missing


def potts_sequences(colors: int, sites: int, samples: int, seed: int = 0) -> np.ndarray:
    model = PottsModel.random(PottsTokens(colors, 0.5 * colors), sites, seed)
    return sample(model, samples, seed)


def refitted(tokens, colors, lam, row, loss="cross-entropy", similarity=None, bias=False):
    """Return the logits of every sequence from rows trained without it, and its tokens."""
    U = np.eye(colors) if similarity is None else np.asarray(similarity)
    logits = []
    for left in range(len(tokens)):
        rest = np.delete(tokens, left, axis=0)
        # With a small tolerance: differences of single sequences are compared.
        found = train(rest, colors, lam, loss, similarity, [row], 1e-10, bias=bias)
        z = found.weights[0] @ U[tokens[left]]
        logits.append(z if found.bias is None else z + found.bias[0])
    return np.array(logits), tokens[:, row]


def cross_entropy(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]


def best_temperature(logits: np.ndarray, y: np.ndarray) -> float:
    found = optimize.minimize_scalar(
        lambda b: cross_entropy(b * logits, y).mean(), bounds=(1e-3, 10), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    return 1 / found.x


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("mixing", [False, True])
@pytest.mark.parametrize("samples", [13, 40])
def test_squared_errors_are_those_of_refitting(samples, mixing, bias):
    # One Newton step is exact, with fewer sequences than weights and with more.
    colors, lam, rows = 3, 0.05, [4, 0]
    tokens = potts_sequences(colors, 15, samples)
    similarity = symmetric(np.random.default_rng(1), colors) if mixing else None
    training = train(tokens, colors, lam, "squared-error", similarity, rows, bias=bias)
    found = leave_one_out(training, tokens, colors, lam, "squared-error", similarity)
    for number, row in enumerate(rows):
        how = tokens, colors, lam, row, "squared-error", similarity, bias
        z, y = refitted(*how)
        centred = np.eye(colors)[y] - 1 / colors - (z - z.mean(axis=1, keepdims=True))
        assert found.test_loss[number] == pytest.approx(0.5 * (centred**2).sum(axis=1).mean())
        assert found.error_rate[number] == pytest.approx(np.mean(z.argmax(axis=1) != y))
    assert np.isnan(found.temperature).all()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("colors", [2, 4])
def test_cross_entropy_is_near_that_of_refitting(colors, bias):
    # What one Newton step leaves is of second order in the share of a sequence.
    lam, sites, samples = 0.1, 20, 60
    tokens = potts_sequences(colors, sites, samples, 1)
    training = train(tokens, colors, lam, rows=[3], bias=bias)
    found = leave_one_out(training, tokens, colors, lam)
    z, y = refitted(tokens, colors, lam, 3, bias=bias)
    exact = cross_entropy(z, y).mean()
    h = training.weights[0] @ np.eye(colors)[tokens]
    inside = cross_entropy(h if training.bias is None else h + training.bias[0], y).mean()
    assert exact - inside > 0.2
    assert found.test_loss[0] == pytest.approx(exact, abs=0.02 * (exact - inside))
    assert found.error_rate[0] == pytest.approx(np.mean(z.argmax(axis=1) != y), abs=0.02)
    assert found.temperature[0] == pytest.approx(best_temperature(z, y), rel=0.03)


@dataclass(frozen=True)
class Smoothed:
    """Cross-entropy of a target of which a fifth is spread over all colours."""

    name: ClassVar[str] = "smoothed"

    def expected(self, z, p):
        return logsumexp(z, axis=-1) - ((0.8 * p + 0.2 / z.shape[-1]) * z).sum(axis=-1)

    def gradient(self, z, p):
        return softmax(z, axis=-1) - (0.8 * p + 0.2 / z.shape[-1])


def test_a_loss_of_the_users():
    tokens, loss = potts_sequences(3, 16, 40, 2), Smoothed()
    training = train(tokens, 3, 0.1, loss, rows=[5])
    found = leave_one_out(training, tokens, 3, 0.1, loss)
    z, y = refitted(tokens, 3, 0.1, 5, loss)
    assert found.test_loss[0] == pytest.approx(loss.expected(z, np.eye(3)[y]).mean(), abs=3e-3)
    assert np.isnan(found.temperature[0])


def test_missing_tokens():
    rng = np.random.default_rng(3)
    tokens = potts_sequences(3, 14, 18, 3)
    tokens[:, 1:][rng.random((18, 13)) < 0.15] = 3
    found = {}
    for loss in ("squared-error", "cross-entropy"):
        how = 3, 0.1, loss, None, [0]
        found[loss] = left_out_with_missing(train_with_missing(tokens, *how), tokens, *how[:4])
        logits = []
        for left in range(len(tokens)):
            rest = train_with_missing(np.delete(tokens, left, axis=0), *how)
            logits.append(rest.weights[0] @ np.eye(4)[:, :3][tokens[left]])
        z, y = np.array(logits), tokens[:, 0]
        wrong = np.mean(z.argmax(axis=1) != y)
        if loss == "squared-error":
            gap = np.eye(3)[y] - 1 / 3 - (z - z.mean(axis=1, keepdims=True))
            exact = 0.5 * (gap**2).sum(axis=1).mean()
            assert found[loss].test_loss[0] == pytest.approx(exact, rel=1e-6)
            assert found[loss].error_rate[0] == pytest.approx(wrong)
        else:
            assert found[loss].test_loss[0] == pytest.approx(cross_entropy(z, y).mean(), abs=0.02)
            assert found[loss].error_rate[0] == pytest.approx(wrong, abs=0.03)
            assert found[loss].temperature[0] == pytest.approx(best_temperature(z, y), rel=0.05)


def test_weights_are_those_of_means():
    tokens = potts_sequences(3, 15, 40, 4)
    training = train(tokens, 3, 0.1, "squared-error", rows=[2])
    weights = np.random.default_rng(0).uniform(0.1, 1, len(tokens))
    found = leave_one_out(training, tokens, 3, 0.1, "squared-error", weights=weights)
    z, y = refitted(tokens, 3, 0.1, 2, "squared-error")
    gap = np.eye(3)[y] - 1 / 3 - (z - z.mean(axis=1, keepdims=True))
    losses = 0.5 * (gap**2).sum(axis=1)
    assert found.test_loss[0] == pytest.approx(weights @ losses / weights.sum())
    alike = leave_one_out(
        training, tokens, 3, 0.1, "squared-error", weights=np.full(len(tokens), 7)
    )
    plain = leave_one_out(training, tokens, 3, 0.1, "squared-error")
    np.testing.assert_allclose(alike.test_loss_stderr, plain.test_loss_stderr, rtol=1e-12)


def test_error_is_spread_and_dependence():
    # Of the squared error the change of a loss by another sequence is exactly known: refit without
    # both. 32 sequences have all coordinates as probes. What is left is of relative order 1/L.
    colors, lam, row, samples = 2, 0.3, 1, 32
    tokens = potts_sequences(colors, 60, samples, 5)
    training = train(tokens, colors, lam, "squared-error", rows=[row])
    found = leave_one_out(training, tokens, colors, lam, "squared-error")
    x = np.delete(2.0 * tokens - 1, row, axis=1) / np.sqrt(2)
    y = (2.0 * tokens[:, row] - 1) / np.sqrt(2)
    decay = lam * tokens.shape[1] * np.eye(x.shape[1])

    def residual(left, *without):
        """Return the residual of a sequence, by regression without it and some others."""
        keep = np.delete(np.arange(samples), [left, *without])
        w = np.linalg.solve(x[keep].T @ x[keep] + decay, x[keep].T @ y[keep])
        return y[left] - x[left] @ w

    alone = np.array([residual(mu) for mu in range(samples)])
    losses = 0.5 * alone**2
    delta = np.zeros((samples, samples))
    for mu in range(samples):
        for nu in range(samples):
            if mu != nu:
                without = residual(mu, nu)
                # To first order in the change of the residual, from either side.
                delta[mu, nu] = (alone[mu] - without) * (alone[mu] + without) / 2
    spread = samples / (samples - 1) * np.sum((losses - losses.mean()) ** 2)
    exact = np.sqrt(spread + np.sum(delta * delta.T)) / samples
    assert np.sum(delta * delta.T) > 0.05 * spread
    assert found.test_loss[0] == pytest.approx(losses.mean())
    assert found.test_loss_stderr[0] == pytest.approx(exact, rel=0.02)


def test_fresh_sequences():
    # 16 data sets of ten rows each: distances in standard errors have variance one, by chance
    # within 0.5 for the 160 losses (less for each quantity as rows share sequences), and means
    # are within 3.5 standard errors of them.
    colors, sites, samples, lam = 3, 40, 80, 0.1
    names, off, scaled, means = ("test_loss", "error_rate"), [], [], []
    model = PottsModel.random(PottsTokens(colors, 1.5), sites, 7)
    fresh = sample(model, 3000, 99)
    for seed in range(16):
        tokens = sample(model, samples, seed)
        training = train(tokens, colors, lam, rows=range(10))
        found = leave_one_out(training, tokens, colors, lam)
        truth = measure(model, training, tokens, fresh, "cross-entropy")
        gaps = [getattr(found, name) - getattr(truth, name) for name in names]
        errors = [getattr(found, f"{name}_stderr") for name in names]
        off.append(gaps)
        scaled.append(np.array(gaps) / errors)
        means.append(
            [
                (found.means[name] - getattr(truth, name).mean()) / found.means[f"{name}_stderr"]
                for name in names
            ]
        )
    bias = np.mean(off, axis=(0, 2))
    error = np.std(np.mean(off, axis=2), axis=0, ddof=1) / np.sqrt(16)
    assert np.all(np.abs(bias) < 3.5 * error + 0.003)
    assert np.all(np.abs(np.mean(np.square(scaled), axis=(0, 2)) - 1) < 0.5)
    # 16 squares: beyond these by chance once in a thousand.
    assert np.all(np.mean(np.square(means), axis=0) > 0.24)
    assert np.all(np.mean(np.square(means), axis=0) < 2.5)


def test_what_cannot_be_left_out_is_unknown():
    tokens = potts_sequences(3, 30, 10, 6)
    # Every sequence is fitted exactly without weight decay: what it would be alone is not known.
    exact = train(tokens, 3, 0.0, "squared-error", rows=[0, 1])
    assert np.isnan(leave_one_out(exact, tokens, 3, 0.0, "squared-error").test_loss).all()
    none = train(tokens, 3, 0.0, rows=[0])
    assert none.status == "diverged"
    found = leave_one_out(none, tokens, 3, 0.0)
    assert np.isnan([found.test_loss[0], found.test_loss_stderr[0], found.means["test_loss"]]).all()


def test_few_directions_without_weight_decay():
    # Site 4 repeats site 3: the shortest of many minimisers, one direction without curvature.
    tokens = potts_sequences(2, 6, 40, 8)
    tokens[:, 4] = tokens[:, 3]
    training = train(tokens, 2, 0.0, "squared-error", rows=[0])
    found = leave_one_out(training, tokens, 2, 0.0, "squared-error")
    z, y = refitted(tokens, 2, 0.0, 0, "squared-error")
    gap = np.eye(2)[y] - 1 / 2 - (z - z.mean(axis=1, keepdims=True))
    assert found.test_loss[0] == pytest.approx(0.5 * (gap**2).sum(axis=1).mean())


def test_rows_that_know_nothing_add_nothing_to_the_mean_of_inverse_temperatures():
    tokens = np.random.default_rng(0).integers(3, size=(40, 12)).astype(np.uint8)
    found = leave_one_out(train(tokens, 3, 0.05), tokens, 3, 0.05)
    idle = np.isinf(found.temperature)
    assert 0 < idle.sum() < 12
    assert np.isnan(found.temperature_stderr[idle]).all()
    assert found.means["temperature"] == pytest.approx(1 / np.mean(1 / found.temperature))
    assert np.isfinite(found.means["temperature_stderr"])


def test_refusals():
    tokens = potts_sequences(3, 10, 20)
    training = train(tokens, 3, 0.1)
    assert isinstance(leave_one_out(training, tokens, 3, 0.1), LeftOut)
    with pytest.raises(ValueError, match="training"):
        leave_one_out(None, tokens, 3, 0.1)
    with pytest.raises(ValueError, match="training"):
        leave_one_out(training, tokens[:, :9], 3, 0.1)
    with pytest.raises(ValueError, match="tokens"):
        leave_one_out(training, tokens + 1, 3, 0.1)
    for weights in (np.ones(19), np.zeros(20), "many"):
        with pytest.raises(ValueError, match="weights"):
            leave_one_out(training, tokens, 3, 0.1, weights=weights)
    with pytest.raises(ValueError, match="lam"):
        leave_one_out(training, tokens, 3, -0.1)
