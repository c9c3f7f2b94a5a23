"""The command `replica descent`: tables, messages, exit statuses and refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from replica import PottsTokens, Problem, Table, descent
from replica.cli import main
from replica.cli.descent import _say_cost
from replica.predictions.path_course import SETS, Descent, cost_of, paths_of

POTTS = ["descent", "--colors", "3", "--beta", "1.5", "--lam", "0.1", "--alpha", "2"]
PROBLEM = Problem(2.0, 0.1, PottsTokens(3, 1.5))


def test_a_course_is_written_with_its_errors(tmp_path, capsys):
    out = tmp_path / "course.csv"
    command = [*POTTS, "--rate", "0.3", "--steps", "4", "--paths", "320"]
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
    assert main([*POTTS, "--rate", "0.3", "--steps", "3", "--loss", "squared-error"]) == 0
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
    ("more", "message"),
    [
        ("--rate 0 --steps 2", "rate = 0 is not allowed"),
        ("--rate 9 --steps 2", "rate must be at most 0.64646, the largest stable rate"),
        ("--rate 9 --steps 2 --loss squared-error", "rate must be at most 0.32853, the largest"),
        ("--rate 0.1 --steps 2.5", "steps = 2.5 is not allowed: steps must be an integer"),
        ("--rate 0.1 --steps 9999", "steps must be an integer from 1 to 2000"),
        ("--rate 0.1 --steps 2 --paths some", "paths = 'some' is not allowed"),
        ("--rate 0.1 --steps 2 --momentum 1", "momentum must be a number from 0 to less"),
        ("--rate 0.1 --steps 2 --alpha 1,2", "alpha must be one number"),
        ("--rate 0.1 --steps 2 --masking static:0.2", "masking must be None"),
        ("--rate 0.1 --steps 2 --data tokens", "data must be one of potts"),
        ("--rate 0.1 --steps 2 --out course.txt", "out = 'course.txt' is not allowed"),
    ],
)
def test_bad_command_lines_are_refused_in_a_line(more, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*POTTS, *more.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
