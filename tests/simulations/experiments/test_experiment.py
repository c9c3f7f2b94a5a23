from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hazards import start_pausing, wait_until_grown

import simulations
import simulations.experiments.experiment
from replica.problem import IndependentTokens, PottsTokens, Problem
from replica.tables import COLUMNS, Table
from simulations import (
    MixingWarning,
    PottsModel,
    average_seeds,
    measure,
    sample,
    simulate,
    simulate_many,
    train,
)
from simulations.cli import main

PROBLEM = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))

#: Limits L → ∞ of the two problems below, from the reference table of the theory.
REFERENCE = {
    ("cross-entropy", 0.1): {
        "test_loss": 1.043426185,
        "train_loss": 0.659040975,
        "optimal_loss": 0.877181321,
        "error_rate": 0.491647094,
        "coupling_error": 0.967574063,
    },
    ("squared-error", 0.05): {"test_loss": 0.343044388, "train_loss": 0.200401561},
}


@pytest.mark.parametrize(
    ("loss", "lam"),
    [
        pytest.param(*key, marks=[pytest.mark.slow] * (key[0] == "squared-error"))
        for key in REFERENCE
    ],
)
def test_reference_values(loss, lam):
    table = simulate_many([PROBLEM.at(loss=loss, lam=lam)], [150], range(6), rows=60)
    (line,) = average_seeds(table).lines()
    assert line["status"] == "converged"
    for name, limit in REFERENCE[loss, lam].items():
        stderr = line[f"{name}_stderr"]
        assert stderr < 0.02 * limit
        # Five standard errors of six seeds (a false alarm once in 250, seeds fixed) and 1/L.
        assert abs(line[name] - limit) < 5 * stderr + limit / 150


def test_observables_on_the_tokens_themselves():
    model = PottsModel.random(PottsTokens(3, 1.5), 40, seed=0)
    tokens, fresh = sample(model, 80, seed=1), sample(model, 4000, seed=2)
    training = train(tokens, 3, 0.1, rows=range(5))
    observed = measure(model, training, tokens, fresh, "cross-entropy")

    fields = np.einsum("ij,mjc->mic", training.weights, np.eye(3)[fresh])
    probabilities = np.exp(fields) / np.exp(fields).sum(axis=-1, keepdims=True)
    seen = np.take_along_axis(probabilities, fresh[:, :5, None].astype(int), -1)[..., 0]
    wrong = fields.argmax(axis=-1) != fresh[:, :5]
    # The measured averages use exact conditionals, these the tokens themselves: five
    # standard errors, a false alarm once in 10^6.
    for exact, noisy in ((observed.test_loss, -np.log(seen)), (observed.error_rate, wrong)):
        gap = exact.mean() - noisy.mean()
        assert abs(gap) < 5 * noisy.mean(axis=1).std() / np.sqrt(len(fresh))
    np.testing.assert_allclose(
        observed.distance2, np.sum((training.weights - model.teacher[:5]) ** 2, axis=1)
    )
    assert (observed.test_loss > observed.optimal_loss).all()


def test_line_has_the_columns_of_the_table():
    line = simulate(PROBLEM, 20, seed=3, rows=4, test_samples=50)
    assert Table([line]).columns[: len(COLUMNS)] == COLUMNS
    assert set(COLUMNS) - set(line) == {"V"}
    assert (line["sites"], line["samples"], line["seed"], line["rows"]) == (20, 40, 3, 4)
    assert line["source"] == "simulation"
    assert line["excess_loss"] == pytest.approx(line["test_loss"] - line["optimal_loss"])
    assert line["test_loss_stderr"] > 0


def test_a_line_does_not_depend_on_the_others():
    problems = [PROBLEM, PROBLEM.at(alpha=1.0), PROBLEM.at(lam=0.5)]
    options = {"rows": 4, "test_samples": 50}
    table = simulate_many(problems, [20, 30], [5, 6], **options)
    assert len(table) == 12
    alone = simulate(PROBLEM.at(lam=0.5), 30, 6, **options)
    assert alone in table.lines()


def test_failures_stay_in_the_table():
    line = simulate(PROBLEM.at(alpha=0.5, lam=0.0), 30, rows=5, test_samples=50)
    assert line["status"] == "diverged"


COMMAND = {
    "--colors": "3", "--beta": "1.5", "--lam": "0.1", "--alpha": "1,2", "--sites": "20",
    "--seeds": "2", "--rows": "3", "--test-samples": "50",
}  # fmt: skip


def words(out, **changes: str) -> list[str]:
    options = COMMAND | {"--out": str(out)}
    options |= {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [word for option in options.items() for word in option]


def test_command_and_number_of_workers(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    assert main(words(one, workers="1")) == 0
    assert main(words(two, workers="2")) == 0
    assert one.read_bytes() == two.read_bytes()
    assert one.with_suffix(".json").exists()
    table = Table.from_csv(one)
    np.testing.assert_array_equal(table["alpha"], [1, 1, 2, 2])
    np.testing.assert_array_equal(table["seed"], [0, 1, 0, 1])
    data = [line | {"V": None} for line in table.lines()]
    direct = simulate(PROBLEM.at(alpha=1.0), 20, 1, rows=3, test_samples=50)
    assert data[1] == {name: direct.get(name) for name in table.columns}


@pytest.mark.usefixtures("without_workers")
def test_command_tells_failures_by_status_one(tmp_path, capsys):
    out = tmp_path / "sim.csv"
    assert main(words(out, lam="0", alpha="0.5", seeds="1", workers="1")) == 1
    told = "replica-simulate: 1 of 1 points did not converge: 1 diverged\n"
    assert capsys.readouterr().err == told
    assert list(Table.from_csv(out)["status"]) == ["diverged"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sites": "2"}, "sites = 2"),
        ({"sites": "20.5"}, "sites = 20.5"),
        ({"alpha": "0.01"}, "alpha = 0.01"),
        ({"alpha": "0"}, "alpha = 0"),
        ({"alpha": "-1"}, "alpha = -1"),
        ({"alpha": "nan"}, "alpha = nan"),
        ({"alpha": "1,,2"}, "alpha = "),
        ({"alpha": "1:2"}, "alpha = "),
        ({"lam": "-0.1"}, "lam = -0.1"),
        ({"lam": "nan"}, "lam = nan"),
        ({"colors": "1"}, "colors = 1"),
        ({"colors": "2.5"}, "colors = 2.5"),
        ({"colors": "300"}, "colors = 300 is not allowed: colors must be an integer from 2 to 256"),
        ({"colors": "3,300"}, "colors = 300"),
        ({"estimator": "amp", "colors": "300"}, "colors = 300"),
        ({"beta": "3"}, "beta = 3"),
        ({"loss": "hinge"}, "loss = 'hinge'"),
        ({"data": "words"}, "data = 'words'"),
        ({"seeds": "0"}, "seeds = 0"),
        ({"seed": "-1"}, "seed = -1"),
        ({"rows": "0"}, "rows = 0"),
        ({"rows": "21"}, "rows = 21"),
        ({"test_samples": "1"}, "test_samples = 1"),
        ({"burn_in": "-1"}, "burn_in = -1"),
        ({"workers": "0"}, "workers = 0"),
    ],
)
def test_bad_arguments(tmp_path, capsys, changes, message):
    assert main(words(tmp_path / "sim.csv", **changes)) == 2
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert message in output.err
    assert not output.out
    assert not list(tmp_path.iterdir())


def test_more_colours_than_a_byte_can_tell_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(simulations.experiments.experiment.Experiment, "run", None)
    for data in (PottsTokens(257, 1.5), IndependentTokens(257, 1.0)):
        with pytest.raises(ValueError, match=r"^colors = 257 is not allowed"):
            simulate(PROBLEM.at(data=data), 20)


@pytest.mark.parametrize("place", ["/dev/null/sim.csv", "."])
def test_bad_output(tmp_path, capsys, place):
    assert main(words(tmp_path / place)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "out = " in error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_interrupt_keeps_what_is_done(tmp_path):
    out = tmp_path / "sim.csv"
    line = words(out, seeds="5000", sites="60")
    # A group of its own, as on a terminal: Ctrl-C reaches the workers too.
    process = start_pausing("simulations.cli", 9000, line, start_new_session=True)
    wait_until_grown(process, out)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    lines = len(Table.from_csv(out))
    assert error == (
        f"replica-simulate: {lines} of 10000 points are done and kept\n"
        "replica-simulate: interrupted\n"
    )
    assert 0 < len(Table.from_csv(out)) < 10_000
    assert {path.name for path in tmp_path.iterdir()} == {"sim.csv", "sim.json"}


@pytest.mark.slow
def test_warnings_of_workers_arrive():
    with pytest.warns(MixingWarning, match="burn_in = 1 "):
        simulate_many([PROBLEM], [40], [0, 1], workers=2, rows=2, burn_in=1)


def test_import_is_light():
    code = "import sys, simulations.cli; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
