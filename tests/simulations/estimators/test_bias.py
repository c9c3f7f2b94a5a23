"""Rows with a bias, against other libraries, dense features and programs of their own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from small_models import symmetric

from replica.problem import IndependentTokens, PottsTokens, Problem
from replica.tables import Table
from simulations import (
    PottsModel,
    approximate_message_passing,
    has_minimiser,
    measure,
    sample,
    simulate,
    simulate_many,
    train,
)
from simulations.cli.parser import main
from simulations.estimators.minimiser import Training


def pulled(colors: int, sites: int, seed: int, mixing: bool = False) -> PottsModel:
    rng = np.random.default_rng(seed)
    couplings = symmetric(rng, sites, hollow=True) / np.sqrt(sites)
    similarity = symmetric(rng, colors) if mixing else None
    return PottsModel(couplings, colors, 1.0, similarity, rng.standard_normal((sites, colors)))


class Own:
    """The cross-entropy, as a loss of the user's."""

    name = "own"

    def expected(self, fields, p):
        return logsumexp(fields, axis=-1) - (p * fields).sum(axis=-1)

    def gradient(self, fields, p):
        return softmax(fields, axis=-1) - p


class Summed(Own):
    """One that sees what is common to all colours."""

    name = "summed"

    def expected(self, fields, p):
        return super().expected(fields, p) + fields.mean(axis=-1) ** 2

    def gradient(self, fields, p):
        return super().gradient(fields, p) + 2 * fields.mean(axis=-1, keepdims=True) / p.shape[-1]


def test_two_colors_are_logistic_regression_with_an_intercept():
    tokens, lam = sample(pulled(2, 30, 0), 90, 1), 0.05
    training = train(tokens, 2, lam, rows=[0, 7, 29], bias=True)
    assert training.status == "converged"
    for number, row in enumerate(training.rows):
        referee = LogisticRegression(C=1 / (30 * lam), tol=1e-12, solver="newton-cholesky")
        referee.fit(2.0 * np.delete(tokens, row, axis=1) - 1, tokens[:, row])
        found = np.delete(training.weights[number], row)
        np.testing.assert_allclose(found, referee.coef_[0], atol=1e-6)
        b = training.bias[number]
        assert b[1] - b[0] == pytest.approx(referee.intercept_[0], abs=1e-6)


@pytest.mark.parametrize("mixing", [False, True])
@pytest.mark.parametrize(
    "loss",
    ["cross-entropy", "squared-error", Own(), Summed()],
    ids=lambda each: getattr(each, "name", each),
)
def test_minimum_on_dense_features(loss, mixing):
    colors, sites, lam, row = 3, 8, 0.1, 3
    model = pulled(colors, sites, 5, mixing)
    tokens = sample(model, 61, 1)
    training = train(tokens, colors, lam, loss, model.similarity, [row, 0], bias=True)
    assert training.status == "converged"
    assert training.weights[0, row] == 0
    inputs = np.delete(model.values[tokens], row, axis=1).transpose(0, 2, 1)
    seen = np.eye(colors)[tokens[:, row]]

    def objective(x):
        fields = inputs @ x[: sites - 1] + x[sites - 1 :]
        if loss == "squared-error":
            gap = (seen - fields) - (seen - fields).mean(axis=1, keepdims=True)
            value = 0.5 * (gap**2).sum()
        else:
            one = loss if isinstance(loss, Own) else Own()
            value = one.expected(fields, seen).sum()
        return value + 0.5 * sites * lam * np.sum(x[: sites - 1] ** 2)

    found = optimize.minimize(objective, np.zeros(sites - 1 + colors), tol=1e-9).x
    bias = found[sites - 1 :] - (0 if isinstance(loss, Summed) else found[sites - 1 :].mean())
    np.testing.assert_allclose(np.delete(training.weights[0], row), found[: sites - 1], atol=2e-5)
    np.testing.assert_allclose(training.bias[0], bias, atol=2e-5)


def test_no_weight_decay_and_few_samples_leave_the_shortest_weights():
    model = pulled(3, 20, 2, mixing=True)
    tokens = sample(model, 5, 1)
    how = {"similarity": model.similarity, "bias": True}
    ridgeless = train(tokens, 3, 0.0, "squared-error", **how)
    limit = train(tokens, 3, 1e-9, "squared-error", **how)
    assert ridgeless.status == "converged"
    np.testing.assert_allclose(ridgeless.weights, limit.weights, atol=1e-5)
    np.testing.assert_allclose(ridgeless.bias, limit.bias, atol=1e-5)


def test_what_the_bias_can_do_takes_no_weight():
    """A constant site adds to fields what a bias adds, for nothing."""
    tokens = sample(pulled(3, 8, 3), 400, 1)
    tokens[:, 5] = 2
    training = train(tokens, 3, 0.0, rows=[0, 1], bias=True)
    limit = train(tokens, 3, 1e-7, rows=[0, 1], bias=True)
    assert training.status == limit.status == "converged"
    assert np.abs(training.weights[:, 5]).max() < 1e-6
    np.testing.assert_allclose(training.weights, limit.weights, atol=1e-4)
    np.testing.assert_allclose(training.bias, limit.bias, atol=1e-4)


def separable_by(inputs: np.ndarray, masked: np.ndarray) -> bool:
    """Tell whether some direction predicts nothing worse and something better."""
    picked = inputs[np.arange(len(masked)), masked][:, None]
    margins = (picked - inputs).reshape(-1, inputs.shape[-1])
    best = optimize.linprog(-margins.sum(axis=0), A_ub=-margins, b_ub=np.zeros(len(margins)),
                            bounds=(-1, 1))  # fmt: skip
    return -best.fun > 1e-6


@pytest.mark.parametrize("mixing", [False, True])
def test_without_decay_rows_diverge_where_a_program_finds_a_direction(mixing):
    told = []
    for seed in range(12):
        model = pulled(3, 6, seed, mixing)
        tokens = sample(model, 14 + 2 * seed, seed)
        training = train(tokens, 3, 0.0, similarity=model.similarity, rows=[0], bias=True)
        others = np.delete(model.values[tokens], 0, axis=1).transpose(0, 2, 1)
        constant = np.broadcast_to(np.eye(3), (len(tokens), 3, 3))
        lost = separable_by(np.concatenate([others, constant], axis=2), tokens[:, 0])
        assert training.statuses[0] == ("diverged" if lost else "converged")
        assert has_minimiser(tokens, 0, 3, model.similarity, bias=True) != lost
        told.append(lost)
    assert 2 <= sum(told) <= 10


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_a_color_that_is_never_masked_has_no_bias(lam):
    tokens = sample(pulled(3, 10, 4), 200, 1)
    tokens[tokens[:, 2] == 1, 2] = 0
    for loss in ("cross-entropy", Own()):
        training = train(tokens, 3, lam, loss, rows=[1, 2], bias=True)
        assert training.statuses.tolist() == ["converged", "diverged"]
    assert train(tokens, 3, lam, "squared-error", rows=[1, 2], bias=True).status == "converged"
    if lam:
        assert train(tokens, 3, lam, rows=[1, 2]).status == "converged"


@pytest.mark.parametrize("lam", [1e-3, 0.0])
def test_what_converges_is_as_near_as_it_says(lam):
    model = pulled(4, 40, 6, mixing=True)
    tokens = sample(model, 400, 1)
    how = {"similarity": model.similarity, "rows": range(6), "bias": True}
    exact = train(tokens, 4, lam, tolerance=1e-13, **how)
    for tolerance in (1e-3, 1e-5, 1e-8):
        loose = train(tokens, 4, lam, tolerance=tolerance, **how)
        sure = loose.statuses == "converged"
        gap = np.linalg.norm(loose.weights - exact.weights, axis=1)
        size = np.linalg.norm(exact.weights, axis=1)
        assert sure.any()
        # At λ = 0 the distance is that of weights and bias together.
        size = size if lam else size + np.linalg.norm(exact.bias, axis=1)
        assert np.all(gap[sure] <= 1.1 * np.sqrt(tolerance) * size[sure])


def test_measured_fields_hold_the_bias():
    model = pulled(3, 12, 7, mixing=True)
    tokens, fresh = sample(model, 50, 1), sample(model, 300, 2)
    training = train(tokens, 3, 0.2, similarity=model.similarity, rows=[4, 1], bias=True)
    seen = measure(model, training, tokens, fresh, "cross-entropy")
    inputs = model.values[fresh].transpose(0, 2, 1)
    for number, row in enumerate(training.rows):
        fields = inputs @ training.weights[number] + training.bias[number]
        truth = inputs @ model.teacher[row] + model.beta * model.site_fields[row]
        loss = -(softmax(truth, axis=1) * np.log(softmax(fields, axis=1))).sum(axis=1).mean()
        assert seen.test_loss[number] == pytest.approx(loss, rel=1e-12)
    assert np.isnan(seen.m).all()


def test_systems_honour_the_bias_of_their_problem():
    problem = Problem(3.0, 0.1, PottsTokens(3, 1.5), bias=True)
    with_bias, without = simulate(problem, 30), simulate(problem.at(bias=False), 30)
    assert with_bias["bias"] is True
    assert "bias" not in without
    # The first is freer: a lower training loss, and of 1/L more on fresh sequences.
    assert with_bias["train_loss"] < without["train_loss"]
    assert 0 < with_bias["test_loss"] - without["test_loss"] < 0.1
    table = simulate_many([problem, problem.at(bias=False)], [30], [0])
    assert table["test_loss"].tolist() == [with_bias["test_loss"], without["test_loss"]]
    free = simulate(Problem(3.0, 0.1, IndependentTokens(3, 1.5), bias=True), 20, rows=5)
    assert free["status"] == "converged"


def test_refusals():
    tokens = np.random.default_rng(0).integers(130, size=(300, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"bias = True .*128 colors"):
        train(tokens, 130, 0.1, similarity=np.diag(np.arange(130.0)), bias=True)
    with pytest.raises(ValueError, match="bias = 2"):
        train(tokens, 130, 0.1, bias=2)
    with pytest.raises(ValueError, match=r"estimator = 'amp' .*with a bias"):
        simulate(Problem(3.0, 0.1, PottsTokens(3, 1.5), bias=True), 30, estimator="amp")
    with pytest.raises(ValueError, match=r"model = .*fields"):
        approximate_message_passing(pulled(3, 8, 0), np.zeros((5, 8), dtype=int), 0.1)
    few = tokens[:40] % 3
    one, other = (train(few, 3, 0.1, rows=[0], bias=b) for b in (True, False))
    with pytest.raises(ValueError, match="parts = "):
        Training.joined([one, other])
    assert Training.joined([one, one]).bias.shape == (2, 3)


@pytest.mark.usefixtures("without_workers")
def test_the_option_is_a_column_and_belongs_to_the_table(tmp_path, capsys):
    out = tmp_path / "sim.csv"
    options = {"colors": 2, "beta": 1, "lam": 0.1, "alpha": 2, "sites": 10, "workers": 1}
    options["test-samples"] = 20
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    assert main([*words, "--bias", "--out", str(out)]) == 0
    (line,) = Table.from_csv(out).lines()
    assert line["bias"] == 1
    problem = Problem(2.0, 0.1, PottsTokens(2, 1.0), bias=True)
    assert line["test_loss"] == simulate(problem, 10, test_samples=20)["test_loss"]
    # The same table without the option is another one.
    assert main([*words, "--out", str(out)]) == 2
    assert "bias" in capsys.readouterr().err
