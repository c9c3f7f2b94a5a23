"""The option --couplings of both commands."""

from __future__ import annotations

import json

import pytest

from replica import PottsTokens, Problem, cli, solve
from replica.tables import Table
from simulations import cli as simulation
from simulations import simulate

WORDS = [
    "--colors",
    "2",
    "--beta",
    "0.5",
    "--lam",
    "0.1",
    "--alpha",
    "1",
    "--couplings",
    "hopfield:.50",
]
PROBLEM = Problem(1.0, 0.1, PottsTokens(2, 0.5, couplings="hopfield:0.5"))


def test_a_sweep_names_its_couplings(tmp_path):
    out = tmp_path / "curve.csv"
    assert cli.main(["sweep", *WORDS, "--out", str(out)]) == 0
    (line,) = Table.from_csv(out).lines()
    assert (line["couplings"], line["test_loss"]) == ("hopfield:0.5", solve(PROBLEM).test_loss)
    told = json.loads(out.with_suffix(".json").read_text())["parameters"]
    assert told["couplings"] == "hopfield:0.5"
    assert cli.main(["sweep", *WORDS[:-2], "--out", str(tmp_path / "usual.csv")]) == 0
    assert "couplings" not in (tmp_path / "usual.csv").read_text()
    assert "couplings" not in json.loads((tmp_path / "usual.json").read_text())["parameters"]


@pytest.mark.usefixtures("without_workers")
def test_a_simulation_names_its_couplings(tmp_path):
    out = tmp_path / "sim.csv"
    size = ["--sites", "10", "--rows", "2", "--test-samples", "20", "--workers", "1"]
    assert simulation.main([*WORDS, *size, "--out", str(out)]) == 0
    (line,) = Table.from_csv(out).lines()
    expected = simulate(PROBLEM, 10, rows=2, test_samples=20)
    assert (line["couplings"], line["test_loss"]) == ("hopfield:0.5", expected["test_loss"])
    told = json.loads(out.with_suffix(".json").read_text())["parameters"]
    assert told["couplings"] == "hopfield:0.5"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--beta", "1", "--couplings", "hopfield:-1"],
            "couplings = 'hopfield:-1' is not allowed: ",
        ),
        (["--data", "custom", "--couplings", "orthogonal"], "couplings = 'orthogonal' is not allo"),
    ],
)
def test_other_couplings_are_refused(capsys, words, told):
    assert cli.main(["threshold", "--colors", "3", *words]) == 2
    assert told in capsys.readouterr().err
