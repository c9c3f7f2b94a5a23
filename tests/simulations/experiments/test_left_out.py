"""Columns of rows without held-out sequences, for every kind of experiment."""

from __future__ import annotations

import numpy as np
import pytest

from replica import IndependentTokens, PottsTokens, Problem, RowTokens
from replica.tables import Table
from simulations import average_seeds, leave_one_out, sample, simulate, simulate_many, train
from simulations.cli.parser import main
from simulations.estimators.leave_one_out import means_of
from simulations.sequences.potts import PottsModel
from simulations.sequences.systems import Size, systems

NAMES = ("loo_test_loss", "loo_error_rate", "loo_temperature")


@pytest.mark.parametrize("data", [PottsTokens(3, 1.5), IndependentTokens(3, 2.0)], ids=str)
def test_lines_are_those_of_the_rows(data):
    problem, size = Problem(2.0, 0.1, data), Size(12, 24, 50, 4, 60)
    line = simulate(problem, 12, 5, rows=4, test_samples=50, leave_one_out=True)
    parts = []
    for system in systems(data, size, (5, 12, 24)):
        training = train(system.train_tokens, 3, 0.1, rows=system.rows)
        parts.append(leave_one_out(training, system.train_tokens, 3, 0.1))
    means = np.concatenate([part.test_loss for part in parts]).mean()
    colds = np.concatenate([1 / part.temperature for part in parts]).mean()
    assert line["loo_test_loss"] == pytest.approx(means)
    assert line["loo_temperature"] == pytest.approx(1 / colds)
    for name, value in means_of(parts).items():
        assert line[f"loo_{name}"] == pytest.approx(value)
    if len(parts) > 1:
        # Rows with sequences of their own are independent.
        errors = [part.test_loss_stderr[0] for part in parts]
        assert line["loo_test_loss_stderr"] == pytest.approx(np.linalg.norm(errors) / 4)
    plain = simulate(problem, 12, 5, rows=4, test_samples=50)
    assert plain == {name: cell for name, cell in line.items() if not name.startswith("loo_")}


def test_rows_of_a_model_and_of_sequences():
    model = PottsModel.random(PottsTokens(3, 1.5), 12, 0)
    rows = RowTokens.rows_from_couplings(model.couplings, [1, 7], 3, 1.5)
    options = {"test_samples": 50, "leave_one_out": True}
    table = simulate_many([Problem(2.0, 0.1, row) for row in rows], [], [0], **options)
    assert np.isfinite([table[name] for name in NAMES]).all()
    tokens = sample(model, 100, 1)
    holes = tokens.copy()
    holes[::7, 3] = 3
    for sequences, missing in ((tokens, False), (holes, True)):
        family = RowTokens.rows_from_tokens(sequences, [1, 7], 3, missing=missing)
        problems = [Problem(2.0, 0.1, row) for row in family]
        table = simulate_many(problems, [], [0], leave_one_out=True)
        assert np.isfinite([table[name] for name in NAMES]).all()
        errors = table["loo_test_loss_stderr"]
        assert np.all(np.abs(table["loo_test_loss"] - table["test_loss"]) < 5 * errors + 0.1)


@pytest.mark.usefixtures("without_workers")
def test_the_command(tmp_path):
    command = "--colors 2 --beta 1 --lam 0.1 --alpha 2 --sites 10 --seeds 2 --test-samples 50"
    out = tmp_path / "loo.csv"
    options = [*command.split(), "--workers", "1", "--out", str(out)]
    assert main([*options, "--leave-one-out"]) == 0
    table = Table.from_csv(out)
    assert set(NAMES) | {f"{name}_stderr" for name in NAMES} < set(table.columns)
    assert average_seeds(table)["loo_test_loss"][0] == pytest.approx(table["loo_test_loss"].mean())
    # A table of another command is not gone on with.
    assert main(options) == 2


def test_only_minimisers_are_left_out():
    problem = Problem(2.0, 0.1, PottsTokens(2, 1.0))
    with pytest.raises(ValueError, match="leave_one_out"):
        simulate(problem, 10, estimator="amp", leave_one_out=True)
    with pytest.raises(ValueError, match="leave_one_out"):
        simulate(problem, 10, leave_one_out=1)


def test_one_sample_leaves_none():
    with pytest.raises(ValueError, match=r"leave_one_out = True .* False for one sample"):
        simulate(Problem(0.1, 0.1, PottsTokens(2, 1.0)), 10, leave_one_out=True)
