"""The commands that follow a training: tables, messages, exit statuses and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from replica import PottsTokens, Problem, Schedule, Table, descent, one_pass, optimal_rate
from replica.cli import main
from replica.cli.descent import _say_cost
from replica.predictions.one_pass import MOST_STEPS, pass_of, passed
from replica.predictions.path_course import SETS, Descent, cost_of, paths_of

POTTS = ["--colors", "3", "--beta", "1.5"]
ONE_PASS = ["one-pass", *POTTS, "--lam", "0"]
DESCENT = ["descent", *POTTS, "--lam", "0.1", "--alpha", "2"]
PROBLEM = Problem(2.0, 0.1, PottsTokens(3, 1.5))


def test_a_course_is_written_with_its_rate(tmp_path, capsys):
    out = tmp_path / "course.csv"
    command = [*ONE_PASS, "--rate", "0.8", "--schedule", "1/t:2", "--alpha", "0.5:2:4"]
    assert main([*command, "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    table = Table.from_csv(out)
    course = one_pass(
        Problem(1.0, 0.0, PottsTokens(3, 1.5)), Schedule(0.8, "1/t", 2.0), [0.5, 1.0, 1.5, 2.0]
    )
    assert table["alpha"].tolist() == [0.5, 1.0, 1.5, 2.0]
    assert table["test_loss"].tolist() == course.test_loss.tolist()
    assert table["rate"].tolist() == [0.8] * 4
    assert set(table["schedule"]) == {"1/t:2"}
    assert set(table["estimator"]) == {"one-pass"}
    told = json.loads(out.with_suffix(".json").read_text())
    assert told["parameters"]["schedule"] == "1/t:2"
    assert len(told["error"]) == 4
    assert main([*command, "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert [line["test_loss"] for line in lines] == course.test_loss.tolist()


def test_the_best_rate_is_that_of_the_last_alpha(capsys):
    assert main([*ONE_PASS, "--rate", "optimal", "--alpha", "0.3,0.6", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    rate, course = optimal_rate(Problem(1.0, 0.0, PottsTokens(3, 1.5)), 0.6)
    assert lines[1]["rate"] == rate.rate
    assert lines[1]["test_loss"] == pytest.approx(course.test_loss[0], rel=1e-9)


def test_a_course_is_written_with_its_errors(tmp_path, capsys):
    out = tmp_path / "course.csv"
    command = [*DESCENT, "--rate", "0.3", "--steps", "4", "--paths", "320"]
    assert main([*command, "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    table, course = Table.from_csv(out), descent(PROBLEM, 0.3, 4, paths=320)
    assert table["step"].tolist() == [0, 1, 2, 3, 4]
    assert table["rate"].tolist() == [0.3] * 5
    assert set(table["estimator"]) == {"descent"}
    for name in ("test_loss", "train_loss", "m", "train_loss_stderr", "q_stderr"):
        np.testing.assert_array_equal(table[name], course[name])
    assert (table["train_loss_stderr"][1:] > 0).all()
    assert len(json.loads(out.with_suffix(".json").read_text())["error"]) == 5
    assert main([*command, "--momentum", "0.5", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["momentum"] for line in lines} == {0.5}
    assert lines[0]["temperature"] is None


def test_squared_error_has_no_standard_errors(capsys):
    assert main([*DESCENT, "--rate", "0.3", "--steps", "3", "--loss", "squared-error"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert "stderr" not in first
    assert len(lines) == 4


def test_a_long_run_says_so_before(capsys):
    _say_cost(PROBLEM, Descent(0.3, 0.0, 200), 16_384)
    assert "200 steps of 26624 paths take about" in capsys.readouterr().err
    _say_cost(PROBLEM, Descent(0.3, 0.0, 20), 20_000)
    _say_cost(PROBLEM.at(loss="squared-error"), Descent(0.3, 0.0, 2000), 20_000)
    assert capsys.readouterr().err == ""
    short, long = (cost_of(PROBLEM, Descent(0.3, 0.0, steps), 20_000) for steps in (200, 400))
    assert 7 < long.seconds / short.seconds < 8
    assert [paths_of(n) for n in (1, 256, 257, 20_000)] == [256, 256, 512, 32_768]
    assert short.paths == 32_768 + SETS * 2048


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        (
            ONE_PASS,
            "--rate 0 --alpha 1",
            "rate = 0 is not allowed: rate must be a finite",
        ),
        (ONE_PASS, "--rate 1 --alpha 2,1", "alphas must be a sequence of ascending numbers"),
        (
            ONE_PASS,
            "--rate 1 --alpha 1 --schedule linear",
            "schedule must be one of constant",
        ),
        (
            ONE_PASS,
            "--rate 9 --alpha 1 --loss squared-error",
            "rate must be below 6, the largest",
        ),
        (ONE_PASS, "--rate 1 --alpha 1 --masking static:0.2", "masking must be None"),
        (ONE_PASS, "--rate 1 --alpha 1 --data tokens", "data must be one of potts"),
        (ONE_PASS, "--rate 1 --alpha 1 --out course.txt", "out = 'course.txt' is not allowed"),
        (DESCENT, "--rate 0 --steps 2", "rate = 0 is not allowed"),
        (DESCENT, "--rate 9 --steps 2", "rate must be at most 0.64646, the largest stable rate"),
        (
            DESCENT,
            "--rate 9 --steps 2 --loss squared-error",
            "at most 0.32853, the largest",
        ),
        (DESCENT, "--rate 0.1 --steps 2.5", "steps = 2.5 is not allowed: steps must be an integer"),
        (DESCENT, "--rate 0.1 --steps 9999", "steps must be an integer from 1 to 2000"),
        (DESCENT, "--rate 0.1 --steps 2 --paths some", "paths = 'some' is not allowed"),
        (DESCENT, "--rate 0.1 --steps 2 --momentum 1", "momentum must be a number from 0 to less"),
        (DESCENT, "--rate 0.1 --steps 2 --alpha 1,2", "alpha must be one number"),
        (DESCENT, "--rate 0.1 --steps 2 --masking static:0.2", "masking must be None"),
        (DESCENT, "--rate 0.1 --steps 2 --data tokens", "data must be one of potts"),
        (DESCENT, "--rate 0.1 --steps 2 --out course.txt", "out = 'course.txt' is not allowed"),
    ],
)
def test_bad_command_lines_are_refused_in_a_line(
    command, more, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main([*command, *more.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_long_pass_says_so_before_and_how_far_it_is(monkeypatch, capsys):
    problem = PROBLEM.at(lam=0.0)
    short, long = (pass_of(problem, 1.0, [0.5, last]) for last in (10.0, 1e5))
    few, many = (told.cost(MOST_STEPS).evaluations for told in (short, long))
    done = []
    course = passed(short, MOST_STEPS, done.append)
    # Two integrations, of which a line of the course tells one.
    assert 0.5 < few / (2 * course["evaluations"][-1]) < 2
    assert many > 100 * few
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert course.lines() == one_pass(problem, 1.0, [0.5, 10.0]).lines()
    monkeypatch.setattr("replica.cli.courses._LONG", 1e-9)
    assert main([*ONE_PASS, "--rate", "1", "--alpha", "0.5"]) == 0
    assert "evaluations of the equations take about" in capsys.readouterr().err
    assert main([*ONE_PASS, "--rate", "optimal", "--alpha", "0.5"]) == 0
    assert "the courses by which the best rate is found take about" in capsys.readouterr().err
