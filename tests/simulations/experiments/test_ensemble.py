"""Averages of layers that are trained on independent sequences of one model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from replica import IndependentTokens, PottsTokens, Problem, RowTokens
from replica.tables import Table
from simulations import average_seeds, measure, simulate, simulate_many, train
from simulations.cli.parser import main
from simulations.experiments.ensemble import averaged
from simulations.sequences.systems import Size, systems


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("data", [PottsTokens(3, 1.5), IndependentTokens(3, 2.0)], ids=str)
def test_lines_are_those_of_the_average(data, loss):
    K, sites, samples = 3, 12, 24
    problem = Problem(2.0, 0.1, data, loss)
    options = {"rows": 4, "test_samples": 50, "ensemble": K}
    line = simulate(problem, sites, 5, **options)
    size, found = Size(sites, K * samples, 50, 4, 60), []
    for system in systems(data, size, (5, sites, samples)):
        tokens = system.train_tokens
        layers = [train(part, 3, 0.1, loss, rows=system.rows) for part in np.split(tokens, K)]
        model, fresh = system.model, system.test_tokens
        shown = np.eye(3)[fresh]
        logits = np.einsum("krj,mja->kmra", [each.weights for each in layers], shown)
        truth = softmax(np.einsum("rj,mja->mra", model.teacher[system.rows], shown), axis=-1)
        mixed = softmax(logits, axis=-1).mean(axis=0)
        found.append(
            {
                "test_loss": measure(model, averaged(layers), tokens, fresh, loss).test_loss,
                "probability_loss": -(truth * np.log(mixed)).sum(axis=-1).mean(axis=0),
                "error": 1 - np.take_along_axis(
                    truth, logits.mean(axis=0).argmax(axis=-1)[..., None], -1
                )[..., 0].mean(axis=0),
            }
        )  # fmt: skip
    assert line["ensemble"] == K
    assert line["samples"] == samples
    assert line["test_loss"] == pytest.approx(
        np.concatenate([x["test_loss"] for x in found]).mean()
    )
    assert line["error_rate"] == pytest.approx(np.concatenate([x["error"] for x in found]).mean())
    mixed = np.concatenate([x["probability_loss"] for x in found]).mean()
    if loss == "cross-entropy":
        assert line["probability_loss"] == pytest.approx(mixed)
    else:
        assert "probability_loss" not in line


def test_bias_and_variance_of_independent_tokens():
    # G = I/C: overlaps are those of weights, exactly.
    data, sites, K = IndependentTokens(3, 2.0), 12, 4
    line = simulate(Problem(2.0, 0.1, data), sites, 1, rows=6, test_samples=20, ensemble=K)
    bias, variance = [], []
    for system in systems(data, Size(sites, K * 24, 20, 6, 60), (1, sites, 24)):
        parts = np.split(system.train_tokens, K)
        w = np.array([train(part, 3, 0.1, rows=[0]).weights[0] for part in parts])
        pairs = [(w[a] @ w[b]) / 3 for a in range(K) for b in range(a)]
        truth = system.model.teacher[0]
        overlap = np.mean(pairs)
        variance.append((w**2).sum(axis=1).mean() / 3 - overlap)
        bias.append(truth @ truth / 3 - 2 * truth @ w.mean(axis=0) / 3 + overlap)
    assert line["logit_variance"] == pytest.approx(np.mean(variance))
    assert line["logit_bias"] == pytest.approx(np.mean(bias))


def test_one_layer_is_what_is_trained_without():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5))
    options = {"rows": 4, "test_samples": 50}
    plain, one = (
        simulate(problem, 12, 5, **options),
        simulate(problem, 12, 5, ensemble=1, **options),
    )
    assert {name: cell for name, cell in one.items() if name in plain} == plain
    assert one["probability_loss"] == pytest.approx(plain["test_loss"])
    assert "logit_variance" not in one


@pytest.mark.usefixtures("without_workers")
def test_the_command(tmp_path):
    command = "--colors 2 --beta 1 --lam 0.1 --alpha 2 --sites 10 --seeds 2 --test-samples 50"
    out = tmp_path / "ensemble.csv"
    options = [*command.split(), "--workers", "1", "--out", str(out)]
    assert main([*options, "--ensemble", "2"]) == 0
    table = average_seeds(Table.from_csv(out))
    assert table["ensemble"][0] == 2
    assert table["logit_variance"][0] > 0
    assert table["logit_variance_stderr"][0] > 0
    assert main([*options, "--ensemble", "3"]) == 2


def test_refusals():
    problem = Problem(2.0, 0.1, PottsTokens(2, 1.0))
    for wrong in (0, 1001, 1.5, np.inf):
        with pytest.raises(ValueError, match="ensemble"):
            simulate(problem, 10, ensemble=wrong)
    with pytest.raises(ValueError, match="leave_one_out"):
        simulate(problem, 10, ensemble=2, leave_one_out=True)
    rows = RowTokens.rows_from_couplings(np.zeros((6, 6)), [0], 2, 1.0)
    with pytest.raises(ValueError, match="ensemble"):
        simulate_many([Problem(2.0, 0.1, rows[0])], [], [0], ensemble=2)
