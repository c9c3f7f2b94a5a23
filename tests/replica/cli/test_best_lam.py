"""`--lam optimal` in the commands that take a weight decay."""

from __future__ import annotations

import json

import pytest

from replica import (
    PottsTokens,
    Problem,
    attention_spectrum,
    descent,
    optimal_lam,
    solve,
    stability,
)
from replica.cli import main

LOSS = "squared-error"
ASKED = ["--colors", "3", "--beta", "1.5", "--loss", LOSS, "--lam", "optimal"]
DATA = PottsTokens(3, 1.5)


def asked(capsys, name: str, alpha: str, *more: str) -> list[dict[str, float]]:
    assert main([name, *ASKED, "--json", "--alpha", alpha, *more]) == 0
    return json.loads(capsys.readouterr().out)


def best(alpha: float) -> Problem:
    return Problem(alpha, optimal_lam(Problem(alpha, 1.0, DATA, LOSS))[0], DATA, LOSS)


def test_every_point_has_its_own(capsys):
    problems = [best(1.0), best(2.0)]
    for line, problem in zip(asked(capsys, "stability", "1,2"), problems, strict=True):
        assert line["lam"] == problem.lam
        assert line["replicon"] == pytest.approx(stability(solve(problem)).replicon, rel=1e-9)
    for line, problem in zip(asked(capsys, "spectrum", "1,2"), problems, strict=True):
        assert line["lam"] == problem.lam
        assert line["moment_2"] == attention_spectrum(problem).moments[1]


def test_courses_have_that_of_their_end(capsys):
    problem = best(2.0)
    steps = asked(capsys, "descent", "2", "--rate", "0.2", "--steps", "4")
    assert [line["lam"] for line in steps] == 5 * [problem.lam]
    assert steps[-1]["test_loss"] == descent(problem, 0.2, 4).test_loss[-1]
    assert {line["lam"] for line in asked(capsys, "evolve", "2", "--steps", "3")} == {problem.lam}


def test_the_expansion_is_taken_at_it(capsys):
    (line,) = asked(capsys, "asymptotics", "50", "--samples", "many")
    assert line["lam"] == best(50.0).lam


def test_on_stdout_it_is_a_column(capsys):
    assert main(["stability", *ASKED, "--alpha", "2"]) == 0
    first, line = capsys.readouterr().out.splitlines()
    found = float(dict(zip(first.split(","), line.split(","), strict=True))["lam"])
    assert found == pytest.approx(best(2.0).lam, rel=1e-9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evolve", *ASKED, "--alpha", "1,2"], "alpha = '1,2' is not allowed"),
        (["descent", *ASKED, "--alpha", "1,2", "--rate", "1", "--steps", "2"], "alpha = '1,2'"),
        (["one-pass", *ASKED, "--alpha", "2", "--rate", "1"], "`replica sweep --lam optimal`"),
        (["sweep", *ASKED[:-1], "0.1,optimal", "--alpha", "2"], "or optimal alone"),
    ],
    ids=["evolve", "descent", "one-pass", "sweep"],
)
def test_refusals(words, told, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1
