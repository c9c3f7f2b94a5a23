"""A bias of every site of factored attention: gradient, minimum, checkpoints, use and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from small_models import symmetric

import simulations.attention.learning
import simulations.epochs.run
from replica import Masking
from simulations import (
    FactoredAttention,
    PottsModel,
    Settings,
    conditional_entropies,
    fresh_losses,
    learn,
    sample,
    train,
    train_jointly,
)
from simulations.attention.layers import FreeAttention, SoftmaxAttention
from simulations.epochs.checkpoint import load, save
from simulations.epochs.masks import hidden_shares

SITES, COLORS = 8, 3


@pytest.fixture(scope="module")
def pulled():
    """A model whose colours have frequencies that differ, site by site."""
    rng = np.random.default_rng(0)
    couplings = symmetric(rng, SITES, hollow=True) / np.sqrt(SITES)
    similarity, fields = symmetric(rng, COLORS), rng.standard_normal((SITES, COLORS))
    model = PottsModel(couplings, COLORS, 1.0, similarity, fields)
    return model, sample(model, 120, 1), sample(model, 60, 2)


def random_attention(seed):
    rng = np.random.default_rng(seed)
    attention = rng.standard_normal((SITES, SITES))
    np.fill_diagonal(attention, 0.0)
    return {
        "attention": attention,
        "values": rng.standard_normal((COLORS, COLORS)),
        "bias": rng.standard_normal((SITES, COLORS)),
    }


def test_loss_and_gradient_one_hot_and_by_finite_differences(pulled):
    tokens = pulled[1][:9]
    arrays, onehot = random_attention(3), np.eye(COLORS)[tokens]

    def loss(attention, values, bias):
        z = np.einsum("ij,njb,ab->nia", attention, onehot, values) + bias
        return (logsumexp(z, axis=-1) - (z * onehot).sum(axis=-1)).sum(axis=1).mean()

    model = FactoredAttention(**arrays)
    assert model.loss(tokens) == pytest.approx(loss(**arrays), rel=1e-12)
    assert model.loss_and_gradient(tokens)[0] == pytest.approx(loss(**arrays), rel=1e-12)
    slopes = dict(zip(arrays, (*model.gradient(tokens), model.bias_gradient(tokens)), strict=True))
    step = 1e-5
    for name, array in arrays.items():
        for index in np.ndindex(*array.shape):
            if name == "attention" and index[0] == index[1]:
                continue
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * step
                ends.append(loss(**arrays | {name: moved}))
            numeric = (ends[0] - ends[1]) / (2 * step)
            assert slopes[name][index] == pytest.approx(numeric, rel=1e-6, abs=1e-8)
    # What all colours have in common predicts nothing, and takes no digit.
    common = 1e12 * np.arange(SITES)[:, None]
    lifted = FactoredAttention(**arrays | {"bias": np.round(arrays["bias"]) + common})
    plain = FactoredAttention(**arrays | {"bias": np.round(arrays["bias"])})
    assert lifted.loss(tokens) == pytest.approx(plain.loss(tokens), rel=1e-10)


class KnownValues:
    """A alone is trained, from zero, with V = U."""

    name = "known values"

    def __init__(self, similarity):
        self.similarity = similarity.tolist()

    def initial(self, sites, colors, rng):
        return {"attention": np.zeros((sites, sites))}

    def attention(self, parameters):
        return FactoredAttention(parameters["attention"], np.array(self.similarity))

    def chain(self, parameters, in_attention, in_values):
        return {"attention": in_attention}


def test_known_values_lead_to_the_minimiser_of_every_row(tmp_path, monkeypatch, pulled):
    """Every site of all sequences is masked in every step: min Σ_μ ℓ + (L λ/2) |w|².

    Momentum makes a step 1/(1 - momentum) times as long, not its decay: λ = M (1 - momentum) decay.
    """
    model, tokens, held_out = pulled
    samples, momentum, decay = len(tokens), 0.9, 0.02
    copies = np.repeat(tokens, SITES, axis=0)
    masks = np.arange(len(copies)), np.tile(np.eye(SITES, dtype=bool), (samples, 1))
    monkeypatch.setattr(simulations.attention.learning._FactoredRun, "batches", lambda _: masks)
    settings = Settings(500, len(copies), "sgd", 8.0, "constant", momentum, decay)
    path = tmp_path / "run.npz"
    known = KnownValues(model.similarity)
    run = learn(copies, held_out, COLORS, settings, known, path, every=500, bias=True)
    assert np.ptp(run.train_losses[-10:]) < 1e-12
    # The epoch that generalises best is an earlier one.
    end = load(path)[0]
    lam = samples * (1 - momentum) * decay
    exact = train(tokens, COLORS, lam, similarity=model.similarity, bias=True)
    assert exact.status == "converged"
    assert np.abs(exact.bias).max() > 0.5
    np.testing.assert_allclose(end["now.attention"], exact.weights, atol=1e-6)
    np.testing.assert_allclose(end["now.bias"], exact.bias, atol=1e-6)


@pytest.mark.parametrize("layer", [FreeAttention(), SoftmaxAttention()], ids=lambda each: each.name)
def test_unequal_frequencies_have_a_lower_test_loss_with_a_bias(pulled, layer):
    model, test = pulled[0], sample(pulled[0], 2000, 5)
    tokens, held_out = sample(model, 3000, 3), sample(model, 500, 4)
    losses = []
    for bias in (False, True):
        run = learn(tokens, held_out, COLORS, Settings(15), layer, bias=bias)
        losses.append(fresh_losses(model, run.attention, test))
        assert (run.attention.bias is not None) == ("bias" in run.parameters) == bias
    np.testing.assert_allclose(run.attention.bias.sum(axis=1), 0.0, atol=1e-12)
    # On the same sequences: by chance once in 10^9.
    gain = losses[0] - losses[1]
    assert gain.mean() > 6 * gain.std() / np.sqrt(len(gain))
    if layer.name == "free":
        least = conditional_entropies(model, test).mean()
        assert least < losses[1].mean() < 1.02 * least < losses[0].mean()


def test_colors_that_are_alone_have_the_bias_of_their_frequencies(pulled):
    """Without attention softmax(b_i) becomes the frequencies of site i."""
    tokens = pulled[1]
    bias = np.log(np.array([(tokens == a).mean(axis=0) for a in range(COLORS)]).T)
    nothing = {"attention": np.zeros((SITES, SITES)), "values": np.zeros((COLORS, COLORS))}
    layer = FactoredAttention(**nothing, bias=bias)
    np.testing.assert_allclose(softmax(layer.logits(tokens), axis=-1)[3], np.exp(bias), rtol=1e-12)
    np.testing.assert_allclose(layer.bias_gradient(tokens), 0.0, atol=1e-14)


@pytest.mark.parametrize("masking", [None, Masking(0.4, "static", 2)], ids=["whole", "masked"])
def test_nothing_falls_at_first_order_where_all_three_are_trained(pulled, masking):
    """Along random directions that keep the norm of V, one-hot."""
    tokens, lam, rng = pulled[1], 0.2, np.random.default_rng(6)
    found = train_jointly(tokens, COLORS, lam, seed=4, tolerance=1e-7, masking=masking, bias=True)
    assert found.status == "converged"
    layer, norm = found.attention, np.sqrt(COLORS - 1)
    assert np.abs(layer.bias).max() > 0.5
    np.testing.assert_allclose(layer.bias.sum(axis=1), 0.0, atol=1e-12)
    onehot = np.eye(COLORS)[tokens]
    every = np.eye(SITES, dtype=bool)
    draws = [np.broadcast_to(site, tokens.shape) for site in every]
    if masking is not None:
        draws = [hidden_shares(masking, tokens.shape, 4, draw) for draw in range(masking.draws)]

    def objective(attention, values, bias):
        loss = 0.0
        for hidden in draws:
            z = np.einsum("ij,njb,ab->nia", attention, onehot * ~hidden[..., None], values) + bias
            loss += (logsumexp(z, axis=-1) - (z * onehot).sum(axis=-1))[hidden].sum()
        loss /= 1.0 if masking is None else masking.rate * masking.draws
        return loss + 0.5 * SITES * lam * np.sum(attention**2)

    here, step = objective(layer.attention, layer.values, layer.bias), 1e-4
    for _ in range(6):
        moved_a, moved_v = (
            rng.standard_normal((SITES, SITES)),
            rng.standard_normal((COLORS, COLORS)),
        )
        np.fill_diagonal(moved_a, 0.0)
        moved_b, ends = rng.standard_normal((SITES, COLORS)), []
        for sign in (step, -step):
            values = layer.values + sign * moved_v
            values *= norm / np.linalg.norm(values - values.mean(axis=0))
            moved = layer.attention + sign * moved_a, values, layer.bias + sign * moved_b
            ends.append(objective(*moved))
        assert abs(ends[0] - ends[1]) / (2 * step) < 1e-3
        assert sum(ends) / 2 > here


def test_all_three_beat_known_values_in_training_and_the_others_in_a_test(pulled):
    model, lam, test = pulled[0], 0.1, sample(pulled[0], 2000, 5)
    tokens = sample(model, 2000, 3)
    one, two = (
        train_jointly(tokens, COLORS, lam, model.similarity, bias=bias) for bias in (False, True)
    )
    assert one.status == two.status == "converged"
    rows = train(tokens, COLORS, lam, similarity=model.similarity, bias=True)
    exact = FactoredAttention(rows.weights, model.similarity, rows.bias)

    def objective(layer):
        return len(tokens) * layer.loss(tokens) + 0.5 * SITES * lam * np.sum(layer.attention**2)

    # A, V and b have one more freedom than A and b; and its price is small.
    assert objective(two.attention) < objective(exact)
    losses = [fresh_losses(model, layer, test) for layer in (one.attention, two.attention, exact)]
    gain = losses[0] - losses[1]
    assert gain.mean() > 6 * gain.std() / np.sqrt(len(gain))
    assert losses[1].mean() == pytest.approx(losses[2].mean(), rel=0.01)


def test_a_color_that_is_never_masked_leaves_no_best_bias(pulled):
    tokens = np.where(pulled[1] == 2, 1, pulled[1])
    assert train_jointly(tokens, COLORS, 0.1, bias=True).status == "diverged"
    assert train_jointly(tokens, COLORS, 0.1).status == "converged"


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_interrupted_training_ends_with_the_same_digits(tmp_path, monkeypatch, pulled, optimiser):
    _, tokens, held_out = pulled
    settings = Settings(6, 30, optimiser, decay=0.05)
    whole = learn(tokens, held_out, COLORS, settings, bias=True)
    path, calls = tmp_path / "run.npz", []

    def save_and_stop(*arguments):
        save(*arguments)
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulations.epochs.run, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        learn(tokens, held_out, COLORS, settings, checkpoint=path, every=2, bias=True)
    resumed = learn(tokens, held_out, COLORS, settings, checkpoint=path, every=2, bias=True)
    for name in ("attention", "values", "bias"):
        np.testing.assert_array_equal(
            getattr(resumed.attention, name), getattr(whole.attention, name)
        )
    np.testing.assert_array_equal(resumed.train_losses, whole.train_losses)
    with pytest.raises(ValueError, match=r"checkpoint = .*of a run with bias = False, not True"):
        learn(tokens, held_out, COLORS, settings, checkpoint=path)


class Biased(FreeAttention):
    """With a bias of its own, of which training knows nothing."""

    def attention(self, parameters):
        return FactoredAttention(**parameters, bias=np.zeros((SITES, COLORS)))


class Namesake(FreeAttention):
    """With a parameter that happens to be called like the bias."""

    def initial(self, sites, colors, rng):
        return super().initial(sites, colors, rng) | {"bias": np.zeros(1)}

    def chain(self, parameters, in_attention, in_values):
        return super().chain(parameters, in_attention, in_values) | {"bias": np.zeros(1)}


def test_refusals(pulled):
    _, tokens, held_out = pulled
    arrays = random_attention(0)
    with pytest.raises(ValueError, match=r"^bias = .*\(3, 8\).* must be None or an array \(8, 3\)"):
        FactoredAttention(**arrays | {"bias": arrays["bias"].T})
    with pytest.raises(ValueError, match=r"^bias = .*finite numbers"):
        FactoredAttention(**arrays | {"bias": np.full((SITES, COLORS), np.inf)})
    with pytest.raises(ValueError, match=r"^bias = 1 "):
        learn(tokens, held_out, COLORS, bias=1)
    with pytest.raises(ValueError, match=r"^layer = .* must be a layer without a bias, which"):
        learn(tokens, held_out, COLORS, layer=Biased())
    with pytest.raises(ValueError, match=r"^bias = True .*False where the layer has a parameter"):
        learn(tokens, held_out, COLORS, layer=Namesake(), bias=True)
    with pytest.raises(ValueError, match=r"^lam = 0.0 .*greater than 0 with a bias"):
        train_jointly(tokens, COLORS, 0.0, bias=True)
    assert learn(tokens, held_out, COLORS, Settings(1), Namesake()).status == "epochs"
