"""Tables of the user's own: what is drawn, what is said, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from expectations import both
from test_figures import curves, same

from figures import cli
from figures.overlay import draw_overlay
from figures.style import journal
from replica.tables import Table


def line(source: str, **values: object) -> dict[str, object]:
    common = {"data": "potts", "loss": "cross-entropy", "colors": 3, "beta": 1.5, "lam": 0.1}
    solved = {"status": "converged", "residual": 1e-9, "evaluations": 5}
    return {"source": source, **common, **solved} | values


@pytest.fixture
def tables() -> tuple[Table, Table]:
    rng = np.random.default_rng(0)
    theory = [
        line("theory", alpha=alpha, lam=lam, test_loss=1 / alpha + lam)
        for lam in (0.1, 0.3)
        for alpha in (0.5, 1.0, 2.0, 4.0)
    ]
    simulation = [
        line("simulation", alpha=alpha, lam=lam, sites=50, samples=int(50 * alpha), seed=seed,
             test_loss=1 / alpha + lam + 0.1 * rng.standard_normal())
        for lam in (0.1, 0.3)
        for alpha in (1.0, 2.0)
        for seed in range(4)
    ]  # fmt: skip
    return Table(theory), Table(simulation)


def test_groups_are_drawn_in_one_colour_with_the_error_over_seeds(tables):
    with journal():
        figure = draw_overlay(*tables, "alpha", "test_loss")
    shown = curves(figure)
    whole = Table([*tables[0].lines(), *tables[1].lines()])
    expected = list(both(whole, "alpha", "test_loss", "lam"))
    assert len(shown) == len(expected) == 4
    colors: dict[object, set[object]] = {}
    for curve in expected:
        (found,) = (one for one in shown if same(one, curve))
        colors.setdefault(curve.name, set()).add(found.name)
    assert [len(found) for found in colors.values()] == [1, 1]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "$\\lambda=0.1$",
        "$\\lambda=0.3$",
        "line: theory",
        "marker: simulation",
    ]


def test_along_lam_the_sample_ratio_tells_curves_apart(tables):
    with journal():
        figure = draw_overlay(*tables, "lam", "test_loss", "xy")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:4] == [f"$\\alpha={alpha}$" for alpha in ("0.5", "1", "2", "4")]
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_sizes_share_the_colour_of_their_line(tables):
    theory, simulation = tables
    larger = [one | {"sites": 100, "samples": 2 * one["samples"]} for one in simulation.lines()]
    with journal():
        shown = curves(
            draw_overlay(theory, Table([*simulation.lines(), *larger]), "alpha", "test_loss")
        )
    assert len(shown) == 6
    assert len({curve.name for curve in shown}) == 2


def test_points_that_did_not_converge_are_crosses_and_mentioned(tables, tmp_path, capsys):
    theory, simulation = ([dict(one) for one in table.lines()] for table in tables)
    theory[2]["status"] = "diverged"
    simulation[0]["status"] = "max-steps"
    with journal():
        figure = draw_overlay(Table(theory), Table(simulation), "alpha", "test_loss")
    (axes,) = figure.axes
    crosses = [one for one in axes.get_lines() if one.get_gid() == "not converged"]
    assert [one.get_xdata().tolist() for one in crosses] == [[2.0], [1.0]]
    marked = [c for c in curves(figure) if c.measured]
    assert sorted(len(c.points) for c in marked) == [1, 2]
    gap = next(c for c in curves(figure) if np.isnan(c.points).any())
    assert np.isnan(gap.points[2, 1])
    assert "not converged" in [text.get_text() for text in figure.legends[0].get_texts()]

    paths = [Table(lines).to_csv(tmp_path / f"{name}.csv")
             for name, lines in (("theory", theory), ("sim", simulation))]  # fmt: skip
    command = ["overlay", *map(str, paths), "--y", "test_loss", "--out", str(tmp_path)]
    assert cli.main(command) == 1
    told = capsys.readouterr()
    assert "1 of 8 lines of the theory did not converge" in told.err
    assert "1 of 16 lines of the simulation did not converge" in told.err
    assert told.out.split() == [
        str(tmp_path / f"overlay.{ending}") for ending in ("csv", "json", "pdf", "png")
    ]
    assert len(Table.from_csv(tmp_path / "overlay.csv")) == 24


def test_a_single_seed_is_mentioned(tables, tmp_path, capsys):
    theory, simulation = tables
    theory.to_csv(tmp_path / "theory.csv")
    simulation.where(seed=0).to_csv(tmp_path / "sim.csv")
    command = ["overlay", str(tmp_path / "theory.csv"), str(tmp_path / "sim.csv")]
    assert cli.main([*command, "--y", "test_loss", "--out", str(tmp_path)]) == 0
    assert "4 of 4 points have one seed, no error bar" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{theory}", "{sim}", "--y", "V"], "y = 'V' is not allowed"),
        (["{theory}", "{sim}", "--y", "m"], "THEORY = '{theory}' is not allowed"),
        (["{theory}", "{sim}", "--y", "m", "--x", "seed"], "x = 'seed' is not allowed"),
        (["{sim}", "{theory}", "--y", "test_loss"], "THEORY = '{sim}' is not allowed"),
        (["{theory}", "{theory}", "--y", "test_loss"], "SIM = '{theory}' is not allowed"),
        (["{theory}", "{here}/no.csv", "--y", "test_loss"], "path = '{here}/no.csv'"),
        (["{theory}", "{sim}"], "--y"),
        (["{many}", "{sim}", "--y", "test_loss"], "differ in lam"),
    ],
)
def test_refusals(arguments, told, tables, tmp_path, capsys):
    here = tmp_path / "tables"
    here.mkdir()
    places = {name: str(here / f"{name}.csv") for name in ("theory", "sim", "many")}
    many = [line("theory", alpha=1.0 + i, lam=0.01 * i, test_loss=1.0) for i in range(1, 13)]
    for name, table in zip(places, (*tables, Table(many)), strict=True):
        table.to_csv(places[name])
    places["here"] = str(here)
    out = tmp_path / "out"
    out.mkdir()
    words = [word.format(**places) for word in arguments]
    try:
        status = cli.main(["overlay", *words, "--out", str(out)])
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    # Long paths are shortened.
    assert told.format(**places)[:60] in message
    assert list(out.iterdir()) == []
