"""Tables of courses: their lines, their resumption, their options and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from replica import GaussianTokens, IndependentTokens, Masking, PottsTokens, Problem, Schedule
from replica.tables import Table
from simulations import average_seeds, simulate_many
from simulations.cli import main
from simulations.estimators.descent import descend
from simulations.estimators.one_pass import train_once
from simulations.experiments.measure import measure
from simulations.sequences.systems import Size, systems

DATA = PottsTokens(3, 1.2)

ONE_PASS = {
    "--colors": "3", "--beta": "1.2", "--lam": "0,0.1", "--alpha": "0.5,1.5", "--sites": "12",
    "--seeds": "3", "--test-samples": "40", "--burn-in": "5", "--workers": "1",
    "--estimator": "one-pass", "--rate": "0.8", "--schedule": "1/t:2",
}  # fmt: skip

DESCENT = ONE_PASS | {"--alpha": "1.5", "--estimator": "descent", "--rate": "0.3", "--steps": "0,2"}
del DESCENT["--schedule"]


def words(options, out, **changes):
    changed = options | {f"--{name.replace('_', '-')}": text for name, text in changes.items()}
    pairs = ((name, text) for name, text in changed.items() if text is not None)
    return [word for pair in pairs for word in pair] + ["--out", str(out)]


def test_lines_are_rows_at_points_of_their_training():
    problems = [Problem(alpha, 0.1, DATA) for alpha in (0.5, 2.0)]
    rate, how = Schedule(0.8, "1/t", 2.0), {"test_samples": 50, "burn_in": 5, "rows": 6}
    table = simulate_many(problems, [12], [7], estimator="one-pass", rate=rate, **how)
    assert table["alpha"].tolist() == [0.5, 2.0]
    assert table["samples"].tolist() == [6, 24]
    assert table["rate"].tolist() == [0.8, 0.8]
    assert table["schedule"].tolist() == ["1/t:2"] * 2
    assert table["estimator"].tolist() == ["one-pass"] * 2
    (system,) = systems(DATA, Size(12, 24, 50, 6, 5), (7, 12, 24))
    known = train_once(system.train_tokens, 3, 0.1, rate, [6, 24], rows=range(6))
    for line, (number, training) in zip(table.lines(), known, strict=True):
        seen = system.train_tokens[:number]
        expected = measure(system.model, training, seen, system.test_tokens, "cross-entropy")
        for name in ("test_loss", "train_loss", "error_rate", "m", "q"):
            assert line[name] == pytest.approx(getattr(expected, name).mean(), rel=1e-14), name
        assert line["status"] == "converged"


def test_descent_has_a_line_per_step_on_the_data_of_the_minimiser():
    problem, how = Problem(2.0, 0.1, DATA), {"test_samples": 50, "burn_in": 5}
    table = simulate_many(
        [problem], [12], [7], estimator="descent", rate=0.3, steps=[0, 4, 4000], **how
    )
    assert table["step"].tolist() == [0, 4, 4000]
    assert table["alpha"].tolist() == [2.0] * 3
    assert table["test_loss"][0] == pytest.approx(np.log(3), rel=1e-12)
    (minimum,) = simulate_many([problem], [12], [7], **how).lines()
    for name in ("test_loss", "train_loss", "m", "q"):
        assert table[name][2] == pytest.approx(minimum[name], rel=1e-6), name
    (system,) = systems(DATA, Size(12, 24, 50, 12, 5), (7, 12, 24))
    ((_, four),) = descend(system.train_tokens, 3, 0.1, 0.3, [4])
    seen = system.train_tokens, system.test_tokens
    expected = measure(system.model, four, *seen, "cross-entropy")
    assert table["test_loss"][1] == pytest.approx(expected.test_loss.mean(), rel=1e-14)


def test_independent_tokens_have_a_system_for_every_row():
    problems = [Problem(alpha, 0.0, IndependentTokens(3, 1.0)) for alpha in (1.0, 3.0)]
    how = {"estimator": "one-pass", "rate": 0.5, "test_samples": 30, "rows": 3}
    one, three = simulate_many(problems, [10], [0], **how).lines()
    assert one["rows"] == three["rows"] == 3
    assert 0.0 < one["m"] < three["m"]


def test_points_are_averaged_over_seeds_apart():
    problem = Problem(1.0, 0.1, DATA)
    how = {"test_samples": 20, "burn_in": 2, "rate": 0.3, "steps": [1, 2], "estimator": "descent"}
    means = average_seeds(simulate_many([problem], [8], [0, 1, 2], **how))
    assert means["step"].tolist() == [1, 2]
    assert means["seeds"].tolist() == [3, 3]


@pytest.mark.parametrize("options", [ONE_PASS, DESCENT], ids=["one-pass", "descent"])
@pytest.mark.usefixtures("without_workers")
def test_what_was_stopped_goes_on(options, tmp_path):
    whole, stopped = tmp_path / "whole.csv", tmp_path / "stopped.csv"
    assert main(words(options, whole, seeds="2")) == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    assert len(lines) == 9
    told = whole.with_suffix(".json").read_bytes()
    # Two lines of the second system: it is trained again, as all its lines come at once.
    stopped.write_bytes(b"".join(lines[:7]) + lines[7][:-9])
    stopped.with_suffix(".json").write_bytes(told)
    assert main(words(options, stopped, seeds="2")) == 0
    assert stopped.read_bytes() == whole.read_bytes()
    parameters = json.loads(told)["parameters"]
    assert parameters["rate"] == float(options["--rate"])
    assert parameters["estimator"] == options["--estimator"]


@pytest.mark.usefixtures("without_workers")
def test_a_number_of_steps_is_all_of_them(tmp_path):
    assert main(words(DESCENT, tmp_path / "d.csv", steps="3", seeds="1", lam="0.1")) == 0
    assert Table.from_csv(tmp_path / "d.csv")["step"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (DESCENT, {"rate": "60", "steps": "0,9", "lam": "0.1"}),
        (ONE_PASS, {"rate": "20", "schedule": None, "loss": "squared-error", "alpha": "0.1,20"}),
    ],
    ids=["descent", "one-pass"],
)
@pytest.mark.usefixtures("without_workers")
def test_rates_that_are_too_large_are_not_converged(options, changes, tmp_path, capsys):
    out = tmp_path / "d.csv"
    assert main(words(options, out, **{"lam": "0.1", "seeds": "1"} | changes)) == 1
    assert Table.from_csv(out)["status"].tolist() == ["converged", "diverged"]
    said = capsys.readouterr().err
    assert "1 of 2 points did not converge: 1 diverged" in said
    assert f"`replica {options['--estimator']}` names the largest stable rate" in said


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        (ONE_PASS, {"rate": None, "schedule": None}, "rate must be given with one-pass"),
        (ONE_PASS, {"rate": None}, "schedule must be left out without a rate"),
        (ONE_PASS, {"rate": "-1"}, "rate = -1 is not allowed"),
        (ONE_PASS, {"steps": "5"}, "steps must be left out with one-pass"),
        (ONE_PASS, {"estimator": None}, "rate = 0.8 is not allowed: rate must be left out"),
        (ONE_PASS, {"schedule": "linear"}, "schedule must be one of constant, cosine"),
        (ONE_PASS, {"alpha": "1,1.01"}, "alpha must be ascending, with another number of samples"),
        (DESCENT, {"steps": None}, "steps must be given with descent"),
        (DESCENT, {"steps": "4,2"}, "steps must be increasing integers from 0 to 100000"),
        (DESCENT, {"steps": "few"}, "steps = 'few' is not allowed"),
        (DESCENT, {"schedule": "cosine"}, "schedule must be constant with descent"),
        (DESCENT, {"rate": "fast"}, "rate = 'fast' is not allowed"),
    ],
)
def test_bad_options_are_refused_in_a_line(options, changes, message, tmp_path, capsys):
    assert main(words(options, tmp_path / "x.csv", **changes)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Problem(1.0, 0.1, GaussianTokens(3.0)), "minimiser with GaussianTokens"),
        (Problem(1.0, 0.1, DATA, masking=Masking(0.2)), "masking must be None"),
        (Problem(1.0, 0.1, DATA, bias=True), "bias must be False with one-pass"),
    ],
    ids=["gaussian", "masks", "bias"],
)
def test_what_has_no_course_is_refused(problem, message):
    with pytest.raises(ValueError, match=message):
        simulate_many([problem], [10], [0], estimator="one-pass", rate=0.5)
