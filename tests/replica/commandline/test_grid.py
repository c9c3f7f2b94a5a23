"""Grids of problems: on the command line, in Python, one by one."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import replica.cli.sweep_chunks
from replica import IndependentTokens, Masking, PottsTokens, Problem, Table, solve, sweep
from replica.cli import main
from replica.cli.sweep_chunks import Stretch
from replica.commandline.parsing import values
from replica.tables.journal import Journal
from simulations.cli import main as simulate

BASE = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.2), loss="squared-error")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.1,0.2", [0.1, 0.2]),
        ("2:4:3", [2, 3, 4]),
        ("1:2:3", [1.0, 1.5, 2.0]),
        ("0.01:1:3:log", [0.01, 0.1, 1.0]),
        ("static:0.15,dynamic:0.3", ["static:0.15", "dynamic:0.3"]),
        ("-1:1:3", [-1, 0, 1]),
        (0.5, [0.5]),
    ],
)
def test_values_of_an_option(text, found):
    np.testing.assert_array_equal(values("lam", text), found)
    assert all(type(a) is type(b) for a, b in zip(values("lam", text), found, strict=True))


@pytest.mark.parametrize("text", ["1:2", "1:2:3:lin", "1:x:3", "0:1:3:log", "1:2:1", "1:2:3:log:4"])
def test_ranges_that_are_none(text):
    with pytest.raises(ValueError, match=r"^beta( start| stop| count)? = .* is not allowed"):
        values("beta", text)


def test_a_grid_is_the_product_with_alpha_fastest():
    grid = sweep(BASE, alpha=[4.0, 1.0], lam=[0.01, 0.1], colors=(2, 3), beta=np.array([0.5, 1.0]))
    points = list(itertools.product([0.01, 0.1], [2, 3], [0.5, 1.0], [4.0, 1.0]))
    found = zip(grid["lam"], grid["colors"], grid["beta"], grid["alpha"], strict=True)
    assert list(found) == points
    for line, (lam, colors, beta, alpha) in zip(grid.lines(), points, strict=True):
        alone = solve(Problem(alpha, lam, PottsTokens(colors, beta), "squared-error"))
        assert line["test_loss"] == pytest.approx(alone.test_loss, rel=1e-9)


def test_a_grid_without_alpha_keeps_that_of_the_problem():
    grid = sweep(BASE, loss=["squared-error", "cross-entropy"], masking=Masking(0.2, "static"))
    assert grid["alpha"].tolist() == [2.0, 2.0]
    assert grid["loss"].tolist() == ["squared-error", "cross-entropy"]
    assert set(grid["masking"]) == {"static:0.2"}
    by_data = sweep(BASE, [1.0, 2.0], data=[PottsTokens(3, 1.2), IndependentTokens(3, 0.5)])
    assert by_data["data"].tolist() == ["potts", "potts", "independent", "independent"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs alphas"),
        ({"gamma": [1.0]}, "takes no 'gamma', only alpha, lam, data"),
        ({"alphas": [1.0], "alpha": [1.0]}, "alphas or alpha, not both"),
    ],
)
def test_what_is_no_grid(given, said):
    with pytest.raises(TypeError, match=said):
        sweep(BASE, **given)


def test_problems_and_data_at_other_parameters():
    assert BASE.at(beta=0.5, lam=1.0) == Problem(2.0, 1.0, PottsTokens(3, 0.5), "squared-error")
    assert BASE.at(data=IndependentTokens(4, 1.0), colors=5).data == IndependentTokens(5, 1.0)
    with pytest.raises(TypeError, match="takes no 'shift'"):
        BASE.at(shift=2.0)
    with pytest.raises(ValueError, match="beta = 3"):
        BASE.at(beta=3.0)


def sweeps(*words: str) -> int:
    return main(["sweep", "--lam", "0.1", "--loss", "squared-error", *words])


@pytest.mark.usefixtures("without_workers")
def test_the_command_writes_a_grid_and_goes_on_with_it(tmp_path, capsys):
    out, again = tmp_path / "grid.csv", tmp_path / "again.csv"
    words = ["--colors", "2,3", "--beta", "0.5:1:2", "--lam", "0.01:1:3:log", "--alpha", "1:4:3"]
    assert sweeps(*words, "--out", str(out)) == 0
    table = Table.from_csv(out)
    problem = BASE.at(colors=2)
    grid = [sweep(problem, alpha=[1.0, 2.5, 4.0], colors=c, beta=b, lam=[0.01, 0.1, 1.0])
            for c in (2, 3) for b in (0.5, 1.0)]  # fmt: skip
    for name in ("colors", "beta", "lam", "alpha", "test_loss"):
        np.testing.assert_allclose(table[name], np.concatenate([g[name] for g in grid]), rtol=1e-9)
    # What a kill left of it is completed, by two workers.
    whole = out.read_text().splitlines(keepends=True)
    again.write_text("".join(whole[:20]))
    again.with_suffix(".json").write_bytes(out.with_suffix(".json").read_bytes())
    assert sweeps(*words, "--out", str(again), "--workers", "2") == 0
    assert again.read_bytes() == out.read_bytes()
    assert sweeps(*words, "--beta", "0.5", "--out", str(again)) == 2
    assert 'beta = "0.5:1:2" instead of 0.5' in capsys.readouterr().err


def test_lists_of_losses_and_masks(capsys):
    words = ["--colors", "2", "--beta", "0.5", "--alpha", "2"]
    losses = "squared-error,cross-entropy"
    assert sweeps(*words, "--loss", losses, "--masking", "static:0.1,dynamic:0.1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert [line.split(",")[2] for line in lines[1:]] == ["squared-error"] * 2 + [
        "cross-entropy"
    ] * 2


def test_a_point_of_a_grid_that_fails_is_named(capsys):
    words = ["--colors", "2", "--beta", "0.5,1", "--alpha", "0.2,9", "--lam", "0"]
    assert main(["sweep", *words]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("replica: beta = 0.5, alpha = 0.2, lam = 0")


@pytest.mark.parametrize("command", ["bayes", "stability", "asymptotics"])
def test_commands_that_print_lines_take_grids(command, capsys):
    words = ["--colors", "2", "--beta", "0.5,1", "--alpha", "1,2"]
    more = [] if command == "bayes" else ["--lam", "0.1"]
    assert main([command, *words, *more, *(["--samples", "few"] * (command == "asymptotics"))]) in (
        0,
        1,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("beta,alpha,")
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["0.5", "1.0"], ["0.5", "2.0"], ["1.0", "1.0"], ["1.0", "2.0"]
    ]  # fmt: skip


def test_solve_takes_one_point(capsys):
    words = ["--colors", "2", "--beta", "0.5,1", "--alpha", "1", "--lam", "0.1"]
    assert main(["solve", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "beta = '0.5,1' is not allowed: beta must be one value" in said


def told(path):
    return {k: v for k, v in json.loads(path.with_suffix(".json").read_text()).items()
            if k in ("parameters", "seeds", "quadrature_error")}  # fmt: skip


def test_points_of_a_grid_that_cannot_be_are_told_in_the_table(tmp_path, capsys):
    """Two colours with beta = 2 are no paramagnet, three are."""
    out = tmp_path / "grid.csv"
    words = ["--colors", "2,3", "--beta", "1:2:3", "--alpha", "1,2", "--out", str(out)]
    for _ in range(2):
        assert sweeps(*words) == 1
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert said[0].startswith(
            "replica: colors = 2, beta = 2.0, alpha = 1.0: failed: beta = 2.0"
        )
        table = Table.from_csv(out)
        failed = [status.startswith("failed: beta = 2.0 is not") for status in table["status"]]
        assert failed == [False] * 4 + [True] * 2 + [False] * 6
        assert table["beta"].tolist() == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0] * 2
        assert np.isfinite(table["test_loss"]).tolist() == [not one for one in failed]
    assert sweeps("--colors", "2", "--beta", "2:3:2", "--alpha", "1") == 2
    assert main(["stability", "--lam", "0.1", *words[:-2]]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_table_grows_by_what_is_missing(tmp_path, monkeypatch, capsys):
    """More ratios, weight decays and losses, of which one has more columns."""
    out, whole = tmp_path / "grid.csv", tmp_path / "whole.csv"
    words = ["sweep", "--colors", "2", "--beta", "0.5"]
    first = [*words, "--alpha", "1,4", "--lam", "0.1", "--loss", "squared-error"]
    losses = "squared-error,cross-entropy"
    second = [*words, "--alpha", "1:4:4", "--lam", "0.01,0.1", "--loss", losses]
    assert main([*first, "--out", str(out)]) == 0
    before = Table.from_csv(out)
    solved = []
    lines = Stretch.lines
    monkeypatch.setattr(
        Stretch, "lines", lambda self: solved.extend(self.family.problems) or lines(self)
    )
    assert main([*second, "--out", str(out)]) == 0
    assert len(solved) == 16 - 2
    assert main([*second, "--out", str(whole)]) == 0
    grown, known = Table.from_csv(out), Table.from_csv(whole)
    assert grown.columns == known.columns
    assert told(out)["parameters"] == told(whole)["parameters"]
    assert len(told(out)["quadrature_error"]) == 16
    np.testing.assert_allclose(grown["test_loss"], known["test_loss"], rtol=1e-9)
    kept = grown.where(loss="squared-error", lam=0.1)
    assert [line for line in kept.lines() if line["alpha"] in (1, 4)] == [
        line | {"temperature": None, "calibrated_loss": None} for line in before.lines()
    ]
    # A grid without some of its points is another table.
    assert main([*first, "--out", str(out)]) == 2
    assert 'lam = "0.01,0.1" instead of 0.1' in capsys.readouterr().err


def test_a_growing_table_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    out, words = tmp_path / "grid.csv", ["--colors", "2", "--beta", "0.5"]
    assert sweeps(*words, "--alpha", "1:9:3", "--out", str(out)) == 0
    append, left = Journal.append, iter(range(3))

    def stopped(self, lines):
        lines = list(lines)
        if lines and next(left, None) is None:
            raise KeyboardInterrupt
        append(self, lines)

    monkeypatch.setattr(replica.cli.sweep_chunks, "_TOGETHER", -1.0)
    monkeypatch.setattr(Journal, "append", stopped)
    assert sweeps(*words, "--alpha", "1:9:9", "--out", str(out)) == 130
    assert len(Table.from_csv(out)) == 6
    left = iter(range(3))
    assert sweeps(*words, "--alpha", "1:9:9", "--out", str(out)) == 0
    assert Table.from_csv(out)["alpha"].tolist() == list(range(1, 10))
    assert next(left, None) is None


@pytest.mark.usefixtures("without_workers")
def test_simulations_grow_by_seeds_and_ratios(tmp_path):
    out, whole = tmp_path / "grown.csv", tmp_path / "whole.csv"
    words = ["--colors", "2", "--beta", "0.5", "--lam", "1", "--sites", "6", "--workers", "1"]
    assert simulate([*words, "--alpha", "1", "--seeds", "2", "--out", str(out)]) == 0
    for path in (out, whole):
        more = ["--alpha", "1,2", "--seeds", "3", "--out", str(path)]
        assert simulate([*words, *more]) == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--lam", "0.1,abc"], "lam = 'abc'"),
        (["--lam", "0.1,-1"], "lam = -1"),
        (["--lam", "optimal,0.1"], "lam = 'optimal,0.1'"),
        (["--beta", "1,abc"], "beta = 'abc'"),
        (["--loss", "cross-entropy,squared"], "loss = 'squared'"),
        (["--masking", "static:0.1,dynamic:1"], "masking = 'dynamic:1'"),
        (["--lam", "0.1:1:1000000", "--beta", "0:1:1000000"], "alpha = '1'"),
    ],
    ids=["word", "negative", "optimal", "beta", "loss", "masking", "many"],
)
def test_what_no_data_allow_is_a_wrong_command(options, told, capsys):
    """A misspelt value of a list is no point of a table."""
    given = {"--colors": "3", "--beta": "1", "--lam": "0.1", "--alpha": "1"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    assert main(["sweep", *(text for pair in given.items() for text in pair)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{told} is not allowed" in captured.err
    assert captured.err.count("\n") == 1
