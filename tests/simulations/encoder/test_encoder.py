"""The transformer encoder against NumPy, finite differences and the project's own optimiser."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simulations.epochs.run
from replica.problem import Masking, PottsTokens
from simulations import (
    Encoder,
    EncoderLearning,
    PottsModel,
    Settings,
    TrainedEncoder,
    conditional_entropy,
    fresh_loss,
    fresh_losses,
    learn_encoder,
    sample,
)
from simulations.encoder.learning import masked_loss, shares_loss
from simulations.epochs.checkpoint import load, save
from simulations.epochs.masks import hidden_shares
from simulations.epochs.optimisers import Optimiser, rate_at

jax = pytest.importorskip("jax", reason="JAX, of the extra 'transformer', is not installed")
pytest.importorskip("optax", reason="optax, of the extra 'transformer', is not installed")

# Most of the time goes into compiling, every network anew.
pytestmark = pytest.mark.slow

SMALL = Encoder(layers=2, width=8, heads=2, hidden=12)
# Most of the time goes into compiling, and half as many layers take half of it.
TINY = Encoder(layers=1, width=8, heads=2, hidden=12)
NONE: frozenset = frozenset()


@pytest.fixture(scope="module")
def small():
    model = PottsModel.random(PottsTokens(3, 1.5), 7, 0)
    return model, sample(model, 100, 1), sample(model, 70, 2)


def forward(
    encoder: Encoder, weights: dict, tokens: np.ndarray, site: int, hidden: set | frozenset = NONE
) -> np.ndarray:
    """One sequence, head by head and position by position, every layer at every site."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def norm(name, x):
        spread = math.sqrt(np.mean((x - x.mean()) ** 2) + 1e-5)
        return (x - x.mean()) / spread * w[f"{name}.scale"] + w[f"{name}.shift"]

    def linear(name, x):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    mask = len(w["tokens"]) - 1
    shown = [mask if i == site or i in hidden else int(t) for i, t in enumerate(tokens)]
    stream = [w["tokens"][token] + w["positions"][i] for i, token in enumerate(shown)]
    depth = encoder.width // encoder.heads
    for n in range(encoder.layers):
        seen = [norm(f"{n}.attention.norm", x) for x in stream]
        parts = {
            part: [linear(f"{n}.attention.{part}", x) for x in seen]
            for part in ("query", "key", "value")
        }
        for i in range(len(stream)):
            mixed = []
            for head in range(encoder.heads):
                own = slice(head * depth, (head + 1) * depth)
                scores = [parts["query"][i][own] @ key[own] for key in parts["key"]]
                shares = np.exp(np.array(scores) / math.sqrt(depth))
                shares /= shares.sum()
                heads = zip(shares, parts["value"], strict=True)
                mixed.append(sum(share * value[own] for share, value in heads))
            stream[i] = stream[i] + linear(f"{n}.attention.out", np.concatenate(mixed))
        for i, x in enumerate(stream):
            u = linear(f"{n}.mlp.in", norm(f"{n}.mlp.norm", x))
            gelu = u / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
            stream[i] = x + linear(f"{n}.mlp.out", gelu)
    return linear("logits", norm("norm", stream[site]))


def perturbed(encoder: Encoder, sites: int, colors: int, rng: np.random.Generator) -> dict:
    """Weights without the zeros and ones they start with."""
    weights = encoder.init(sites, colors, rng)
    return {
        name: (value + 0.3 * rng.standard_normal(value.shape)).astype(np.float32)
        for name, value in weights.items()
    }


@pytest.mark.parametrize(("layers", "colors"), [(1, 3), (3, 256)])
def test_against_numpy(layers, colors):
    encoder = Encoder(layers, 8, 2, 12)
    rng = np.random.default_rng(layers)
    weights = perturbed(encoder, 6, colors, rng)
    tokens = rng.integers(colors, size=(5, 6)).astype(np.uint8)
    masked = np.array([0, 5, 2, 3, 3])
    found = np.asarray(encoder.apply(weights, jax.numpy.asarray(tokens), masked))
    expected = [
        forward(encoder, weights, *pair) for pair in zip(tokens, masked.tolist(), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_many_masks_against_numpy():
    rng = np.random.default_rng(7)
    weights = perturbed(SMALL, 6, 3, rng)
    tokens = rng.integers(3, size=(4, 6)).astype(np.uint8)
    hidden = rng.random((4, 6)) < 0.4
    everywhere = np.asarray(SMALL.apply_everywhere(weights, tokens, hidden))
    besides = TrainedEncoder(SMALL, weights).logits(tokens, hidden)
    for sequence in range(4):
        others = set(np.flatnonzero(hidden[sequence]).tolist())
        for site in range(6):
            expected = forward(SMALL, weights, tokens[sequence], site, others)
            np.testing.assert_allclose(besides[sequence, site], expected, rtol=1e-5, atol=1e-5)
            if site in others:
                found = everywhere[sequence, site]
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    losses = np.log(np.exp(everywhere).sum(axis=-1))
    losses -= np.take_along_axis(everywhere, tokens[..., None].astype(int), axis=-1)[..., 0]
    counted = np.array([1.0, 1.0, 0.0, 1.0])
    expected = (losses * hidden * counted[:, None]).sum() / (2.4 * 3)
    loss = float(shares_loss(SMALL, weights, tokens, hidden, counted, 2.4))
    assert loss == pytest.approx(expected, rel=1e-5)


def test_one_mask_of_a_share_is_one_mask_alone():
    rng = np.random.default_rng(8)
    weights = perturbed(TINY, 6, 3, rng)
    tokens, counted = rng.integers(3, size=(5, 6)).astype(np.uint8), np.ones(5)
    masked = rng.integers(6, size=5)
    hidden = np.arange(6) == masked[:, None]
    (loss, slopes), (other, others) = (
        jax.jit(jax.value_and_grad(loss_of, argnums=1), static_argnums=0)(TINY, weights, *rest)
        for loss_of, rest in (
            (masked_loss, (tokens, masked, counted)),
            (shares_loss, (tokens, hidden, counted, 1.0)),
        )
    )
    assert float(other) == pytest.approx(float(loss), rel=1e-6)
    for name, value in slopes.items():
        np.testing.assert_allclose(others[name], value, rtol=1e-4, atol=2e-6, err_msg=name)


def test_the_masked_token_does_not_leak():
    rng = np.random.default_rng(0)
    weights = perturbed(SMALL, 6, 4, rng)
    tokens = np.repeat(rng.integers(4, size=(1, 6)).astype(np.uint8), 4, axis=0)
    tokens[:, 2] = range(4)
    logits = TrainedEncoder(SMALL, weights).logits(tokens)
    for other in range(1, 4):
        np.testing.assert_array_equal(logits[other, 2], logits[0, 2])
        # Every other site sees it.
        assert all(np.abs(logits[other, i] - logits[0, i]).max() > 1e-3 for i in (0, 1, 3, 4, 5))


def test_gradient_against_finite_differences():
    rng = np.random.default_rng(3)
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        weights = {
            name: value.astype(np.float64) for name, value in perturbed(SMALL, 5, 3, rng).items()
        }
        tokens = jax.numpy.asarray(rng.integers(3, size=(6, 5)).astype(np.uint8))
        masked, counted = rng.integers(5, size=6), np.array([1, 1, 0, 1, 0.5, 1])
        loss = jax.jit(lambda values: masked_loss(SMALL, values, tokens, masked, counted))
        slopes = jax.grad(loss)(weights)
        step = 1e-5
        for name, value in weights.items():
            direction = rng.standard_normal(value.shape)
            up, down = (
                float(loss(weights | {name: value + sign * step * direction})) for sign in (1, -1)
            )
            slope = float(np.sum(np.asarray(slopes[name]) * direction))
            assert slope == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9), name
        assert slopes["tokens"].dtype == np.float64
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(
    ("optimiser", "batch", "masking"),
    [("adam", 25, None), ("sgd", 40, None), ("sgd", 40, Masking(0.3))],
)
def test_an_epoch_step_by_step(small, optimiser, batch, masking):
    _, tokens, held_out = small
    settings = Settings(1, batch, optimiser, 0.02, "one-cycle", 0.8, 0.1, None, 5, masking)
    run = learn_encoder(tokens, held_out, 3, TINY, settings)
    rng = np.random.default_rng(5)
    weights = TINY.init(7, 3, rng)
    order = rng.permutation(100)
    loss_of, masked, more, count = masked_loss, rng.integers(7, size=100), (), 1.0
    if masking:
        hidden = hidden_shares(masking, (100, 7), 5, 0)
        loss_of, masked, more, count = shares_loss, hidden, (2.1,), hidden.mean() * 7 / 2.1
    method = Optimiser(optimiser, weights, 0.8, 0.1)
    slope = jax.jit(jax.value_and_grad(loss_of, argnums=1), static_argnums=0)
    total, steps = 0.0, -(-100 // batch)
    for step in range(steps):
        part = order[batch * step : batch * (step + 1)]
        loss, slopes = slope(TINY, weights, tokens[part], masked[part], np.ones(len(part)), *more)
        total += float(loss) * len(part) / count
        method.step(
            {name: np.asarray(value) for name, value in slopes.items()},
            0.02 * rate_at("one-cycle", step / steps),
        )
    assert run.train_losses[0] == pytest.approx(total / 100, rel=1e-4)
    for name, value in weights.items():
        # Adam divides by slopes that may be zero up to rounding, as those of the keys' biases.
        if name.endswith("key.bias"):
            continue
        np.testing.assert_allclose(run.trained.weights[name], value, atol=2e-4, err_msg=name)


def test_loss_of_all_masks(small):
    model, _, held_out = small
    rng = np.random.default_rng(4)
    trained = TrainedEncoder(SMALL, perturbed(SMALL, 7, 3, rng))
    assert (trained.sites, trained.colors) == (7, 3)
    apply = jax.jit(SMALL.apply)
    losses = np.empty((70, 7))
    for site in range(7):
        logits = np.asarray(apply(trained.weights, held_out, np.full(70, site)), np.float64)
        chosen = np.exp(logits)[np.arange(70), held_out[:, site]] / np.exp(logits).sum(axis=1)
        losses[:, site] = -np.log(chosen)
    assert trained.loss(held_out) == pytest.approx(losses.mean(), rel=1e-5)
    expected = fresh_losses(model, trained, held_out)
    assert expected.shape == (70,)
    assert fresh_loss(model, trained, held_out) == expected.mean()
    # The masked token is averaged over: the same mean, up to the noise of 490 tokens.
    assert expected.mean() == pytest.approx(losses.mean(), abs=5 * losses.std() / np.sqrt(490))


def test_interrupted_training_ends_with_the_same_digits(tmp_path, monkeypatch, small):
    _, tokens, held_out = small
    settings = Settings(epochs=9, batch=30, rate=0.01, decay=0.01)
    whole = learn_encoder(tokens, held_out, 3, TINY, settings)
    path = tmp_path / "run.npz"
    calls = []

    def save_and_stop(*arguments):
        save(*arguments)
        calls.append(arguments)
        if len(calls) % 2 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulations.epochs.run, "save", save_and_stop)
    for _ in range(20):
        try:
            resumed = learn_encoder(tokens, held_out, 3, TINY, settings, path, every=2)
            break
        except KeyboardInterrupt:
            continue
    assert len(calls) >= 4
    assert_same(resumed, whole)
    assert_same(learn_encoder(tokens, held_out, 3, TINY, settings, path), whole)
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)
    with pytest.raises(ValueError, match=r"checkpoint = .*encoder"):
        learn_encoder(tokens, held_out, 3, SMALL, settings, path)
    arrays, plain = load(path)
    for name in ("best.tokens", "moment.0"):
        save(path, {key: value for key, value in arrays.items() if key != name}, plain)
        with pytest.raises(ValueError, match=rf"checkpoint = .*{name} is missing"):
            learn_encoder(tokens, held_out, 3, TINY, settings, path)


def assert_same(one: EncoderLearning, other: EncoderLearning) -> None:
    assert one.trained.weights.keys() == other.trained.weights.keys()
    for name, value in one.trained.weights.items():
        np.testing.assert_array_equal(value, other.trained.weights[name])
    np.testing.assert_array_equal(one.train_losses, other.train_losses)
    np.testing.assert_array_equal(one.held_out_losses, other.held_out_losses)
    assert (one.best, one.status) == (other.best, other.status)


def test_it_learns_what_the_sequences_hold():
    model = PottsModel.random(PottsTokens(4, 3.0), 6, 0)
    tokens, held_out, test = (sample(model, n, s) for n, s in ((3000, 1), (300, 2), (1000, 3)))
    settings = Settings(epochs=12, batch=50, rate=0.01)
    run = learn_encoder(tokens, held_out, 4, Encoder(1, 32, 4, 32), settings)
    optimal = conditional_entropy(model, test)
    reached = fresh_loss(model, run.trained, test)
    assert optimal < reached < math.log(4)
    # Most of what can be known is learnt: the sequences have no more information than this.
    assert math.log(4) - reached > 0.8 * (math.log(4) - optimal)
    assert run.held_out_losses[run.best] == run.held_out_losses.min()
    assert run.trained.loss(held_out) == run.held_out_losses[run.best]


def test_early_stopping_and_explosions(small):
    _, tokens, held_out = small
    settings = Settings(100, 10, rate=0.02, schedule="constant", patience=3)
    run = learn_encoder(tokens[:20], held_out, 3, TINY, settings)
    assert run.status == "early"
    assert len(run.held_out_losses) == run.best + 4 < 100
    settings = Settings(5, 10, rate=1e30, schedule="constant")
    run = learn_encoder(tokens[:20], held_out, 3, TINY, settings)
    assert run.status == "not-finite"
    assert all(np.isfinite(value).all() for value in run.trained.weights.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers = 0"),
        ({"heads": 1.5}, r"heads = 1\.5"),
        ({"width": 10}, "width = 10 is not allowed: width must be a multiple of heads = 4"),
        ({"hidden": True}, "hidden = True"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        Encoder(**changes)
