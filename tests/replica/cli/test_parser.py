"""The command `replica`: grammar, output, exit status, and refusals in one line."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hazards import start_pausing, wait_until_grown

import replica.predictions.stability
from replica import (
    ConvergenceError,
    CustomTokens,
    PottsTokens,
    Problem,
    Table,
    existence_threshold,
    optimal_lam,
    solve,
    stability,
)
from replica.cli import main
from replica.commandline.options import MODELS
from replica.commandline.parsing import alpha_grid
from simulations.cli import main as simulate

OPTIONS = {"colors": "3", "beta": "1.5", "lam": "0.1", "alpha": "0.5:10:30"}
COMMANDS = {
    "script": [str(Path(sys.executable).with_name("replica"))],
    "module": [sys.executable, "-m", "replica"],
}


def words(command: str, *flags: str, **changes: str | None) -> list[str]:
    options = {name: value for name, value in (OPTIONS | changes).items() if value is not None}
    return [command, *(w for name, value in options.items() for w in (f"--{name}", value)), *flags]


@pytest.mark.parametrize("command", ["script", pytest.param("module", marks=pytest.mark.slow)])
def test_sweep_in_a_process_of_its_own(tmp_path, command):
    line = [*COMMANDS[command], *words("sweep", "--log", out="curve.csv")]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
    assert {path.name for path in tmp_path.iterdir()} == {"curve.csv", "curve.json"}
    table = Table.from_csv(tmp_path / "curve.csv")
    np.testing.assert_allclose(table["alpha"], np.geomspace(0.5, 10, 30), rtol=1e-14)
    assert set(table["status"]) == {"converged"}
    told = json.loads((tmp_path / "curve.json").read_text(encoding="utf-8"))
    assert told["command"].startswith("replica sweep --colors 3")
    assert told["parameters"]["alpha"] == "0.5:10:30"


def test_table_on_stdout(capsys):
    assert main(words("sweep", alpha="1,2")) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert output.out.splitlines()[0].startswith("source,data,loss,colors,beta,lam,alpha,sites")
    assert [line.split(",")[6] for line in output.out.splitlines()[1:]] == ["1.0", "2.0"]


def test_solve_prints_what_python_returns(capsys):
    assert main(words("solve", "--json", alpha="2", loss="squared-error")) == 0
    printed = json.loads(capsys.readouterr().out)
    solution = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error"))
    for name in ("test_loss", "train_loss", "coupling_error", "m", "q", "V", "status"):
        assert printed[name] == getattr(solution, name)
    assert solution.values() == printed
    assert main(words("solve", alpha="2")) == 0
    shown = capsys.readouterr().out
    assert str(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))) == shown.rstrip("\n")
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert float(lines["test_loss"]) == pytest.approx(1.043426185, rel=1e-9)


def test_json_is_strict_where_nothing_is_known(capsys):
    assert main(words("solve", "--json", lam="0", alpha="0.5")) == 1

    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    printed = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert printed["status"] == "below-threshold"
    assert "test_loss" not in printed or printed["test_loss"] is None


def test_threshold(capsys):
    assert main(["threshold", "--colors", "3", "--beta", "1.5"]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(1.4848232, abs=0.51e-7)
    assert main(["threshold", "--colors", "5", "--beta", "1", "--loss", "squared-error"]) == 0
    assert float(capsys.readouterr().out) == 0.25


def test_status_one_keeps_every_point(tmp_path, capsys):
    out = tmp_path / "curve.csv"
    assert main(words("sweep", lam="0", alpha="0.5,1,2", out=str(out))) == 1
    table = Table.from_csv(out)
    assert table["status"].tolist() == ["below-threshold", "below-threshold", "converged"]
    messages = capsys.readouterr().err.splitlines()
    threshold = existence_threshold(PottsTokens(3, 1.5))
    assert len(messages) == 2
    assert all(f"{threshold:.8g}" in message for message in messages)


def test_a_warning_is_one_line(capsys):
    assert main(words("solve", colors="2", beta="1.95", alpha="1")) == 0
    error = capsys.readouterr().err
    assert error.startswith("replica: warning: beta = 1.95")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "log", "values"),
    [
        ("1,2,4", False, [1, 2, 4]),
        (" 3 , 0.5", False, [3, 0.5]),
        ("2", False, [2]),
        ("1:3:5", False, [1, 1.5, 2, 2.5, 3]),
        ("3:1:3", False, [3, 2, 1]),
        ("1e-1:10:3", True, [0.1, 1, 10]),
        ("2:2:1", False, [2]),
    ],
)
def test_alpha_grammar(text, log, values):
    grid = alpha_grid(text, log)
    assert grid == pytest.approx(values, rel=1e-15)
    assert (grid[0], grid[-1]) == (values[0], values[-1])


#: What is refused, and the name and value that the refusal shows.
BAD = {
    "alpha": {
        "0": "alpha = 0", "-1": "alpha = -1", "nan": "alpha = nan", "inf": "alpha = inf",
        "": "alpha = ''", "one": "alpha = 'one'", "1,,2": "alpha = ''", "1,0": "alpha = 0",
        "1,-2": "alpha = -2", "1;2": "alpha = '1;2'", "1:2": "alpha = '1:2'",
        "1:2:3:4": "alpha = '1:2:3:4'", "1:2:x": "alpha = '1:2:x'",
        "0:2:3": "alpha start = 0", "1:-2:3": "alpha stop = -2", "1:nan:3": "alpha stop = nan",
        "1:2:0": "alpha count = 0", "1:2:-3": "alpha count = -3", "1:2:1": "alpha count = 1",
        "1:2:2.5": "alpha count = 2.5",
    },
    "lam": {
        "-0.1": "lam = -0.1", "-1e-3": "lam = -0.001", "nan": "lam = nan", "inf": "lam = inf",
        "much": "lam = 'much'", "": "lam = ''",
    },
    "colors": {
        "1": "colors = 1", "0": "colors = 0", "-3": "colors = -3", "2.5": "colors = 2.5",
        "3.0": "colors = 3.0", "nan": "colors = nan", "three": "colors = 'three'",
    },
    "beta": {
        "3": "beta = 3", "-3": "beta = -3", "7.5": "beta = 7.5", "nan": "beta = nan",
        "inf": "beta = inf", "hot": "beta = 'hot'",
    },
    "loss": {
        "hinge": "loss = 'hinge'", "": "loss = ''", "Cross-Entropy": "loss = 'Cross-Entropy'",
    },
    "data": {"words": "data = 'words'"},
    "out": {
        ".": "out = '.'",
        "curve.json": "out = 'curve.json'", "taken/curve.csv": "out = 'taken/curve.csv'",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [(name, value, shown) for name, values in BAD.items() for value, shown in values.items()],
)
def test_bad_arguments(tmp_path, monkeypatch, capsys, name, value, shown):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file where a folder should be", encoding="utf-8")
    assert main(words("sweep", **{"out": "curve.csv", name: value})) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert output.err.startswith(f"replica: {shown} is not allowed: {shown.split(' =')[0]} must be")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["threshold", "--colors", "3"], "beta = None is not allowed: beta must be given"),
        (["threshold", "--beta", "3"], "colors = None is not allowed: colors must be given"),
        (["threshold", "--data", "gaussian"], "shift = None is not allowed: shift must be given"),
        (
            ["threshold", "--data", "gaussian", "--shift", "3", "--beta", "1"],
            "beta = 1 is not allowed: beta must be left out",
        ),
        (
            ["bayes", "--data", "gaussian", "--shift", "3", "--alpha", "1"],
            "data = 'gaussian' is not allowed: data must be one of potts, independent, custom",
        ),
        (
            words("asymptotics", "--samples", "few", data="independent"),
            "data = 'independent' is not allowed: data must be one of potts, gaussian, custom",
        ),
        (
            words("baseline", "--estimator", "quadratic", data="independent"),
            "data = 'independent' is not allowed: data must be one of potts, custom",
        ),
        (["bayes", "--colors", "2", "--beta", "1", "--alpha", "-1"], "alpha = -1"),
    ],
)
def test_options_of_other_data(capsys, line, told):
    assert main(line) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"replica: {told}")
    assert output.err.count("\n") == 1


def test_best_weight_decay_and_bound(capsys):
    assert main(["sweep", "--data", "gaussian", "--shift", "2.5", "--lam", "optimal",
                 "--loss", "squared-error", "--alpha", "1,3"]) == 0  # fmt: skip
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [float(line["lam"]) for line in lines] == pytest.approx([2.5, 2.5], rel=1e-6)
    assert main(["bayes", "--colors", "2", "--beta", "1", "--alpha", "1"]) == 0
    (line,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert float(line["test_loss"]) == pytest.approx(0.66448, abs=5e-6)


def test_best_weight_decay_that_is_not_reached(capsys):
    """Both commands show the solution that the search stopped at, and say so in one line."""
    with pytest.raises(ConvergenceError) as stopped:
        optimal_lam(Problem(1e-50, 1.0, PottsTokens(3, 1.5)))
    solution, line = stopped.value.solution, {"lam": "optimal", "alpha": "1e-50"}
    assert main(words("solve", "--json", **line)) == 1
    solved = capsys.readouterr()
    assert json.loads(solved.out) == solution.values()
    assert solved.err == f"replica: {stopped.value}\n"
    assert main(words("sweep", **line)) == 1
    swept = capsys.readouterr()
    (row,) = csv.DictReader(swept.out.splitlines())
    assert (row["status"], float(row["lam"])) == (solution.status, solution.problem.lam)
    assert float(row["test_loss"]) == solution.test_loss
    assert swept.err == solved.err


def test_covariance_and_teacher_from_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    factor = np.random.default_rng(0).standard_normal((20, 40))
    covariance, teacher = factor @ factor.T / 120, factor[:, 0] / 5
    np.savetxt("covariance.txt", covariance)
    np.savetxt("teacher.txt", teacher)
    custom = {"data": "custom", "covariance": "covariance.txt", "teacher": "teacher.txt"}
    assert main(words("sweep", beta=None, alpha="1,2", out="curve.csv", **custom)) == 0
    curve = Table.from_csv("curve.csv")
    data = CustomTokens.from_covariance(covariance, teacher, 3)
    expected = [solve(Problem(alpha, 0.1, data)).test_loss for alpha in (1.0, 2.0)]
    assert curve["test_loss"] == pytest.approx(expected, rel=1e-9)
    # Other numbers in the same files are another table.
    np.savetxt("teacher.txt", 2 * teacher)
    assert main(words("sweep", beta=None, alpha="1,2", out="curve.csv", **custom)) == 2
    capsys.readouterr()
    assert main(words("solve", alpha="1", **custom)) == 2
    assert capsys.readouterr().err.startswith("replica: beta = 1.5 is not allowed")


@pytest.mark.parametrize("name", ["covariance", "teacher"])
def test_only_a_file_is_allowed_for_what_is_no_similarity(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.txt").write_text("1", encoding="utf-8")
    files = {"covariance": "one.txt", "teacher": "one.txt"} | {name: "circulant:1,0.5,0.5"}
    assert main(words("solve", beta=None, alpha="1", data="custom", **files)) == 2
    refused = capsys.readouterr().err
    assert refused.startswith(f"replica: {name} = 'circulant:1,0.5,0.5' is not allowed")
    assert f"{name} must be a file with one row of numbers per line" in refused


OTHER_DATA = {
    "coupling-norm": "independent", "shift": "gaussian", "joint": "gaussian",
    "covariance": "custom", "teacher": "custom",
}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "models", "similarity"),
    [
        *((c, tuple(MODELS), True) for c in ("solve", "sweep", "threshold", "stability")),
        ("evolve", tuple(MODELS), True),
        ("bayes", ("potts", "independent", "custom", "couplings"), True),
        ("baseline", ("potts", "custom"), False),
        ("asymptotics", ("potts", "gaussian", "custom"), False),
        ("spectrum", ("potts", "gaussian", "custom"), False),
        (None, ("potts", "independent", "gaussian", "couplings", "tokens"), True),
    ],
)
def test_help_offers_what_a_command_takes(capsys, command, models, similarity):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"]) if command else simulate(["--help"])
    assert stopped.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"one of {', '.join(models)} (potts)" in told
    offered = {name for name in OTHER_DATA if f"--{name} " in told}
    assert offered == {name for name, model in OTHER_DATA.items() if model in models}
    assert ("--similarity" in told) == similarity
    assert f"2 to {100000 if command else 256}" in told
    assert (". Prints " if command else "Train factored attention") in told


def test_stability_and_asymptotics(capsys):
    problem = Problem(1.0, 0.1, PottsTokens(3, 1.5))
    assert main(words("stability", alpha="1,2")) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [float(line["alpha"]) for line in lines] == [1.0, 2.0]
    for line in lines:
        found = stability(solve(problem.at(alpha=float(line["alpha"]))))
        assert float(line["replicon"]) == pytest.approx(found.replicon, rel=1e-9)
    assert main(words("asymptotics", "--samples", "many", alpha="200")) == 0
    (line,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert float(line["test_loss"]) == pytest.approx(
        solve(problem.at(alpha=200.0)).test_loss, abs=1e-4
    )
    assert line["test_loss_order"] == "-2"
    assert main(words("asymptotics", "--samples", "many", alpha="0.001,200")) == 1
    output = capsys.readouterr()
    lines = list(csv.DictReader(output.out.splitlines()))
    assert [line["status"] for line in lines] == ["out-of-range", "in-range"]
    assert float(lines[1]["error"]) < 0.05
    assert output.err == "replica: alpha = 0.001: out-of-range, error inf\n"
    assert main(words("asymptotics", "--samples", "few", alpha="1", lam="0")) == 2
    assert capsys.readouterr().err.startswith("replica: lam = 0")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ([], "command"),
        (["draw"], "draw"),
        (words("sweep", lam=None), "--lam"),
        (words("sweep", alpha=None), "--alpha"),
        (words("solve", "--fast", alpha="1"), "--fast"),
    ],
)
def test_bad_command_lines(capsys, line, name):
    with pytest.raises(SystemExit) as stopped:
        main(line)
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


def test_several_sample_ratios_do_not_make_one_solution(capsys):
    assert main(words("solve", alpha="1,2")) == 2
    assert "replica sweep" in capsys.readouterr().err


def test_log_needs_a_range(capsys):
    assert main(words("sweep", "--log", alpha="1,2")) == 2
    assert capsys.readouterr().err.startswith("replica: alpha = '1,2' is not allowed")


@pytest.mark.parametrize(
    ("changes", "make"),
    [
        ({"alpha": "-2"}, lambda: Problem(-2, 0.1, PottsTokens(3, 1.5))),
        ({"lam": "-0.5"}, lambda: Problem(1.0, -0.5, PottsTokens(3, 1.5))),
        ({"colors": "1"}, lambda: PottsTokens(1, 1.5)),
        ({"colors": "2.5"}, lambda: PottsTokens(2.5, 1.5)),
        ({"beta": "3"}, lambda: PottsTokens(3, 3)),
        ({"loss": "hinge"}, lambda: Problem(1.0, 0.1, PottsTokens(3, 1.5), "hinge")),
    ],
)
def test_python_says_the_same(capsys, changes, make):
    assert main(words("solve", **({"alpha": "1"} | changes))) == 2
    with pytest.raises(ValueError, match="is not allowed") as refused:
        make()
    assert capsys.readouterr().err == f"replica: {refused.value}\n"


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        pytest.param(signal.SIGINT, 130, "interrupted", id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, "terminated", id="SIGTERM", marks=pytest.mark.slow),
    ],
)
def test_interrupted_sweep_keeps_what_is_done(tmp_path, sent, status, said):
    """A curve of three thousand slow points, interrupted when the first are on disk."""
    line = words("sweep", colors="20", beta="8", lam="1e-4", alpha="0.1:50:3000", out="curve.csv")
    process = start_pausing("replica.cli", 2900, line, cwd=tmp_path)
    out = tmp_path / "curve.csv"
    wait_until_grown(process, out)
    os.kill(process.pid, sent)
    _, error = process.communicate(timeout=120)
    assert process.returncode == status
    assert error.endswith(f"are done and kept\nreplica: {said}\n")
    assert "Traceback" not in error
    done = Table.from_csv(out)
    assert 0 < len(done) < 3000
    assert set(done["status"]) == {"converged"}
    assert f"{len(done)} of 3000 points are done and kept" in error


def test_version_and_the_loss_that_gaussian_tokens_allow(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert re.fullmatch(r"replica \d+\.\d+\.\d+\n", capsys.readouterr().out)
    line = ["--data", "gaussian", "--shift", "2.5"]
    assert main(["threshold", *line]) == 0
    assert main(["solve", *line, "--lam", "0.1", "--alpha", "1", "--json"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("1\n")
    assert '"loss": "squared-error"' in output


def test_lines_are_printed_as_they_come(capsys, monkeypatch):
    """Ctrl-C at the third point leaves two."""
    stability, called = replica.predictions.stability.stability, iter(range(9))

    def interrupted(solution):
        if next(called) == 2:
            raise KeyboardInterrupt
        return stability(solution)

    monkeypatch.setattr(replica.predictions.stability, "stability", interrupted)
    assert main(words("stability", alpha="1,2,3,4")) == 130
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "alpha,replicon,quadrature_error,status"
    assert [line.split(",")[0] for line in lines] == ["1.0", "2.0"]
