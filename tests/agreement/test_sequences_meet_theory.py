"""The two commands on one file: what is predicted of rows is what trained rows do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from known_mixtures import Mixture

from replica.cli import main as replica
from replica.tables import Table
from simulations import average_seeds
from simulations.cli import main as simulate

LAW = Mixture.random([0.55, 0.45], 59, 0.25, seed=4)
FAMILY = ["--data", "tokens", "--lam", "0.1"]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "\n".join("".join("+-"[t] for t in one) for one in LAW.sample(1500, 0))
    (tmp_path / "spins.txt").write_text(text + "\n" + text[:60])
    return "spins.txt"


@pytest.mark.usefixtures("without_workers")
def test_prediction_and_measurement(file):
    """Within 4 standard errors of both, and 2 %: 1/L. By chance once in 2000 times."""
    family = [*FAMILY, "--tokens", file, "--rows", "0", "--alpha", "2,5"]
    assert replica(["sweep", *family, "--out", "theory.csv"]) == 0
    assert simulate([*family, "--seeds", "12", "--workers", "1", "--out", "trained.csv"]) == 0
    theory, trained = Table.from_csv("theory.csv"), average_seeds(Table.from_csv("trained.csv"))
    assert theory["tokens"].tolist() == trained["tokens"].tolist()
    assert theory["row"].tolist() == [0, 0]
    for name in ("test_loss", "train_loss"):
        error = np.hypot(theory[f"{name}_stderr"], trained[f"{name}_stderr"])
        assert np.all(np.abs(theory[name] - trained[name]) < 4 * error + 0.02 * trained[name])
    # The line that stands twice counts once.
    assert Table.from_csv("trained.csv").lines()[0]["test_samples"] == 1500 - 120
    for name in ("theory.json", "trained.json"):
        parameters = json.loads(Path(name).read_text())["parameters"]
        assert parameters["tokens"].startswith("spins.txt:")
        assert parameters["rows"] == "0"


@pytest.mark.usefixtures("without_workers")
def test_a_table_of_other_sequences_is_not_continued(file, capsys):
    family = [*FAMILY, "--tokens", file, "--rows", "1", "--alpha", "1", "--out", "table.csv"]
    assert simulate([*family, "--workers", "1"]) == 0
    Path(file).write_text(Path(file).read_text().partition("\n")[2].rpartition("\n")[0])
    assert simulate([*family, "--workers", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--rows", "60"], "rows must be rows from 0 to 59"),
        (["--alphabet", "+"], "alphabet must be 2 to 255 different letters"),
        (["--alphabet", "+x"], "which is not in the alphabet"),
        (["--gaps", "none"], "gaps must be one of letter, missing"),
        (["--reweight", "2"], "reweight must be a number greater than 0, up to 1"),
        (["--covariances", "x"], "covariances must be one of class, common"),
        (["--format", "clustal"], "format must be one of fasta, a3m, text, table"),
        (["--alpha", "30"], "alpha must be 19.97 or less"),
        (["--colors", "2"], "colors must be left out with --data tokens"),
        (["--tokens", "none.fasta"], "no such file"),
    ],
)
def test_wrong_options_are_refused_in_a_line(file, capsys, options, why):
    line = [*FAMILY, "--tokens", file, "--rows", "0", "--alpha", "1", *options]
    for command in (["sweep", *line], [*line, "--out", "x.csv"]):
        run = replica if command[0] == "sweep" else simulate
        assert run(command) == 2
        error = capsys.readouterr().err
        assert why in error
        assert error.count("\n") == 1
