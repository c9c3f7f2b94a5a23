"""Averages of layers from the command line."""

from __future__ import annotations

import json
import math

import pytest

from replica import PottsTokens, Problem, layer_average, solve
from replica.cli.parser import main
from replica.tables import Table

OPTIONS = ["--colors", "3", "--beta", "1.5", "--lam", "0.1"]


@pytest.mark.parametrize("layers", ["1", "5", "inf"])
def test_lines_are_those_of_the_average(layers, tmp_path, capsys):
    out = tmp_path / "average.csv"
    command = ["sweep", *OPTIONS, "--alpha", "1,2", "--ensemble", layers, "--out", str(out)]
    assert main(command) == 0
    line = Table.from_csv(out).lines()[1]
    solution = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))
    found = layer_average(solution, math.inf if layers == "inf" else int(layers))
    names = {"logit_bias": "bias", "logit_variance": "variance"}
    same = "test_loss", "error_rate", "coupling_error", "q", "temperature", "calibrated_loss"
    for name in (*same, "probability_loss", *names):
        assert line[name] == pytest.approx(getattr(found, names.get(name, name)), rel=1e-9), name
    assert line["excess_loss"] == pytest.approx(line["test_loss"] - line["optimal_loss"])
    assert line["ensemble"] == float(layers)
    assert (line["train_loss"] is None) == (layers != "1")
    # The same command finds its table finished; of another number of layers it is another one.
    assert main(command) == 0
    assert main([*command[:-4], "--ensemble", "7", "--out", str(out)]) == 2
    assert main(["solve", *OPTIONS, "--alpha", "2", "--ensemble", layers, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["ensemble"] == layers
    assert values["test_loss"] == pytest.approx(found.test_loss, rel=1e-9)


@pytest.mark.parametrize(
    "wrong", [["--ensemble", "0"], ["--ensemble", "1.5"], ["--ensemble", "nan"],
              ["--ensemble", "2", "--masking", "static:0.2"]],
)  # fmt: skip
@pytest.mark.parametrize("command", ["sweep", "solve"])
def test_refusals(command, wrong, capsys):
    assert main([command, *OPTIONS, "--alpha", "2", *wrong]) == 2
    told = capsys.readouterr().err
    assert ("ensemble" if len(wrong) == 2 else "masking") in told
