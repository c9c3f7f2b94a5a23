"""Training with a share of all tokens masked at once: gradients, minimisers, masks and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import simulations.epochs.run
from replica import Masking, PottsTokens
from simulations import (
    FactoredAttention,
    PottsModel,
    Settings,
    fresh_loss,
    fresh_losses,
    learn,
    sample,
    train_jointly,
)
from simulations.attention.masking import masked_gradient
from simulations.epochs.checkpoint import load, save
from simulations.epochs.masks import hidden_shares


@pytest.fixture(scope="module")
def small():
    model = PottsModel.random(PottsTokens(3, 1.5), 8, 0)
    return model, sample(model, 120, 1), sample(model, 50, 2)


def masked_loss(tokens, hidden, attention, values, bias=0.0):
    """Σ over all masked tokens, one-hot: what is hidden is a row of zeros."""
    onehot = np.eye(len(values))[tokens]
    z = np.einsum("ij,njb,ab->nia", attention, onehot * ~hidden[..., None], values)
    z += bias
    losses = np.log(np.exp(z).sum(axis=-1)) - (z * onehot).sum(axis=-1)
    return losses[hidden].sum()


def test_gradient_against_finite_differences():
    rng = np.random.default_rng(0)
    sites, colors, count = 5, 4, 7.5
    attention, values = rng.standard_normal((sites, sites)), rng.standard_normal((colors, colors))
    np.fill_diagonal(attention, 0.0)
    arrays = attention, values, rng.standard_normal((sites, colors))
    tokens = rng.integers(colors, size=(9, sites)).astype(np.uint8)
    hidden = rng.random((9, sites)) < 0.4
    slopes = tuple(np.empty_like(array) for array in arrays)
    loss = masked_gradient(tokens, hidden, count, *arrays, *slopes)
    assert loss == pytest.approx(masked_loss(tokens, hidden, *arrays) / count, rel=1e-12)
    step = 1e-5
    for matrix, slope in zip(arrays, slopes, strict=True):
        for index in np.ndindex(*matrix.shape):
            if matrix is attention and index[0] == index[1]:
                assert slope[index] == 0
                continue
            before, ends = matrix[index], []
            for sign in (1, -1):
                matrix[index] = before + sign * step
                ends.append(masked_loss(tokens, hidden, *arrays))
            matrix[index] = before
            numeric = (ends[0] - ends[1]) / (2 * step * count)
            assert slope[index] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


class KnownValues:
    """A alone is trained, from zero, with V = U."""

    name = "known values"

    def initial(self, sites, colors, rng):
        return {"attention": np.zeros((sites, sites))}

    def attention(self, parameters):
        return FactoredAttention(parameters["attention"], np.eye(3))

    def chain(self, parameters, in_attention, in_values):
        return {"attention": in_attention}


def test_known_values_lead_to_the_masked_minimiser_of_every_row(tmp_path, small):
    """min Σ_{μ: i masked} ℓ/p + (L λ/2) |w|², λ = α L times the weight decay of a step."""
    _, tokens, held_out = small
    samples, sites, p, decay = len(tokens), 8, 0.3, 0.01
    settings = Settings(
        1500, samples, "sgd", 8.0, "constant", 0.0, decay, seed=3, masking=Masking(p, "static")
    )
    path = tmp_path / "run.npz"
    run = learn(tokens, held_out, 3, settings, KnownValues(), path, every=1500)
    assert np.ptp(run.train_losses[-10:]) < 1e-12
    # The epoch that generalises best is an earlier one.
    end = load(path)[0]["now.attention"]
    lam = samples / sites * sites * decay
    hidden = hidden_shares(settings.masking, tokens.shape, 3, 0)
    for i in range(sites):
        seen = np.eye(3)[tokens] * ~hidden[..., None]
        seen[:, i] = 0.0
        own, answers = seen[hidden[:, i]], np.eye(3)[tokens[hidden[:, i], i]]

        def objective(w, own=own, answers=answers):
            z = np.einsum("j,nja->na", w, own)
            q = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            loss = -np.log((q * answers).sum(axis=1)).sum() / p
            slope = np.einsum("na,nja->j", q - answers, own) / p
            return loss + 0.5 * sites * lam * w @ w, slope + sites * lam * w

        found = optimize.minimize(
            objective, np.zeros(sites), jac=True, method="BFGS", options={"gtol": 1e-7}
        )
        np.testing.assert_allclose(end[i], found.x, atol=1e-7)


def test_static_masks_stay_dynamic_ones_change_and_draws_take_turns():
    shape, p = (400, 50), 0.15
    for masking, period in (
        (Masking(p, "static"), 1),
        (Masking(p, "static", draws=3), 3),
        (Masking(p), 100),
    ):
        drawn = [hidden_shares(masking, shape, 7, epoch) for epoch in range(7)]
        for one, first in enumerate(drawn):
            for other, second in enumerate(drawn):
                assert np.array_equal(first, second) == ((one - other) % period == 0)
        # Five standard errors: once in two million.
        for hidden in drawn:
            assert abs(hidden.mean() - p) < 5 * np.sqrt(p * (1 - p) / hidden.size)


def test_interrupted_training_ends_with_the_same_digits(tmp_path, monkeypatch, small):
    _, tokens, held_out = small
    settings = Settings(6, 30, masking=Masking(0.2))
    whole = learn(tokens, held_out, 3, settings)
    path, calls = tmp_path / "run.npz", []

    def save_and_stop(*arguments):
        save(*arguments)
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulations.epochs.run, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        learn(tokens, held_out, 3, settings, checkpoint=path, every=2)
    resumed = learn(tokens, held_out, 3, settings, checkpoint=path, every=2)
    np.testing.assert_array_equal(resumed.attention.attention, whole.attention.attention)
    np.testing.assert_array_equal(resumed.train_losses, whole.train_losses)
    other = Settings(6, 30, masking=Masking(0.25))
    with pytest.raises(ValueError, match=r"of a run with masking = 'dynamic:0\.25', not 'dynam"):
        learn(tokens, held_out, 3, other, checkpoint=path)


def test_training_loss_is_a_mean_over_masked_tokens(small):
    """Of a layer that predicts nothing it is log C, whatever the masks and the batches."""
    _, tokens, held_out = small

    class Nothing(KnownValues):
        name = "nothing"

        def chain(self, parameters, in_attention, in_values):
            return {"attention": 0 * in_attention}

    for masking in (Masking(0.1), Masking(0.7, "static"), Masking(0.02), None):
        run = learn(tokens, held_out, 3, Settings(2, 17, masking=masking), Nothing())
        np.testing.assert_allclose(run.train_losses, np.log(3), rtol=1e-12)


def test_loss_among_other_masks(small):
    model, tokens, _ = small
    rng = np.random.default_rng(2)
    layer = FactoredAttention(model.couplings, rng.standard_normal((3, 3)))
    hidden = rng.random(tokens.shape) < 0.4
    found = fresh_losses(model, layer, tokens, hidden)
    onehot = np.eye(3)[tokens]
    losses = np.empty(tokens.shape)
    for i in range(8):
        field = np.einsum("j,njb->nb", layer.attention[i], onehot * ~hidden[..., None])
        z = (field - onehot[:, i] * ~hidden[:, [i]] * layer.attention[i, i]) @ layer.values.T
        true = np.exp(1.5 * np.einsum("j,nja->na", model.couplings[i], onehot))
        true /= true.sum(axis=1, keepdims=True)
        losses[:, i] = np.log(np.exp(z).sum(axis=1)) - (true * z).sum(axis=1)
    np.testing.assert_allclose(found, losses.mean(axis=1), rtol=1e-10)
    assert fresh_loss(model, layer, tokens, hidden) == found.mean()
    nothing = np.zeros_like(hidden)
    np.testing.assert_allclose(
        fresh_losses(model, layer, tokens, nothing), fresh_losses(model, layer, tokens), rtol=1e-12
    )
    for wrong in (hidden[:3], hidden.astype(int), "masks"):
        with pytest.raises(ValueError, match=r"^hidden = .* must be an array \(120, 8\) of truth"):
            fresh_losses(model, layer, tokens, wrong)


def test_nothing_falls_at_first_order_of_both_matrices(small):
    """Along random directions that keep the norm of V, three draws of masks and weight decay."""
    _, tokens, _ = small
    masking, lam, sites = Masking(0.3, "static", draws=3), 0.2, 8
    found = train_jointly(tokens, 3, lam, seed=4, tolerance=1e-7, masking=masking)
    assert found.status == "converged"
    draws = [hidden_shares(masking, tokens.shape, 4, k) for k in range(3)]
    rng, values = np.random.default_rng(0), found.attention.values
    norm = np.linalg.norm(np.eye(3) - 1 / 3)

    def objective(attention, values):
        loss = sum(masked_loss(tokens, hidden, attention, values) for hidden in draws) / 0.9
        return loss + 0.5 * sites * lam * np.sum(attention**2)

    here, step = objective(found.attention.attention, values), 1e-4
    for _ in range(10):
        moved_a, moved_v = rng.standard_normal((sites, sites)), rng.standard_normal((3, 3))
        np.fill_diagonal(moved_a, 0.0)
        moved_v -= values * np.vdot(values, moved_v) / norm**2
        ends = []
        for sign in (1, -1):
            other = values + sign * step * moved_v
            other *= norm / np.linalg.norm(other - other.mean(axis=0))
            ends.append(objective(found.attention.attention + sign * step * moved_a, other))
        assert abs(ends[0] - ends[1]) / (2 * step) < 1e-4
        assert sum(ends) / 2 > here


def test_what_cannot_be_trained_with_masks_is_refused(small):
    _, tokens, held_out = small
    with pytest.raises(ValueError, match=r"^masking = 0\.15 is not allowed: .* a Masking"):
        Settings(masking=0.15)
    for masking in (Masking(1e-9, "static", draws=2), Masking(1e-9)):
        with pytest.raises(ValueError, match=r"^masking = '\w*:1e-09.*masks some token"):
            learn(tokens, held_out, 3, Settings(epochs=3, masking=masking))
    with pytest.raises(ValueError, match=r"^masking = .* static:RATE:DRAWS"):
        train_jointly(tokens, 3, 0.1, masking=Masking(0.15))
    with pytest.raises(ValueError, match=r"^lam = 0\.0 is not allowed: .* with masks"):
        train_jointly(tokens, 3, 0.0, masking=Masking(0.15, "static"))
