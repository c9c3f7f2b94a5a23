"""Rows trained with masks: against minima of sums over masks, written out and found by scipy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import logsumexp

from replica import Masking
from simulations.estimators.masked import train_masked
from simulations.estimators.minimiser import train
from simulations.sequences.masks import masks

RNG = np.random.default_rng(5)
TOKENS = RNG.integers(3, size=(60, 7)).astype(np.uint8)
U = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, -0.2], [0.0, -0.2, 2.0]])
LOSSES = ("cross-entropy", "squared-error")


def examples(tokens, row, similarity, kept):
    """Inputs U s_j (examples, sites, colours) and answers, of kept (examples, samples, sites)."""
    colors = len(similarity)
    shown = np.vstack([np.eye(colors), np.zeros(colors)])[tokens] @ similarity
    shown[:, row] = 0.0
    inputs = kept[..., None] * shown
    answers = np.broadcast_to(np.eye(colors)[tokens[:, row]], (*kept.shape[:2], colors))
    return inputs, answers


def minimum(inputs, answers, weights, decay, loss, bias=False):
    """w, and b, at the minimum of Σ weight ℓ + (decay/2) |w|², and the mean loss there."""
    sites, colors = inputs.shape[-2:]

    def parts(x):
        h = np.einsum("j,kmjc->kmc", x[:sites], inputs)
        if bias:
            h = h + x[sites:]
        if loss == "cross-entropy":
            value = logsumexp(h, axis=-1) - (answers * h).sum(axis=-1)
            return value, np.exp(h - logsumexp(h, axis=-1)[..., None]) - answers
        gap = h - answers
        gap = gap - gap.mean(axis=-1, keepdims=True)
        return 0.5 * (gap**2).sum(axis=-1), gap

    def objective(x):
        value, slope = parts(x)
        down = np.einsum("km,kmc,kmjc->j", weights, slope, inputs) + decay * x[:sites]
        if bias:
            # A bias common to all colours changes nothing: zero.
            down = np.append(down, np.einsum("km,kmc->c", weights, slope) + x[sites:].sum())
        more = 0.5 * x[sites:].sum() ** 2
        return (weights * value).sum() + 0.5 * decay * x[:sites] @ x[:sites] + more, down

    start = np.zeros(sites + colors * bias)
    x = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10}).x
    return x[:sites], x[sites:], (weights * parts(x)[0]).sum() / weights.sum()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("similarity", [None, U], ids=["identity", "similarity"])
def test_static_masks(loss, similarity, bias):
    masking, lam = Masking(0.3, "static", 4), 0.2
    found, losses = train_masked(
        TOKENS, 3, lam, masking, loss, similarity, [2, 5], seed=8, bias=bias
    )
    hidden = masks(60, 7, masking, 8)
    values = np.eye(3) if similarity is None else similarity
    for number, row in enumerate([2, 5]):
        inputs, answers = examples(TOKENS, row, values, ~hidden)
        counts = hidden[:, :, row] / (masking.rate * masking.draws)
        w, b, train_loss = minimum(inputs, answers, counts, 7 * lam, loss, bias)
        assert np.allclose(found.weights[number], w, atol=1e-6)
        assert losses[number] == pytest.approx(train_loss, rel=1e-6)
        if bias:
            assert np.allclose(found.bias[number], b, atol=1e-6)
    assert found.status == "converged"


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("similarity", [None, U], ids=["identity", "similarity"])
def test_the_squared_error_is_averaged_over_all_masks(similarity, bias):
    p, lam, row = 0.3, 0.2, 2
    tokens = TOKENS.copy()
    # A token may be missing, too.
    tokens[::3, 4] = 3
    found, losses = train_masked(
        tokens, 3, lam, Masking(p), "squared-error", similarity, [row], bias=bias
    )
    kept = np.array(list(product([0, 1], repeat=6)))
    chances = np.prod(np.where(kept, 1 - p, p), axis=1)
    kept = np.insert(kept, row, 0, axis=1)[:, None] * np.ones((60, 1))
    values = np.eye(3) if similarity is None else similarity
    inputs, answers = examples(tokens, row, values, kept)
    weights = np.repeat(chances[:, None], 60, axis=1)
    w, b, train_loss = minimum(inputs, answers, weights, 7 * lam, "squared-error", bias)
    assert np.allclose(found.weights[0], w, atol=1e-8)
    assert losses[0] == pytest.approx(train_loss, rel=1e-10)
    if bias:
        assert np.allclose(found.bias[0], b, atol=1e-8)


@pytest.mark.parametrize("colors", [2, 5])
def test_dynamic_masks_and_the_squared_error_are_ridge_regression(colors):
    p, lam = 0.35, 0.03
    tokens = RNG.integers(colors, size=(40, 20)).astype(np.uint8)
    found, _ = train_masked(tokens, colors, lam, Masking(p), "squared-error")
    lam_eff = lam + 2.0 * p * (1 - p) * (colors - 1) / colors
    ridge = train(tokens, colors, lam_eff / (1 - p) ** 2, "squared-error")
    assert np.allclose((1 - p) * found.weights, ridge.weights, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("similarity", [None, np.array([[1.0, 0.2], [0.2, 0.4]])])
def test_the_smoothed_loss_of_two_colours(similarity):
    """By adaptive integrals over the difference of the two fields."""
    p, lam, row = 0.4, 0.1, 1
    tokens = np.minimum(TOKENS[:12], 1)
    found, losses = train_masked(tokens, 2, lam, Masking(p), "cross-entropy", similarity, [row])
    values = np.eye(2) if similarity is None else similarity
    side = np.where(tokens[:, row] == 0, 1.0, -1.0)[:, None]
    along = side * (values[0] - values[1])[tokens]
    along[:, row] = 0.0

    def average(mean, deviation):
        def integrand(x):
            return np.exp(-x * x / 2) * np.logaddexp(0.0, -mean - deviation * x)

        return quad(integrand, -12, 12, epsabs=1e-12)[0] / np.sqrt(2 * np.pi)

    def losses_of(w):
        moments = zip((1 - p) * along @ w, np.sqrt(p * (1 - p) * along**2 @ w**2), strict=True)
        return np.array([average(*pair) for pair in moments])

    def objective(w):
        return losses_of(w).sum() + 3.5 * lam * w @ w

    w = found.weights[0]
    assert losses[0] == pytest.approx(losses_of(w).mean(), rel=1e-9)
    steps = 1e-4 * np.delete(np.eye(7), row, axis=0)
    slopes = [(objective(w + step) - objective(w - step)) / 2e-4 for step in steps]
    assert np.abs(slopes).max() < 1e-6
    assert found.status == "converged"


def test_the_smoothed_loss_of_many_colours_and_its_derivatives():
    """Against averages over Gaussian numbers, with the opposite of each.

    All 12 means are within five standard errors but for one of 10⁵ seeds.
    """
    p, lam, row, rng = 0.4, 0.1, 2, np.random.default_rng(2)
    tokens = rng.integers(5, size=(30, 12)).astype(np.uint8)
    found, losses = train_masked(tokens, 5, lam, Masking(p), rows=[row], seed=4)
    w, half = found.weights[0], rng.standard_normal((4000, 12))
    shown, answers = np.eye(5)[tokens], np.eye(5)[tokens[:, row]]
    value, slope = [], []
    for noise in (half, -half):
        factor = 1 - p + np.sqrt(p * (1 - p)) * noise
        h = np.einsum("kj,mjc->kmc", w * factor, shown, optimize=True)
        normaliser = logsumexp(h, axis=-1)
        value.append((normaliser - (answers * h).sum(axis=-1)).mean(axis=1))
        gap = np.exp(h - normaliser[..., None]) - answers
        slope.append(np.einsum("kmc,mjc->kj", gap, shown, optimize=True) * factor)
    slopes = np.delete(np.mean(slope, axis=0) + 12 * lam * w, row, axis=1)
    every = np.column_stack([np.mean(value, axis=0) - losses[0], slopes])
    errors = every.std(axis=0) / np.sqrt(len(every))
    assert np.all(np.abs(every.mean(axis=0)) < 5 * errors)
    # They would tell other noise, and none.
    assert errors[0] < 1e-3
    assert errors[1:].max() < 0.05 * np.abs(12 * lam * w).max()


def exact(tokens, row, p, decay):
    """w at the minimum of the cross-entropy averaged over all masks of the other sites."""
    kept = np.array(list(product([0, 1], repeat=tokens.shape[1] - 1)))
    chances = np.prod(np.where(kept, 1 - p, p), axis=1)
    kept = np.insert(kept, row, 0, axis=1)[:, None]
    kept = np.broadcast_to(kept, (len(kept), *tokens.shape))
    inputs, answers = examples(tokens, row, np.eye(2), kept)
    weights = np.repeat(chances[:, None], len(tokens), axis=1)
    return minimum(inputs, answers, weights, decay, "cross-entropy")


def test_draws_and_smoothed_losses_approach_the_average_over_all_masks():
    """Many draws lead to it; the smoothed loss is near it with ten tokens only, and |w| is."""
    p, lam, rng = 0.3, 0.1, np.random.default_rng(7)
    tokens = rng.integers(2, size=(20, 10)).astype(np.uint8)
    w, _, train_loss = exact(tokens, 0, p, 10 * lam)
    distances = []
    for draws in (4, 64, 1024):
        masking = Masking(p, "static", draws)
        found, losses = train_masked(tokens, 2, lam, masking, rows=[0], seed=3)
        distances.append(np.linalg.norm(found.weights[0] - w) / np.linalg.norm(w))
    assert distances[0] > 2 * distances[1] > 4 * distances[2]
    assert distances[2] < 0.05
    assert losses[0] == pytest.approx(train_loss, rel=0.02)
    smooth, losses = train_masked(tokens, 2, lam, Masking(p), rows=[0])
    assert np.allclose(smooth.weights[0], w, rtol=0.03, atol=0.02)
    assert losses[0] == pytest.approx(train_loss, rel=0.005)


def test_masks_give_separable_sequences_a_minimiser():
    rng = np.random.default_rng(1)
    tokens = rng.integers(2, size=(12, 20)).astype(np.uint8)
    assert train(tokens, 2, 0.0, rows=[0]).status == "diverged"
    found, losses = train_masked(tokens, 2, 0.0, Masking(0.2), rows=[0])
    assert found.status == "converged"
    assert losses[0] > 0.05
    assert train_masked(tokens, 2, 0.0, Masking(0.2, "static"), rows=[0])[0].status == "diverged"
    # A token that is always the masked one never misleads, whatever is hidden.
    tokens[:, 3] = tokens[:, 0]
    assert train_masked(tokens, 2, 0.0, Masking(0.2), rows=[0])[0].status == "diverged"
    assert train_masked(tokens, 2, 0.1, Masking(0.2), rows=[0])[0].status == "converged"


def test_without_its_masks_a_row_is_untrained():
    masking = Masking(1e-6, "static")
    found, losses = train_masked(TOKENS, 3, 0.1, masking, rows=[0, 1], bias=True)
    assert found.status == "converged"
    assert not found.weights.any()
    assert not found.bias.any()
    assert np.isnan(losses).all()


def test_hardly_any_masks_are_none():
    for loss in LOSSES:
        found, _ = train_masked(TOKENS, 3, 0.1, Masking(1e-12), loss)
        bare = train(TOKENS, 3, 0.1, loss)
        assert np.allclose(found.weights, bare.weights, rtol=0, atol=1e-7)


def test_refusals():
    class Own:
        name = "own"

        def expected(self, fields, probabilities):
            return 0.5 * ((fields - probabilities) ** 2).sum(axis=-1)

        def gradient(self, fields, probabilities):
            return fields - probabilities

    with pytest.raises(ValueError, match=r"^masking = 'dynamic:0.2' is not allowed: .*static"):
        train_masked(TOKENS, 3, 0.1, Masking(0.2), Own())
    own, _ = train_masked(TOKENS, 3, 0.1, Masking(0.2, "static", 3), Own(), rows=[1])
    assert own.status == "converged"
    with pytest.raises(ValueError, match=r"^colors = 256 is not allowed: colors must be 255"):
        train_masked(TOKENS, 256, 0.1, Masking(0.2, "static"))
    with pytest.raises(ValueError, match="rows must be sites whose tokens are all known"):
        train_masked(TOKENS, 2, 0.1, Masking(0.2, "static"), rows=[0])
