"""One given model on the command lines: its matrix as a file, its rows, tables and pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from figures.cli import main as figures
from replica import RowTokens, Table, average_rows, solve
from replica.cli import main
from replica.problem import Problem
from replica.tables.journal import Journal
from simulations import average_seeds
from simulations.cli import main as simulate

SITES = 12


@pytest.fixture(scope="module")
def couplings():
    upper = np.triu(np.random.default_rng(4).standard_normal((SITES, SITES)), 1)
    return (upper + upper.T) / np.sqrt(SITES)


@pytest.fixture(scope="module")
def matrix(couplings, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "J.csv"
    np.savetxt(path, couplings, delimiter=",", fmt="%.17g")
    return path


def words(matrix, rows: str, **changes: str) -> list[str]:
    options = {"data": "couplings", "matrix": str(matrix), "rows": rows, "colors": "3"}
    options |= {"beta": "1", "lam": "0.1", "alpha": "1,2,4"} | changes
    return [word for name, value in options.items() for word in (f"--{name}", value)]


@pytest.mark.usefixtures("without_workers")
def test_sweep_solves_every_row(matrix, couplings, tmp_path, capsys, monkeypatch):
    out = tmp_path / "rows.csv"
    assert main(["sweep", *words(matrix, "0:3,7"), "--out", str(out)]) == 0
    table = Table.from_csv(out)
    assert table["row"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 7, 7, 7]
    assert table["alpha"].tolist() == [1, 2, 4] * 4
    for line in table.lines()[::5]:
        data = RowTokens.from_couplings(couplings, line["row"], 3, 1.0)
        alone = solve(Problem(line["alpha"], 0.1, data))
        assert line["test_loss"] == pytest.approx(alone.test_loss, rel=1e-9)
        assert line["couplings"] == data.columns()["couplings"]
    assert len(json.loads(out.with_suffix(".json").read_text())["quadrature_error"]) == 12
    mean = average_rows(table)
    assert mean["rows"].tolist() == [4] * 3
    for alpha, value in zip(mean["alpha"], mean["test_loss"], strict=True):
        assert value == pytest.approx(table.where(alpha=alpha)["test_loss"].mean(), rel=1e-15)
    with pytest.raises(ValueError, match="each once; one has row = 0"):
        average_rows(Table([*table.lines(), *table.lines()]))
    with pytest.raises(ValueError, match="row = None"):
        average_rows(mean)
    # Stopped in the middle of a row, it ends in the same table; so it does in two processes.
    append, left = Journal.append, iter(range(5))

    def stopped(self, lines):
        if next(left, None) is None:
            raise KeyboardInterrupt
        append(self, lines)

    again, content = tmp_path / "again.csv", out.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("replica.cli.sweep_chunks._TOGETHER", -1.0)
        patch.setattr(Journal, "append", stopped)
        assert main(["sweep", *words(matrix, "0:3,7"), "--out", str(again)]) == 130
    assert "5 of 12 points are done and kept" in capsys.readouterr().err
    assert main(["sweep", *words(matrix, "0:3,7"), "--out", str(again), "--workers", "2"]) == 0
    assert again.read_bytes() == content
    # Another model, or other rows, are another table.
    other = tmp_path / "other.npy"
    np.save(other, couplings * 0.9)
    assert main(["sweep", *words(other, "0:3,7"), "--out", str(out)]) == 2
    assert main(["sweep", *words(matrix, "0:3"), "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert "couplings" in told
    assert "rows" in told


def test_commands_of_one_row(matrix, couplings, tmp_path, capsys):
    path = tmp_path / "J.npy"
    np.save(path, couplings)
    assert main(["solve", *words(path, "5", alpha="2"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    data = RowTokens.from_couplings(couplings, 5, 3, 1.0)
    assert told["row"] == 5
    assert told["test_loss"] == solve(Problem(2.0, 0.1, data)).test_loss
    for command in ("stability", "bayes", "threshold"):
        given = words(matrix, "5")
        drop = {"bayes": ["--lam"], "threshold": ["--lam", "--alpha"]}.get(command, [])
        kept = [
            word
            for flag, value in zip(given[::2], given[1::2], strict=True)
            if flag not in drop
            for word in (flag, value)
        ]
        assert main([command, *kept]) == 0
        assert capsys.readouterr().out


@pytest.mark.parametrize(
    "rows",
    ["12", "0:13", "3:3", "5:2", "1,1", "0:4,3", "a", "-1", "1.0", "0:2:4", "", ":", "2:", ":2"],
)
def test_rows_that_are_refused(matrix, rows, capsys):
    assert main(["sweep", *words(matrix, rows)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(
        f"replica: rows = {rows!r} is not allowed: rows must be rows from 0 to 11"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0,1,2\n1,0,x\n2,3,0\n", "line 2, column 3: 'x' is no number"),
        ("0,1,2\n1,,3\n2,3,0\n", "line 2, column 2: '' is no number"),
        ("0,1,2\n1,0\n2,3,0\n", "line 2 has 2 numbers, line 1 has 3"),
        ("0,1,2\n1,0,3\n", "it has 2 x 3"),
        ("", "it has 1 x 0"),
        ("0 1 nan\n1 0 2\nnan 2 0", "matrix = "),
        ("1 1 2\n1 0 2\n2 2 0", "matrix = 'array with 1 at [0, 0]' is not allowed"),
        ("0 1 2\n1 0 2\n3 2 0", "array with 2 at [0, 2] and 3 at [2, 0]"),
    ],
)
def test_matrices_that_are_refused(tmp_path, text, told, capsys):
    path = tmp_path / "J.csv"
    path.write_text(text)
    assert main(["solve", *words(path, "0", alpha="1")]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_arrays_that_are_refused(tmp_path, capsys):
    for name, array in (("text", np.array([["a"]])), ("flat", np.zeros(9)), ("torn", None)):
        path = tmp_path / f"{name}.npy"
        path.write_bytes(b"\x93NUMPY") if array is None else np.save(path, array)
        assert main(["solve", *words(path, "0", alpha="1")]) == 2
        assert capsys.readouterr().err.startswith("replica: matrix = ")
    assert main(["solve", *words(tmp_path / "none.csv", "0", alpha="1")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_options_that_do_not_belong_together(matrix, capsys):
    assert main(["solve", *words(matrix, "0:2", alpha="1")]) == 2
    potts = ["--colors", "3", "--beta", "1", "--lam", "1", "--alpha", "1"]
    assert main(["solve", "--rows", "1", *potts]) == 2
    assert simulate([*words(matrix, "0"), "--sites", "12", "--out", "no.csv"]) == 2
    assert simulate([*potts, "--out", "no.csv"]) == 2
    assert simulate([*words(matrix, "0"), "--estimator", "amp", "--out", "no.csv"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" is not")[0].split(": ")[1] for line in told] == [
        "rows = '0:2'", "rows = '1'", "sites = '12'", "sites = None", "estimator = 'amp'",
    ]  # fmt: skip


@pytest.mark.usefixtures("without_workers")
def test_theory_and_training_overlay(matrix, tmp_path, capsys):
    theory, systems = tmp_path / "theory.csv", tmp_path / "systems.csv"
    assert main(["sweep", *words(matrix, "all"), "--out", str(theory)]) == 0
    command = [*words(matrix, "1,3", alpha="2,4"), "--seeds", "3", "--test-samples", "200"]
    assert simulate([*command, "--out", str(systems)]) == 0
    table = Table.from_csv(systems)
    assert set(table["sites"]) == {SITES}
    assert table["row"].tolist() == [1, 3] * 6
    # Any rows see the same sequences.
    alone = tmp_path / "alone.csv"
    command[5] = "3"
    assert simulate([*command, "--out", str(alone)]) == 0
    found = Table.from_csv(alone)["test_loss"]
    np.testing.assert_allclose(found, table.where(row=3)["test_loss"], rtol=1e-6)
    assert set(average_seeds(average_rows(table))["rows"]) == {2}
    for flags, status in (([], 2), (["--mean-rows"], 0)):
        out = tmp_path / f"out{status}"
        out.mkdir()
        drawn = ["overlay", str(theory), str(systems), "--y", "test_loss", "--out", str(out)]
        assert figures([*drawn, *flags]) == status
    # Twelve curves are too many to tell apart.
    assert "--mean-rows draws the mean over rows" in capsys.readouterr().err


def test_rows_at_their_own_weight_decays_have_no_mean():
    lines = [{"row": row, "alpha": 1.0, "lam": 0.1 + row, "test_loss": 1.0} for row in range(3)]
    with pytest.raises(ValueError, match="table must be of rows with points in common"):
        average_rows(Table(lines))
    assert average_rows(Table(lines[:1]))["rows"].tolist() == [1]
