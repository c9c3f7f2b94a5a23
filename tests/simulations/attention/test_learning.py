from __future__ import annotations

import errno
import os
import pickle

import numpy as np
import pytest

import simulations.attention.learning
import simulations.epochs.checkpoint
import simulations.epochs.run
from replica.problem import PottsTokens
from replica.tables.atomic_files import partial_file
from simulations import FactoredAttention, PottsModel, conditional_entropy, fresh_loss, sample
from simulations.attention.layers import FreeAttention, SoftmaxAttention
from simulations.attention.learning import Learning, learn
from simulations.attention.masking import masked_gradient
from simulations.attention.recovery import recover
from simulations.epochs.checkpoint import alone, load, save
from simulations.epochs.optimisers import Optimiser, rate_at
from simulations.epochs.settings import Settings


@pytest.fixture(scope="module")
def small():
    model = PottsModel.random(PottsTokens(3, 1.5), 10, 0)
    return model, sample(model, 200, 1), sample(model, 100, 2)


def test_all_masks_together_are_the_whole_loss():
    rng = np.random.default_rng(0)
    sites, colors = 6, 4
    attention = rng.standard_normal((sites, sites))
    np.fill_diagonal(attention, 0.0)
    bias = rng.standard_normal((sites, colors))
    model = FactoredAttention(attention, rng.standard_normal((colors, colors)), bias)
    tokens = rng.integers(colors, size=(9, sites)).astype(np.uint8)
    slopes = np.empty_like(attention), np.empty((colors, colors)), np.empty_like(bias)
    hidden = np.tile(np.eye(sites, dtype=bool), (len(tokens), 1))
    loss = masked_gradient(
        np.repeat(tokens, sites, axis=0),
        hidden,
        float(len(hidden)),
        attention,
        model.values.copy(),
        bias,
        *slopes,
    )
    # The loss of `FactoredAttention` is a sum over sites.
    assert loss == pytest.approx(model.loss(tokens) / sites, rel=1e-12)
    gradient = *model.gradient(tokens), model.bias_gradient(tokens)
    for slope, expected in zip(slopes, gradient, strict=True):
        np.testing.assert_allclose(slope, expected / sites, rtol=0, atol=1e-13)


@pytest.mark.parametrize("layer", [FreeAttention(), SoftmaxAttention(), SoftmaxAttention(2)])
def test_chain_rule_against_finite_differences(layer):
    rng = np.random.default_rng(1)
    tokens = rng.integers(3, size=(8, 5)).astype(np.uint8)
    parameters = layer.initial(5, 3, rng)
    attention = layer.attention(parameters)
    slopes = layer.chain(parameters, *attention.gradient(tokens))
    assert slopes.keys() == parameters.keys()
    step = 1e-5
    for name, value in parameters.items():
        for index in np.ndindex(*value.shape):
            if layer.name == "free" and name == "attention" and index[0] == index[1]:
                assert slopes[name][index] == 0
                continue
            losses = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * step
                losses.append(layer.attention(parameters | {name: moved}).loss(tokens))
            numeric = (losses[0] - losses[1]) / (2 * step)
            assert slopes[name][index] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_softmax_attention_is_normalised():
    layer = SoftmaxAttention()
    attention = layer.attention(layer.initial(7, 3, np.random.default_rng(2))).attention
    np.testing.assert_allclose(attention.sum(axis=1), 1.0)
    assert not np.diagonal(attention).any()
    assert (attention >= 0).all()


def test_steps_in_closed_form():
    slope = np.array([3.0, -0.5])
    adam = {"x": np.zeros(2)}
    method = Optimiser("adam", adam, momentum=0.9, decay=0.0)
    # With a constant gradient the moments are unbiased: every step is rate · sign.
    for _ in range(5):
        method.step({"x": slope}, 0.1)
    np.testing.assert_allclose(adam["x"], -0.5 * np.sign(slope), rtol=1e-6)

    heavy = {"x": np.zeros(2)}
    method = Optimiser("sgd", heavy, momentum=0.5, decay=0.0)
    for _ in range(3):
        method.step({"x": slope}, 0.1)
    np.testing.assert_allclose(heavy["x"], -0.1 * (1 + 1.5 + 1.75) * slope)

    decaying = {"x": np.ones(2)}
    method = Optimiser("sgd", decaying, momentum=0.0, decay=0.2)
    for _ in range(4):
        method.step({"x": np.zeros(2)}, 0.5)
    np.testing.assert_allclose(decaying["x"], 0.9**4)

    kept = {"x": np.ones(2), "y": np.ones(2)}
    method = Optimiser("sgd", kept, momentum=0.0, decay=0.2, undecayed=("y",))
    method.step({"x": np.zeros(2), "y": slope}, 0.5)
    np.testing.assert_allclose(kept["x"], 0.9)
    np.testing.assert_allclose(kept["y"], 1 - 0.5 * slope)


def test_schedules():
    assert rate_at("constant", 0.7) == 1.0
    assert [rate_at("cosine", t) for t in (0.0, 0.5, 1.0)] == pytest.approx([1, 0.5, 0])
    assert [rate_at("one-cycle", t) for t in (0.0, 0.3, 0.65, 1.0)] == pytest.approx(
        [0.04, 1, 0.5, 0]
    )


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_interrupted_training_ends_with_the_same_digits(tmp_path, monkeypatch, small, optimiser):
    _, tokens, held_out = small
    settings = Settings(epochs=12, batch=30, optimiser=optimiser, rate=0.02, decay=0.01)
    whole = learn(tokens, held_out, 3, settings)
    path = tmp_path / "run.npz"
    save, calls = simulations.epochs.checkpoint.save, []

    def save_and_stop(*arguments):
        save(*arguments)
        calls.append(arguments)
        if len(calls) % 2 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulations.epochs.run, "save", save_and_stop)
    for _ in range(20):
        try:
            resumed = learn(tokens, held_out, 3, settings, checkpoint=path, every=3)
            break
        except KeyboardInterrupt:
            continue
    assert len(calls) >= 4
    assert_same(resumed, whole)
    assert_same(learn(tokens, held_out, 3, settings, checkpoint=path), whole)


def assert_same(one: Learning, other: Learning) -> None:
    np.testing.assert_array_equal(one.attention.attention, other.attention.attention)
    np.testing.assert_array_equal(one.attention.values, other.attention.values)
    np.testing.assert_array_equal(one.train_losses, other.train_losses)
    np.testing.assert_array_equal(one.held_out_losses, other.held_out_losses)
    assert (one.best, one.status) == (other.best, other.status)


def test_checkpoints_of_other_runs_and_other_files_are_refused(tmp_path, small):
    _, tokens, held_out = small
    path = tmp_path / "run.npz"
    settings = Settings(epochs=2)
    learn(tokens, held_out, 3, settings, checkpoint=path, every=1)
    with pytest.raises(ValueError, match=r"checkpoint = .*rate = 0\.02, not 0\.01"):
        learn(tokens, held_out, 3, Settings(epochs=2, rate=0.02), checkpoint=path)
    with pytest.raises(ValueError, match=r"checkpoint = .*tokens"):
        learn(tokens[1:], held_out, 3, settings, checkpoint=path)
    with pytest.raises(ValueError, match=r"checkpoint = .*layer"):
        learn(tokens, held_out, 3, settings, SoftmaxAttention(), checkpoint=path)
    content = path.read_bytes()
    for torn in (content[: len(content) // 2], b"", pickle.dumps({"plain": 1})):
        path.write_bytes(torn)
        with pytest.raises(ValueError, match="checkpoint = "):
            learn(tokens, held_out, 3, settings, checkpoint=path)
    assert {p.name for p in tmp_path.iterdir()} == {"run.npz"}


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


#: Changes of the arrays and the plain values of a checkpoint of two epochs.
BROKEN = {
    "moments missing": lambda a, p: (without(a, "moment.first.values"), p),
    "best missing": lambda a, p: (without(a, "best.attention"), p),
    "all of the best missing": lambda a, p: (
        {name: value for name, value in a.items() if not name.startswith("best.")},
        p,
    ),
    "best of another shape": lambda a, p: (a | {"best.values": np.zeros((2, 2))}, p),
    "best of another kind": lambda a, p: (a | {"best.values": np.zeros((3, 3), bool)}, p),
    "parameters cut": lambda a, p: (a | {"now.values": a["now.values"][..., :-1]}, p),
    "unknown array": lambda a, p: (a | {"now.more": np.zeros(2)}, p),
    "losses as words": lambda a, p: (a | {"train_losses": np.array(["1.0", "0.9"])}, p),
    "losses in a square": lambda a, p: (a | {"held_out_losses": np.ones((2, 2))}, p),
    "losses missing": lambda a, p: (without(a, "train_losses"), p),
    "one history cut": lambda a, p: (a | {"train_losses": a["train_losses"][:1]}, p),
    "both histories cut": lambda a, p: (
        a | {name: a[name][:1] for name in ("train_losses", "held_out_losses")},
        p,
    ),
    "more epochs than there are": lambda a, p: (
        a | {name: np.ones(3) for name in ("train_losses", "held_out_losses")},
        p | {"epoch": 3},
    ),
    "goes on after its end": lambda a, p: (a | {"held_out_losses": np.array([np.nan, 1.0])}, p),
    "no epoch": lambda a, p: (a, p | {"epoch": "x"}),
    "epoch missing": lambda a, p: (a, without(p, "epoch")),
    "status of its own": lambda a, p: (a, p | {"status": "anything"}),
    "no generator": lambda a, p: (a, p | {"generator": "none"}),
    "generator of nothing": lambda a, p: (a, p | {"generator": p["generator"] | {"state": {}}}),
    "another generator": lambda a, p: (
        a,
        p | {"generator": p["generator"] | {"bit_generator": "MT19937"}},
    ),
    "generator beyond its size": lambda a, p: (
        a,
        p | {"generator": p["generator"] | {"state": {"state": -1, "inc": 2**200}}},
    ),
    "no identity": lambda a, p: (a, p | {"identity": 3}),
    "another version": lambda a, p: (a, p | {"identity": p["identity"] | {"version": "0.0.1"}}),
    "no version": lambda a, p: (a, p | {"identity": without(p["identity"], "version")}),
    "a list": lambda a, p: (a, [p]),
    "no number": lambda a, p: (a, p | {"epoch": float("nan")}),
}


def test_checkpoints_with_anything_wrong_are_refused_in_one_line(tmp_path, monkeypatch, small):
    _, tokens, held_out = small
    monkeypatch.chdir(tmp_path)
    path, settings = "run.npz", Settings(epochs=2)
    learn(tokens, held_out, 3, settings, checkpoint=path)
    good = load(path)
    for name, change in BROKEN.items():
        save(path, *change(*good))
        with pytest.raises(ValueError, match=r"checkpoint = 'run\.npz' is not ") as refused:
            pytest.fail(f"{name}: {learn(tokens, held_out, 3, settings, checkpoint=path)}")
        assert "\n" not in str(refused.value)
    save(path, *good)
    learn(tokens, held_out, 3, settings, checkpoint=path)


def test_checkpoints_that_cannot_be_written_are_refused_before_any_work(
    tmp_path, monkeypatch, small
):
    _, tokens, held_out = small
    monkeypatch.setattr(simulations.attention.learning._FactoredRun, "one_epoch", None)
    with pytest.raises(ValueError, match=r"checkpoint = .*no such file"):
        learn(tokens, held_out, 3, checkpoint=tmp_path / "missing" / "run.npz")
    with pytest.raises(ValueError, match=r"checkpoint = .*directory"):
        learn(tokens, held_out, 3, checkpoint=tmp_path)


def test_one_process_per_checkpoint(tmp_path, monkeypatch, small):
    _, tokens, held_out = small
    path, settings = tmp_path / "run.npz", Settings(epochs=2)
    with (
        alone(path),
        pytest.raises(ValueError, match=rf"checkpoint = .* process {os.getpid()} is"),
    ):
        learn(tokens, held_out, 3, settings, checkpoint=path)
    assert not list(tmp_path.iterdir())
    # What a killed process leaves stands in nobody's way.
    (tmp_path / ".run.npz.lock").write_text("1")
    os.close(partial_file(tmp_path / "run.npz")[0])
    whole = learn(tokens, held_out, 3, settings, checkpoint=path)
    assert {p.name for p in tmp_path.iterdir()} == {"run.npz"}
    # A finished one can be read where nothing can be written, or locked.
    with alone(path):
        assert_same(learn(tokens, held_out, 3, settings, checkpoint=path), whole)


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    save(path, {"a": np.arange(3.0)}, {"x": 1})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        save(path, {"a": np.arange(4.0)}, {"x": 2})
    assert load(path)[1] == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_early_stopping_keeps_the_best_epoch(small):
    _, tokens, held_out = small
    settings = Settings(epochs=300, batch=10, rate=0.05, schedule="constant", patience=5)
    run = learn(tokens[:20], held_out, 3, settings)
    assert run.status == "early"
    assert len(run.held_out_losses) == run.best + 6 < 300
    assert run.best == np.argmin(run.held_out_losses)
    held_out_loss = run.attention.loss(held_out) / 10
    assert held_out_loss == pytest.approx(run.held_out_losses[run.best], rel=1e-12)


def test_explosions_are_told(small):
    _, tokens, held_out = small
    settings = Settings(optimiser="sgd", rate=1e200, schedule="constant", epochs=5)
    with np.errstate(all="ignore"):
        run = learn(tokens, held_out, 3, settings)
    assert run.status == "not-finite"
    assert np.isfinite(run.attention.attention).all()


def test_couplings_are_recovered_from_random_values():
    model = PottsModel.random(PottsTokens(5, 2.5), 12, 0)
    tokens, held_out, test = (sample(model, n, s) for n, s in ((4000, 1), (1000, 2), (5000, 3)))
    optimal = conditional_entropy(model, test)
    losses = {}
    for layer in (FreeAttention(), SoftmaxAttention()):
        run = learn(tokens, held_out, 5, Settings(epochs=60), layer)
        losses[layer.name] = fresh_loss(model, run.attention, test)
        if layer.name == "free":
            found = recover(run.attention, model)
    # Far from what chance could do: with 66 pairs, uncorrelated couplings reach 0.5 once in 10^4.
    assert found.coupling_correlation > 0.97
    assert found.similarity_correlation > 0.97
    assert optimal < losses["free"] < 1.01 * optimal
    # Couplings of both signs are out of reach of a normalised attention.
    assert losses["softmax"] - optimal > 5 * (losses["free"] - optimal)


def test_recovery_removes_what_no_data_can_tell():
    model = PottsModel.random(PottsTokens(4, 2.0), 9, 0)
    hidden = FactoredAttention(
        -3 * model.teacher, -model.values / 3 + np.array([1.0, -2.0, 0.5, 0.0])
    )
    found = recover(hidden, model)
    np.testing.assert_allclose(found.attention, model.teacher, atol=1e-12)
    np.testing.assert_allclose(found.values, np.eye(4) - 0.25, atol=1e-12)
    assert found.coupling_correlation == pytest.approx(1)
    assert found.similarity_correlation == pytest.approx(1)
    assert found.coupling_error < 1e-20
    assert found.similarity_error < 1e-20
    tokens = sample(model, 20, 1)
    plain = FactoredAttention(model.teacher, model.values)
    assert hidden.loss(tokens) == pytest.approx(plain.loss(tokens))
    with pytest.raises(ValueError, match="values without structure"):
        recover(FactoredAttention(model.teacher, np.ones((4, 4))), model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"batch": 1.5}, "batch = 1.5"),
        ({"optimiser": "newton"}, "optimiser = 'newton'.*adam, sgd"),
        ({"schedule": "steps"}, "schedule = 'steps'"),
        ({"rate": 0}, "rate = 0"),
        ({"rate": float("nan")}, "rate = nan"),
        ({"momentum": 1.0}, r"momentum = 1\.0"),
        ({"decay": -1}, "decay = -1"),
        ({"patience": 0}, "patience = 0"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings(**changes)


def test_sequences_are_checked(small):
    _, tokens, held_out = small
    with pytest.raises(ValueError, match="tokens = "):
        learn(tokens[:, 0], held_out, 3)
    with pytest.raises(ValueError, match="held_out = "):
        learn(tokens, held_out[:, :4], 3)
    with pytest.raises(ValueError, match="held_out = "):
        learn(tokens, held_out[:0], 3)
    with pytest.raises(ValueError, match="every = 0"):
        learn(tokens, held_out, 3, every=0)
