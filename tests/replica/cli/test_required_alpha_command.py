"""`replica required-alpha`: a line of a table, JSON, a file, and refusals."""

from __future__ import annotations

import csv
import io
import json

import pytest

from replica import PottsTokens, Problem, Table, solve
from replica.cli import main
from replica.predictions import required_alpha as module
from replica.tables import COLUMNS

ASKED = ["required-alpha", "--colors", "3", "--beta", "1.5", "--excess-loss", "0.05"]


def test_a_line_of_a_table(capsys):
    assert main([*ASKED, "--lam", "0.1"]) == 0
    printed, said = capsys.readouterr()
    (line,) = csv.DictReader(io.StringIO(printed))
    assert tuple(line)[: len(COLUMNS)] == COLUMNS
    assert float(line["excess_loss"]) == pytest.approx(0.05, rel=1e-10)
    assert float(line["alpha"]) == pytest.approx(9.536525449, rel=1e-9)
    assert line["status"] == "converged"
    assert said == ""


def test_json_and_file(tmp_path, capsys):
    out = tmp_path / "required.csv"
    assert main([*ASKED, "--lam", "optimal", "--json", "--out", str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    table = Table.from_csv(out)
    assert table["alpha"].tolist() == [told["alpha"]]
    assert told["lam"] < 0.5
    beside = json.loads(out.with_suffix(".json").read_text())
    assert beside["required"] == {"excess_loss": 0.05}
    assert beside["command"].startswith("replica required-alpha --colors 3")


def test_a_value_reached_below_the_peak_is_told(capsys):
    words = ["--data", "gaussian", "--colors", "1", "--shift", "3", "--lam", "1e-5"]
    assert main(["required-alpha", *words, "--excess-loss", "0.1"]) == 0
    assert "is reached below a peak, too, as at alpha = 0." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (ASKED, "required: --lam"),
        ([*ASKED, "--lam", "0.1", "--test-loss", "1"], "required value = "),
        ([*ASKED[:-2], "--lam", "0.1"], "required value = None is not allowed"),
        ([*ASKED[:-1], "-1", "--lam", "0.1"], "excess_loss = -1 is not allowed"),
        ([*ASKED[:-1], "x", "--lam", "0.1"], "excess_loss = 'x' is not allowed"),
        ([*ASKED, "--lam", "0.1", "--out", "/dev/null/x.csv"], "out = "),
    ],
)
def test_bad_command_lines(words, message, capsys):
    try:
        status = main(words)
    except SystemExit as left:
        status = left.code
    printed, said = capsys.readouterr()
    assert status == 2
    assert printed == ""
    assert message in said
    assert said.count("\n") == 1


def test_a_search_that_stopped_is_told(monkeypatch, capsys):
    stopped = solve(Problem(0.5, 0.0, PottsTokens(3, 1.5)), check=False)
    monkeypatch.setattr(module, "solve_from", lambda *_: (stopped, None))
    assert main([*ASKED, "--lam", "0.1"]) == 1
    printed, said = capsys.readouterr()
    assert "below-threshold" in printed
    assert "there is no unique minimiser" in said
