"""The figure of a user's sequences, from a file of known ones."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from known_mixtures import Mixture

from figures.cli import main
from figures.drawing.style import SIMULATION, THEORY, journal
from figures.paper.tokens import LAMS, Amount, TokensFigure
from replica.commandline.sequence_rows import rows_of_file


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    law = Mixture.random([0.6, 0.4], 15, 0.5, seed=1)
    path = tmp_path_factory.mktemp("tokens") / "mixture.txt"
    path.write_text("\n".join("".join("AB"[t] for t in one) for one in law.sample(260, 0)))
    return path


@pytest.fixture(scope="module")
def figure(file):
    return TokensFigure(partial(rows_of_file, str(file)), quick=Amount(2, 3, 2))


@pytest.fixture(scope="module")
def table(figure):
    return figure.compute(True, 1)


def test_table_has_every_row_predicted_and_trained(table):
    theory, trained = (table.where(source=source) for source in ("theory", "simulation"))
    assert len(theory) == 2 * 2 * len(LAMS)
    assert len(trained) == 3 * len(theory)
    assert set(table["row"]) == {0, 8}
    assert {line["tokens"] for line in table.lines()} == {table.lines()[0]["tokens"]}
    assert np.all(theory["test_loss_stderr"] > 0)
    assert np.all(table["status"] == "converged")
    assert trained.lines()[0]["test_samples"] + trained.lines()[0]["samples"] <= 260


def test_curves_strips_and_rows_are_drawn(figure, table):
    with journal():
        drawn = figure.draw(table)
    kinds = [{line.get_gid() for line in axes.get_lines()} for axes in drawn.axes]
    assert sum(THEORY in kind for kind in kinds) == 2
    assert sum(SIMULATION in kind for kind in kinds) == 5
    alphas = np.unique(table["alpha"])
    assert drawn.axes[-1].get_title() == (
        f"$\\lambda=0.1, 0.01$, $\\alpha={alphas[0]:g}\\dots{alphas[-1]:g}$"
    )
    means = [
        line.get_ydata()
        for line in drawn.axes[0].get_lines()
        if line.get_gid() == THEORY and len(line.get_ydata()) == 2
    ]
    first = table.where(source="theory", lam=LAMS[0])
    for column, drawn_means in zip(("test_loss", "train_loss"), means, strict=True):
        expected = [first.where(alpha=a)[column].mean() for a in np.unique(first["alpha"])]
        assert np.allclose(drawn_means, expected)


def test_a_table_is_drawn_again_and_a_bad_file_refused(tmp_path, file, table, capsys):
    path = table.to_csv(tmp_path / "known.csv")
    assert main(["tokens", str(file), "--out", str(tmp_path), "--table", str(path)]) == 0
    assert (tmp_path / "tokens.png").stat().st_size > 10_000
    bad = tmp_path / "bad.fasta"
    bad.write_text(">a\nAC\n>b\nACC\n")
    capsys.readouterr()
    assert main(["tokens", str(bad), "--out", str(tmp_path), "--quick", "--workers", "1"]) == 2
    error = capsys.readouterr().err
    assert "line 3 has the length 3, that of line 1 2" in error
    assert error.count("\n") == 1
