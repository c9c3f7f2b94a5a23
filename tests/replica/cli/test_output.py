"""Every command prints its lines as CSV or JSON, or writes them to a table."""

from __future__ import annotations

import csv
import io
import json

import pytest

from replica import Table
from replica.cli import main

DATA = ["--colors", "2", "--beta", "0.5"]
COMMANDS = {
    "solve": [*DATA, "--lam", "0.1", "--alpha", "2"],
    "sweep": [*DATA, "--lam", "0.1", "--alpha", "1,2"],
    "threshold": ["--colors", "2,3", "--beta", "0.5"],
    "bayes": [*DATA, "--alpha", "1,2"],
    "stability": [*DATA, "--lam", "0.1", "--alpha", "1,2"],
    "asymptotics": [*DATA, "--lam", "0.1", "--alpha", "1e-4,2e-4", "--samples", "few"],
    "baseline": [*DATA, "--lam", "0.1", "--alpha", "1,2", "--estimator", "quadratic"],
    "evolve": [*DATA, "--lam", "0.1", "--alpha", "2", "--steps", "2"],
    "one-pass": [*DATA, "--lam", "0.1", "--alpha", "1,2", "--rate", "0.5"],
    "spectrum": [*DATA, "--lam", "0.1", "--alpha", "1,2"],
    "required-alpha": [*DATA, "--lam", "0.1", "--excess-loss", "0.01"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_json_and_files_say_what_is_printed(command, tmp_path, capsys):
    words, out = [command, *COMMANDS[command]], tmp_path / "table.csv"
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = found if isinstance(found, list) else [found]
    assert main([*words, "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    told = json.loads(out.with_suffix(".json").read_text())
    assert command in told["command"]
    table = Table.from_csv(out)
    assert len(table) == len(lines)
    assert {"quadrature_error", "error"} & {*table.columns, *told}
    assert set(table["status"]) <= {"converged", "in-range"}
    for line, one in zip(lines, table.lines(), strict=True):
        assert {k: v for k, v in one.items() if v is not None and k != "source"}.items() <= (
            {k: v for k, v in line.items() if v is not None}.items()
        )
    assert main([*words, "--out", "-"]) == 0
    printed = capsys.readouterr().out
    if command not in ("solve", "one-pass"):
        for line, cells in zip(lines, csv.DictReader(io.StringIO(printed)), strict=True):
            known = {k: v for k, v in cells.items() if v and k in ("alpha", "test_loss", "colors")}
            assert known == {k: repr(line[k]) for k in known}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_is_refused_before_anything_is_computed(command, tmp_path, capsys):
    (tmp_path / "file").touch()
    out = str(tmp_path / "file" / "table.csv")
    assert main([command, *COMMANDS[command], "--out", out]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "out = " in printed.err


def test_a_table_of_another_command_is_kept(tmp_path, capsys):
    out, beside = tmp_path / "table.csv", tmp_path / "table.json"
    bayes, onepass = (["bayes", *COMMANDS["bayes"]], ["one-pass", *COMMANDS["one-pass"]])
    assert main([*onepass, "--out", str(out)]) == 0
    known = out.read_bytes()
    assert main([*bayes, "--out", str(out)]) == 2
    said = "a new file, or a table of `replica bayes`; this one is of `replica one-pass`\n"
    assert capsys.readouterr().err.endswith(said)
    assert out.read_bytes() == known
    beside.write_text(json.dumps({"command": "replica-simulate --colors 2"}))
    assert main([*bayes, "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith("this one is of `replica-simulate`\n")
    beside.write_text(json.dumps({"command": "replica one-pass --colors 2"}))
    assert main([*onepass, "--rate", "0.6", "--out", str(out)]) == 0
    assert out.read_bytes() != known
    # A file of which nothing is known is somebody's, too.
    beside.unlink()
    assert main([*onepass, "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith("a new file, or a table of `replica one-pass`\n")


def test_one_threshold_is_one_number(capsys):
    assert main(["threshold", "--colors", "2", "--beta", "0.5"]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(2.080953810, rel=1e-9)


def test_a_density_has_a_place_of_its_own(tmp_path, capsys):
    spectrum, out = ["spectrum", *COMMANDS["spectrum"]], tmp_path / "table.csv"
    assert main([*spectrum, "--density", str(out), "--out", str(out)]) == 2
    assert capsys.readouterr().err.endswith("density must be another table than that of --out\n")
    assert main(["bayes", *COMMANDS["bayes"], "--out", str(out)]) == 0
    known = out.read_bytes()
    assert main([*spectrum, "--density", str(out)]) == 2
    said = "a new file, or a table of `replica spectrum`; this one is of `replica bayes`\n"
    refused = capsys.readouterr()
    assert refused.err.endswith(said)
    assert not refused.out
    assert out.read_bytes() == known
