"""What public functions are handed is checked before a kernel sees it, and stays as it is."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from replica import GaussianTokens, IndependentTokens, PottsTokens, Problem
from simulations import (
    FactoredAttention,
    FreeAttention,
    IndependentRow,
    PairCouplings,
    PottsModel,
    Settings,
    SoftmaxAttention,
    approximate_message_passing,
    conditional_entropy,
    extrapolate,
    fresh_loss,
    fresh_losses,
    integrated_time,
    learn,
    measure,
    naive_mean_field,
    quadratic_estimate,
    recover,
    sample,
    separable,
    separable_samples,
    simulate,
    simulate_many,
    token_precision,
    train,
    train_jointly,
)
from simulations.attention.pair_couplings import fit
from simulations.estimators.minimiser import Training

DATA = PottsTokens(3, 1.5)
MODEL = PottsModel.random(DATA, 8, 0)
#: Neither sampled nor trained: every process that tests imports every file, and would compile.
TOKENS, FRESH = np.split(np.random.default_rng(1).integers(0, 3, (90, 8), dtype=np.uint8), [60])
ROWS = Training(
    MODEL.teacher, np.arange(8), np.zeros(8), np.ones(8, int), np.full(8, "converged", object)
)
LAYER = FactoredAttention(MODEL.couplings, np.eye(3))
PAIRS = PairCouplings(np.zeros((8, 8, 3, 3)))
PROBLEM = Problem(2.0, 0.1, DATA)

#: An array of which the last entry is masked, and what stands there could be used.
HIDDEN = np.ma.array([0, 1, 2], mask=[False, False, True])
HIDDEN_MATRIX = np.ma.array(np.eye(3), mask=np.eye(3) > 0)

WRONG: dict[str, Any] = {
    "too large": FRESH + 5,
    "below zero": FRESH.astype(int) - 1,
    "wrapped": FRESH - 1,
    "too short": FRESH[:, :5],
    "too long": np.hstack([FRESH, FRESH]),
    "floats": FRESH.astype(float),
    "one sequence": FRESH[0],
    "ragged": [[0, 1], [0]],
    "text": "tokens",
    "none": FRESH[:0],
    "masked": np.ma.masked_equal(FRESH, 1),
    "masked rows": list(np.ma.masked_equal(FRESH, 1)),
    "objects": FRESH.astype(object),
    "truth values": FRESH > 0,
}


@pytest.mark.parametrize("tokens", WRONG.values(), ids=WRONG)
def test_wrong_tokens_reach_no_kernel(tokens):
    calls = {
        "train_tokens": lambda: measure(MODEL, ROWS, tokens, FRESH, "cross-entropy"),
        "test_tokens": lambda: measure(MODEL, ROWS, TOKENS, tokens, "cross-entropy"),
        "held_out": lambda: learn(TOKENS, tokens, 3, Settings(epochs=1)),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"^{name} = "):
            call()
    for call in (
        lambda: fresh_loss(MODEL, LAYER, tokens),
        lambda: conditional_entropy(MODEL, tokens),
        lambda: LAYER.loss(tokens),
        lambda: LAYER.gradient(tokens),
        lambda: PAIRS.negative_log(tokens),
        lambda: approximate_message_passing(MODEL, tokens, 0.1),
    ):
        with pytest.raises(ValueError, match=r"^tokens = "):
            call()


@pytest.mark.parametrize(
    "tokens", [WRONG[k] for k in ("floats", "ragged", "text", "none", "masked")]
)
def test_wrong_training_sequences_are_named(tokens):
    for call in (train, naive_mean_field, train_jointly):
        with pytest.raises(ValueError, match=r"^tokens = "):
            call(tokens, 3, 0.1)
    for call in (
        lambda: separable(tokens, 0, 3),
        lambda: quadratic_estimate(tokens, 3, 1.0),
        lambda: fit(tokens, 3, 0.1),
        lambda: learn(tokens, FRESH, 3, Settings(epochs=1)),
    ):
        with pytest.raises(ValueError, match=r"^tokens = "):
            call()


def test_rows_must_be_those_of_the_model():
    alone = IndependentRow.random(IndependentTokens(3, 1.0), 8, 0)
    shorter = train(TOKENS[:, :5], 3, 0.1)
    beyond = train(np.hstack([TOKENS, TOKENS]), 3, 0.1, rows=[9])
    negative = Training(ROWS.weights[:1], np.array([-1]), *(np.zeros(1),) * 3)
    for model, rows, name in (
        (MODEL, shorter, "training"),
        (MODEL, beyond, "training"),
        (MODEL, negative, "training"),
        (alone, ROWS, "training"),
        (MODEL, 3, "training"),
        (3, ROWS, "model"),
    ):
        with pytest.raises(ValueError, match=rf"^{name} = "):
            measure(model, rows, TOKENS, FRESH, "cross-entropy")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: sample(3, 5), "model = 3 "),
        (lambda: sample(MODEL, 5, burn_in=10**30), "burn_in = 1"),
        (lambda: simulate(3, 8), "problem = 3 "),
        (lambda: simulate(PROBLEM, 8, own_loss="junk"), "own_loss = 'junk' "),
        (lambda: simulate_many([PROBLEM], [8], [1, 2, 1]), r"seeds = \[1, 2, 1\] "),
        (lambda: simulate_many([PROBLEM], [8, 8], [1]), r"sites = \[8, 8\] "),
        (lambda: simulate_many([3], [8], [1]), r"problems = \[3\] "),
        (lambda: simulate_many([PROBLEM], 8, [1]), "sites = 8 "),
        (lambda: recover(3, MODEL), "attention = 3 "),
        (lambda: recover(LAYER, 3), "model = 3 "),
        (lambda: approximate_message_passing(3, TOKENS, 0.1), "model = 3 "),
        (lambda: learn(TOKENS, FRESH, 3, 0), "settings = 0 "),
        (lambda: learn(TOKENS, FRESH, 3, layer=0), "layer = 0 "),
        (lambda: SoftmaxAttention(-1), "width = -1 "),
        (lambda: FreeAttention("a"), "scale = 'a' "),
        (lambda: PottsModel.random(DATA, 8, -1), "seed = -1 "),
        (lambda: PottsModel.random(3, 8), "data = 3 "),
        (lambda: IndependentRow.random(DATA, 8), "data = PottsTokens"),
        (lambda: IndependentRow([0.0, 1.0, np.nan], 3), "row = "),
        (lambda: IndependentRow([1.0, 0.0, 0.0], 3), "row = "),
        (lambda: fresh_loss(MODEL, 3, FRESH), "predictor = 3 "),
        (lambda: separable(TOKENS, 8, 3), "row = 8 is not allowed: row must be .* from 0 to 7"),
        (lambda: separable_samples(TOKENS[:0], 8, 3), "row = 8 "),
        (lambda: separable_samples("abc", 0, 3), "tokens = "),
        (lambda: token_precision(3), "model = 3 "),
        (lambda: train_jointly(TOKENS, 3, 0.1, seed=-1), "seed = -1 "),
        (lambda: PairCouplings(1j * PAIRS.couplings), "couplings = "),
        (lambda: PairCouplings("abc"), "couplings = 'abc' "),
        (lambda: quadratic_estimate(TOKENS, 3, "abc"), "norm2 = 'abc' "),
        (lambda: quadratic_estimate(TOKENS, 3, "2"), "norm2 = '2' "),
        (lambda: quadratic_estimate(TOKENS, 3, True), "norm2 = True "),
        (lambda: extrapolate([10, np.inf], [1, 2], [1, 1]), "sites = "),
        (lambda: extrapolate("abc", [1, 2], [1, 1]), "sites = 'abc' "),
        (lambda: extrapolate([10, 20], [1, "a"], [1, 1]), "values = "),
        (lambda: integrated_time([[1.0, np.nan, 2.0]]), "series = "),
        (lambda: integrated_time("abc"), "series = 'abc' "),
        (lambda: integrated_time(np.ma.masked_less(np.eye(9), 1)), "series = .*masked"),
        (lambda: train(TOKENS, 3, 0.1, rows=HIDDEN), "rows = .*masked"),
        (lambda: train(TOKENS, 3, np.ma.masked), "lam = masked"),
        (lambda: train(TOKENS, 3, 0.1, similarity=HIDDEN_MATRIX), "similarity = .*masked"),
        (lambda: train(TOKENS, np.ma.array(3, mask=True), 0.1), "colors = "),
        (lambda: quadratic_estimate(TOKENS, 3, HIDDEN + 1, rows=[0, 1, 2]), "norm2 = .*masked"),
        (lambda: quadratic_estimate(TOKENS, 3, [1.0]), r"norm2 = 'array \(1,\)'"),
        (lambda: IndependentRow(HIDDEN, 3), "row = .*masked"),
        (lambda: FactoredAttention(np.zeros((8, 8)), HIDDEN_MATRIX), "values = .*masked"),
        (lambda: FactoredAttention(HIDDEN_MATRIX, np.eye(3)), "attention = .*masked"),
        (lambda: PottsModel(np.ma.masked_less(MODEL.couplings, 0), 3, 1.0), "couplings = .*masked"),
        (lambda: PottsModel(MODEL.couplings, 3, 1.0, HIDDEN_MATRIX), "similarity = .*masked"),
        (lambda: PairCouplings(np.ma.masked_equal(PAIRS.couplings, 0)), "couplings = .*masked"),
        (lambda: extrapolate([10, 20, 30], HIDDEN, [1, 1, 1]), "values = .*masked"),
        (lambda: extrapolate(HIDDEN + 10, [1, 2, 3], [1, 1, 1]), "sites = .*masked"),
        (lambda: extrapolate([10, 10 + 1e-9], [1, 2], [1, 1]), "sites = .* differ by more"),
        (lambda: simulate_many([PROBLEM], [8], HIDDEN), "seeds = "),
        (lambda: simulate_many([PROBLEM], HIDDEN + 8, [1]), "sites = "),
        (
            lambda: measure(MODEL, masked_rows(), TOKENS, FRESH, "cross-entropy"),
            "training = .*mask",
        ),
        (lambda: Settings(rate=np.ma.masked), "rate = masked"),
    ],
)
def test_refusals_name_the_argument(call, told):
    with pytest.raises(ValueError, match=f"^{told}"):
        call()


def masked_rows() -> Training:
    weights = np.ma.masked_less(ROWS.weights, 0)
    return Training(weights, ROWS.rows, ROWS.residuals, ROWS.evaluations, ROWS.statuses)


def test_an_array_of_which_nothing_is_masked_is_one():
    bare = train(np.ma.array(TOKENS), 3, 0.1, rows=np.ma.array([0, 1]))
    plain = train(TOKENS, 3, 0.1, rows=[0, 1])
    np.testing.assert_array_equal(bare.weights, plain.weights)


class Answering:
    """A predictor that says whatever it was told to."""

    def __init__(self, answer):
        self.logits = answer


@pytest.mark.parametrize(
    "shape", [(30, 8, 1), (30, 8), (1, 8, 3), (30, 1, 3), (30, 8, 4), (3,), (), (8, 30, 3)]
)
def test_logits_of_a_wrong_shape_are_refused(shape):
    told = r"predictor = .* must be .* returns an array \(30, 8, 3\)"
    for call in (fresh_loss, fresh_losses):
        with pytest.raises(ValueError, match=told):
            call(MODEL, Answering(lambda tokens: np.zeros(shape)), FRESH)


@pytest.mark.parametrize(
    "answer",
    [np.full((30, 8, 3), np.nan), np.ma.masked_equal(np.eye(3)[FRESH], 1), None, "logits",
     1j * np.zeros((30, 8, 3))],
    ids=["nan", "masked", "nothing", "text", "complex"],
)  # fmt: skip
def test_logits_that_are_no_numbers_are_refused(answer):
    with pytest.raises(ValueError, match=r"predictor = .* finite numbers"):
        fresh_loss(MODEL, Answering(lambda tokens: answer), FRESH)
    equal = Answering(lambda tokens: np.zeros((len(tokens), 8, 3), dtype=int))
    assert fresh_loss(MODEL, equal, FRESH) == pytest.approx(np.log(3))


class Shortened(FreeAttention):
    """Its derivatives would be broadcast over the rows."""

    def chain(self, parameters, in_attention, in_values):
        return {"attention": in_attention[:1], "values": in_values}


class Smaller(FreeAttention):
    def attention(self, parameters):
        return FactoredAttention(np.zeros((1, 1)), parameters["values"])


class Unnamed(FreeAttention):
    def chain(self, parameters, in_attention, in_values):
        return {"attention": in_attention}


@pytest.mark.parametrize("layer", [Shortened(), Smaller(), Unnamed()])
def test_a_layer_of_wrong_shapes_is_refused(layer):
    with pytest.raises(ValueError, match=r"layer = .* must be a layer whose (chain|attention)"):
        learn(TOKENS, FRESH, 3, Settings(epochs=1), layer)


@pytest.mark.parametrize("data", [DATA, GaussianTokens(3.0)])
def test_an_unknown_option_is_named_with_those_that_are_known(data):
    problem = Problem(2.0, 0.1, data)
    known = "rows, test_samples, burn_in, estimator, own_loss, leave_one_out, ensemble, "
    known += "whole_matrix, rate, steps"
    with pytest.raises(TypeError, match=rf"^simulate_many\(\) takes no 'bogus', only {known}$"):
        simulate_many([problem], [8], [0], bogus=3)


def test_seeds_and_settings_of_numpy_are_integers():
    again = PottsModel.random(DATA, 8, np.array(0))
    np.testing.assert_array_equal(again.couplings, MODEL.couplings)
    assert type(Settings(epochs=np.int64(1)).epochs) is int


def test_settings_of_numpy_are_kept_in_a_checkpoint(tmp_path):
    settings = Settings(epochs=np.int64(1), rate=np.float32(0.5), patience=np.int8(3))
    run = learn(TOKENS, FRESH, 3, settings, checkpoint=tmp_path / "run.npz")
    assert run.status == "epochs"


def test_results_are_read_only():
    learnt = learn(TOKENS, FRESH, 3, Settings(epochs=1))
    observed = measure(MODEL, ROWS, TOKENS, FRESH, "cross-entropy")
    passing = approximate_message_passing(MODEL, TOKENS, 0.1, rows=[0])
    row = IndependentRow.random(IndependentTokens(3, 1.0), 8, 0)
    for thing, names in (
        (train(TOKENS, 3, 0.1), ("weights", "rows", "residuals", "evaluations", "statuses")),
        (observed, ("m", "test_loss")),
        (passing, ("m", "train_loss")),
        (learnt, ("train_losses", "held_out_losses")),
        (MODEL, ("couplings", "values")),
        (LAYER, ("attention", "values")),
        (row, ("row", "values")),
    ):
        for each in (thing, pickle.loads(pickle.dumps(thing))):
            for name in names:
                with pytest.raises(ValueError, match="read-only"):
                    getattr(each, name)[0] = 0
    with pytest.raises(TypeError, match="immutable"):
        learnt.parameters["values"] = 0
    with pytest.raises(ValueError, match="read-only"):
        learnt.parameters["values"][0] = 0
