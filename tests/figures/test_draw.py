"""Figures of the package at parameters of one's own, from Python and from the command line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from drawn import curves, same
from expectations import EXPECTED

import figures
from figures import cli
from figures.drawing.sheet import Sheet
from figures.paper import double_descent
from figures.paper.curves import Size, whole_samples
from figures.paper.figure import PaperFigure
from figures.paper.own_couplings import lengths_of
from figures.paper.parameters import KINDS
from figures.paper.tokens import TokensFigure
from replica.tables import Table

FIGURES = {figure.NAME: figure for figure in cli.FIGURES}
DESCENT = FIGURES["double-descent"]


def made_up(families, x, line, size, workers, label) -> Table:
    """Lines as of theory and trained systems, without their work."""
    known = {"status": "converged", "optimal_loss": 0.2}
    lines = []
    for problem in families:
        for alpha in (*line, *size.marks):
            loss = problem.lam + 1 / alpha
            found = {"test_loss": loss, "train_loss": loss / 2, **problem.at(alpha=alpha).columns()}
            lines.append({"source": "theory", **found, **known})
            for seed in range(size.seeds):
                system = {"sites": size.sites, "samples": round(alpha * size.sites), "seed": seed}
                moved = {name: found[name] + 0.01 * seed for name in ("test_loss", "train_loss")}
                trained = {"source": "simulation", **found, **known, **system, **moved}
                lines += [trained] if alpha in size.marks else []
    return Table(lines)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(DESCENT, "QUICK", Size(20, 2, 4, 50, (0.5, 2.0), 2))
    monkeypatch.setattr(double_descent, "curves", made_up)


def test_parameters_change_what_is_computed_and_drawn(small):
    asked = {"lam": [0.02, 0.2], "beta": 0.5, "colors": 2, "sites": 12, "seeds": 3}
    figure = figures.draw("double-descent", quick=True, **asked)
    table = DESCENT.at(**asked).compute(True, 1)
    trained = table.where(source="simulation")
    assert set(table["lam"]) == {0.02, 0.2}
    assert (set(table["beta"]), set(table["colors"])) == ({0.5}, {2})
    assert (set(trained["sites"]), set(trained["seed"])) == ({12}, {0, 1, 2})
    expected = list(EXPECTED["double-descent"](table))
    shown = curves(figure)
    assert len(shown) == len(expected)
    assert all(any(same(one, other) for one in shown) for other in expected)
    assert "$C=2$, $\\beta=0.5$" in DESCENT.at(**asked).caption(table)


def test_a_table_knows_its_parameters(small, tmp_path, capsys):
    command = ["double-descent", "--quick", "--workers=1", f"--out={tmp_path}"]
    assert cli.main([*command, "--lam=0.02", "--seeds", "3", "--format", "svg,png"]) in (0, 1)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [
        f"double-descent.{ending}" for ending in ("csv", "json", "png", "svg", "txt")
    ]
    made = json.loads((tmp_path / "double-descent.json").read_text())
    assert made["parameters"] | {"lam": [0.02], "seeds": 3} == made["parameters"]
    text = (tmp_path / "double-descent.csv").read_text()
    # From the folder or the file, without the parameters, by the command or from Python.
    again = tmp_path / "again"
    again.mkdir()
    for place in (tmp_path, tmp_path / "double-descent.csv"):
        words = ["double-descent", f"--data={place}", f"--out={again}", "--format=png"]
        assert cli.main(words) in (0, 1)
        assert (again / "double-descent.csv").read_text() == text
    assert json.loads((again / "double-descent.json").read_text())["parameters"]["lam"] == [0.02]
    read, computed = (
        curves(figures.draw("double-descent", **source))
        for source in ({"data": tmp_path}, {"quick": True, "lam": 0.02, "seeds": 3})
    )
    assert len(read) == len(computed)
    assert all(same(a, b) for a, b in zip(read, computed, strict=True))
    # Without the file beside it, or as a Table, it is of the parameters that are given.
    table = Table.from_csv(tmp_path / "double-descent.csv")
    (tmp_path / "double-descent.json").unlink()
    for data in (tmp_path, table):
        assert curves(figures.draw("double-descent", data=data, lam=0.02))
        with pytest.raises(ValueError, match="it has no line of source = theory"):
            figures.draw("double-descent", data=data)
    capsys.readouterr()
    assert cli.main(["all", f"--data={again}", f"--out={tmp_path}"]) in (0, 1)
    assert capsys.readouterr().out.count("double-descent.pdf") == 1


@pytest.mark.parametrize("name", [*FIGURES, "tokens"])
def test_what_a_figure_does_not_take_is_refused(name, tmp_path, capsys):
    figure = FIGURES.get(name, TokensFigure())
    assert isinstance(figure, PaperFigure)
    taken = figure.parameters
    words = [name, *(["family.txt"] if name == "tokens" else [])]
    for other in KINDS.keys() - taken.keys():
        assert cli.main([*words, f"--{other}=3", f"--out={tmp_path}"]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert f"{other} = 3 is not allowed" in told
        assert f"{name} takes {', '.join(taken)}\n" in told
    with pytest.raises(ValueError, match="takes"):
        figure.at(loss="cross-entropy")
    # Every parameter stands in the help and in the list, with its default.
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert cli.main(["list"]) == 0
    (listed,) = (x for x in capsys.readouterr().out.splitlines() if x.split()[0] == name)
    for each, parameter in taken.items():
        assert f"--{each} " in told
        assert f"{parameter.told} ({parameter.default})" in told
        assert f"{each} {parameter.default.partition(';')[0]}" in listed


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("learning-curve", {"beta": 5.0}, "beta = 5.0 is not allowed"),
        ("learning-curve", {"beta": (1.0, 1.2)}, "one for each of the 3 numbers of colours"),
        ("learning-curve", {"colors": 1}, "colors = 1 is not allowed"),
        ("learning-curve", {"colors": (2, 2)}, "of which none comes twice"),
        ("learning-curve", {"lam": (0.1, 0.2)}, "lam must be one number"),
        ("learning-curve", {"sites": "x"}, "sites = 'x' is not allowed"),
        ("learning-curve", {"seeds": 1}, "seeds = 1 is not allowed"),
        ("double-descent", {"lam": range(1, 7)}, "lam must be 1 to 5 numbers"),
        ("regularisation", {"sites": 101}, "alpha = 0.5, 1, 2, 4 make whole numbers of samples"),
        ("finite-size", {"sites": 30}, "two lengths or more"),
        ("phase-diagram", {"lam": 0}, "lam = 0.0 is not allowed"),
        ("no-such-figure", {}, "name = 'no-such-figure' is not allowed"),
        ("double-descent", {"quick": 1}, "quick = 1 is not allowed"),
        ("tokens", {}, "the table that `replica-figures tokens FILE` wrote"),
        ("double-descent", {"data": 3}, "data = 3 is not allowed"),
        ("double-descent", {"data": "nowhere.csv"}, "table = 'nowhere.csv' is not allowed"),
    ],
)
def test_refusals(name, given, told):
    with pytest.raises(ValueError, match=" is not allowed: ") as refusal:
        figures.draw(name, **given)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--format", "gif"],
            "format = 'gif' is not allowed: format must be a list of pdf, png, svg",
        ),
        (["--lam", "0.1,x"], "lam = 'x' is not allowed"),
        (["--sites", "10,20"], "sites must be one number"),
        (["--data", ".", "--table", "x.csv"], "table = 'x.csv' is not allowed"),
        (["--data", "."], "double-descent.csv"),
    ],
)
def test_refusals_of_the_command(words, told, tmp_path, capsys):
    assert cli.main(["double-descent", *words, f"--out={tmp_path}"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert told in message
    assert list(tmp_path.iterdir()) == []


def test_without_parameters_nothing_changes():
    for figure in FIGURES.values():
        assert isinstance(figure, PaperFigure)
        same_figure = figure.at()
        assert (same_figure.given, same_figure.CONTENTS) == ({}, figure.CONTENTS)
        assert same_figure.FULL is figure.FULL
    size = Size(20, 3, 4, 50, (0.33, 2.0), 4)
    assert size.at(None, None) is size
    assert lengths_of(size)[1] == Size(6, 6, 4, 50, (0.33, 2.0), 4)


@pytest.mark.parametrize("sites", [61, 64, 90, 100, 180, 200])
def test_both_lengths_have_whole_numbers_of_samples(sites):
    """At the same sample ratios, which move by less than the half of one over the length."""
    usual = FIGURES["learning-curve"].FULL
    longer, shorter = lengths_of(usual, sites, 4)
    assert (longer.sites, longer.seeds, shorter.seeds) == (sites, 4, 8)
    assert sites / 4 <= shorter.sites <= sites / 2
    assert longer.marks == shorter.marks
    for alpha in longer.marks:
        assert all(abs(alpha * L - round(alpha * L)) < 1e-9 for L in (sites, shorter.sites))
    if sites % 10 == 0:
        assert longer.marks == usual.marks
    common = math.gcd(sites, shorter.sites)
    moved = np.array(whole_samples(usual.marks, common)) - usual.marks
    assert np.all(np.abs(moved) <= 0.5 / common + 1e-12) or min(moved + usual.marks) == 1 / common


def test_other_lengths_have_as_many_systems_as_those_next_to_them():
    finite, threshold = FIGURES["finite-size"], FIGURES["threshold"]
    sizes = finite.at(sites=(35, 60, 1000)).sizes(quick=False)
    assert [(s.sites, s.seeds, s.rows) for s in sizes] == [
        (35, 150, 35), (60, 100, 60), (1000, 12, 1000)
    ]  # fmt: skip
    assert [s.seeds for s in finite.at(seeds=5).sizes(quick=True)] == [5, 5, 5]
    assert finite.sizes(quick=False) == list(finite.FULL)
    assert threshold.FULL.at((25, 60), None).systems == ((25, 300), (60, 200))
    assert threshold.FULL.at(None, None) == threshold.FULL


def test_pictures_keep_their_style_wherever_they_are_saved(small, tmp_path):
    import matplotlib

    figure = figures.draw("double-descent", lam=0.1, quick=True)
    assert isinstance(figure, Sheet)
    before = {name: matplotlib.rcParams[name] for name in ("font.family", "pdf.fonttype")}
    figure.savefig(tmp_path / "saved.pdf")
    picture, size = figure._repr_png_()
    assert before == {name: matplotlib.rcParams[name] for name in before}
    written = (tmp_path / "saved.pdf").read_bytes()
    assert b"/FontFile2" in written
    assert b"/Type3" not in written
    assert picture.startswith(b"\x89PNG")
    assert size["width"] == 700
