"""The command `replica one-pass`: tables, JSON, exit statuses and refusals."""

from __future__ import annotations

import json

import pytest

from replica import PottsTokens, Problem, Schedule, Table, one_pass, optimal_rate
from replica.cli import main

POTTS = ["one-pass", "--colors", "3", "--beta", "1.5", "--lam", "0"]


def test_a_course_is_written_with_its_rate(tmp_path, capsys):
    out = tmp_path / "course.csv"
    command = [*POTTS, "--rate", "0.8", "--schedule", "1/t:2", "--alpha", "0.5:2:4"]
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
    assert main([*POTTS, "--rate", "optimal", "--alpha", "0.3,0.6", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    rate, course = optimal_rate(Problem(1.0, 0.0, PottsTokens(3, 1.5)), 0.6)
    assert lines[1]["rate"] == rate.rate
    assert lines[1]["test_loss"] == pytest.approx(course.test_loss[0], rel=1e-9)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--rate 0 --alpha 1", "rate = 0 is not allowed: rate must be a finite number greater"),
        ("--rate 1 --alpha 2,1", "alphas must be a sequence of ascending numbers"),
        ("--rate 1 --alpha 1 --schedule linear", "schedule must be one of constant, cosine"),
        ("--rate 9 --alpha 1 --loss squared-error", "rate must be below 6, from where on"),
        ("--rate 1 --alpha 1 --masking static:0.2", "masking must be None"),
        ("--rate 1 --alpha 1 --data tokens", "data must be one of potts"),
        ("--rate 1 --alpha 1 --out course.txt", "out = 'course.txt' is not allowed"),
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
