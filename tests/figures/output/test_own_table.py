"""Tables of another figure or command, and what else keeps a figure from being written."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import BinaryIO

import pytest
from matplotlib.figure import Figure

from figures import cli
from figures.output.own_table import own_table
from figures.paper import learning_curve
from figures.paper.contents import ANY
from figures.paper.curves import Size
from replica.errors import WorkerDied
from replica.tables import Table
from replica.tables.provenance import sidecar

FIGURES = {figure.NAME: figure for figure in cli.FIGURES}


def table_of(name: str) -> Table:
    """A line of every kind that the figure has."""
    common = {
        "test_loss": 1.0,
        "train_loss": 0.5,
        "optimal_loss": 0.3,
        "status": "converged",
        "alpha": 1.0,
        "beta": 1.5,
    }
    lines = []
    for kind in FIGURES[name].CONTENTS:
        lines.append(common | {key: 1 if value is ANY else value for key, value in kind.items()})
    return Table(lines)


def refused(name: str, path: Path, out: Path, capsys) -> str:
    out.mkdir(exist_ok=True)
    assert cli.main([name, "--table", str(path), "--out", str(out)]) == 2
    assert list(out.iterdir()) == []
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "table = " in message
    assert f"`replica-figures {name}`" in message
    return message


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[tuple[str, bool], Path]:
    """A table of every figure, with a sidecar that names it and without one."""
    found = {}
    for name in FIGURES:
        for told, maker in ((True, name), (False, "all")):
            path = tmp_path_factory.mktemp("tables") / "some.csv"
            table_of(name).to_csv(path, command=f"replica-figures {maker} --out .")
            if not told:
                sidecar(path).unlink()
            found[name, told] = path
    return found


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("told", [True, False], ids=["sidecar", "no sidecar"])
def test_no_figure_draws_the_table_of_another(name, told, tables, tmp_path, capsys):
    for other in FIGURES.keys() - {name}:
        message = refused(name, tables[other, told], tmp_path / "out", capsys)
        assert (f"it is of {other}\n" in message) == told


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("source", ["theory", "simulation"])
def test_no_figure_draws_the_table_of_another_command(name, source, tmp_path, capsys):
    """Not even at the parameters of the figure, where one of two sources is missing."""
    kinds = [kind for kind in FIGURES[name].CONTENTS if kind["source"] == source]
    lines = [
        {key: 1 if value is ANY else value for key, value in kind.items() if key != "layers"}
        | {"status": "converged", "test_loss": 1.0}
        for kind in kinds
    ] or [{"source": source, "alpha": 1.0, "status": "converged"}]
    path = tmp_path / "curve.csv"
    command = {"theory": "replica", "simulation": "replica-simulate"}[source]
    Table(lines).to_csv(path, command=f"{command} --out curve.csv")
    assert f"it is of `{command}`\n" in refused(name, path, tmp_path / "out", capsys)
    if source == "simulation" and name == "recovery":
        return  # Nothing but the sidecar tells these two lines from a table of its own.
    sidecar(path).unlink()
    refused(name, path, tmp_path / "out", capsys)


@pytest.mark.parametrize("broken", ["", "[]", '{"command": 3}', '{"command": "\'"}', "{"])
def test_a_broken_sidecar_leaves_the_lines_to_tell(broken, tmp_path, capsys):
    path = table_of("double-descent").to_csv(tmp_path / "some.csv")
    sidecar(path).write_text(broken)
    assert len(own_table(FIGURES["double-descent"], str(path), "replica-figures")) == 8
    refused("regularisation", path, tmp_path / "out", capsys)


def test_lines_of_other_data_are_refused(tmp_path, capsys):
    path = tmp_path / "some.csv"
    lines = table_of("double-descent").lines()
    Table([*lines, lines[0] | {"similarity": "circulant:1;0.5;0.5"}]).to_csv(path)
    told = f"line {len(lines) + 2} is none of its\n"
    assert told in refused("double-descent", path, tmp_path / "out", capsys)
    Table(lines[:-1]).to_csv(path)
    told = "it has no line of source = simulation, loss = squared-error, data = potts"
    assert told in refused("double-descent", path, tmp_path / "out", capsys)


def test_a_table_cut_short_is_refused(tmp_path, capsys):
    lines = table_of("recovery").lines()
    whole = [lines[0] | {"row": i, "column": j} for i in range(20) for j in range(20)]
    path = Table([*whole[:-7], lines[1]]).to_csv(tmp_path / "some.csv")
    assert "it cannot be drawn: " in refused("recovery", path, tmp_path / "out", capsys)


def test_the_sidecar_of_one_among_all_names_the_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(FIGURES["double-descent"], "QUICK", Size(10, 2, 2, 20, (0.5, 1.0), 2))
    monkeypatch.setattr(cli, "FIGURES", (FIGURES["double-descent"],))
    assert cli.main(["all", "--quick", "--workers", "1", "--out", str(tmp_path)]) in (0, 1)
    path = tmp_path / "double-descent.csv"
    assert json.loads(sidecar(path).read_text())["parameters"]["figure"] == "double-descent"
    monkeypatch.undo()
    capsys.readouterr()
    told = refused("regularisation", path, tmp_path / "out", capsys)
    assert "it is of double-descent\n" in told


def tear(figure: Figure, stream: BinaryIO, **_: object) -> None:
    stream.write(b"%PDF")
    raise OSError(errno.ENOSPC, "No space left on device")


def lose(figure: Figure, stream: BinaryIO, **_: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize(
    ("savefig", "reason"), [(tear, "no space left on device"), (lose, "permission denied")]
)
@pytest.mark.parametrize("name", ["double-descent", "overlay"])
def test_a_picture_that_cannot_be_written(name, savefig, reason, tmp_path, monkeypatch, capsys):
    source = table_of("double-descent").where(lam=0.1)
    theory, simulation = (
        source.where(source=s).to_csv(tmp_path / f"{s}.csv") for s in ("theory", "simulation")
    )
    whole = table_of("double-descent").to_csv(tmp_path / "whole.csv")
    words = (
        ["--table", whole] if name == "double-descent" else [theory, simulation, "--y", "test_loss"]
    )
    monkeypatch.setattr(Figure, "savefig", savefig)
    out = tmp_path / "out"
    out.mkdir()
    assert cli.main([name, *map(str, words), "--out", str(out)]) == 1
    written = {path.name for path in out.iterdir()}
    assert written == {f"{name}.csv", f"{name}.json"}
    told = capsys.readouterr().err
    assert told == f"replica-figures: {out / name}.pdf cannot be written: {reason}\n"


def test_a_folder_that_was_lost_meanwhile(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    out.mkdir()
    path = table_of("double-descent").to_csv(tmp_path / "whole.csv")
    figure = FIGURES["double-descent"]
    draw = figure.draw

    def slow(table: Table) -> Figure:
        out.rmdir()
        return draw(table)

    monkeypatch.setattr(figure, "draw", slow)
    assert cli.main(["double-descent", "--table", str(path), "--out", str(out)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"{out / 'double-descent.csv'} cannot be written: no such file" in told


@pytest.mark.parametrize("name", ["learning-curve", "recovery"])
def test_work_that_raises_in_a_worker(name, tmp_path, monkeypatch, capsys):
    from simulations.experiments.simulate_many import TaskFailed

    for trouble in (TaskFailed("ValueError: no"), WorkerDied("a worker process was killed")):

        def compute(quick: bool, workers: int, trouble: Exception = trouble) -> Table:
            raise trouble

        monkeypatch.setattr(FIGURES[name], "compute", compute)
        assert cli.main([name, "--quick", "--out", str(tmp_path)]) == 1
        assert capsys.readouterr().err == f"replica-figures: {trouble}\n"
    assert list(tmp_path.iterdir()) == []


def test_learning_curves_are_of_their_own_data():
    """No two panels share their lines, nor does a panel share one with a similarity."""
    contents = learning_curve.FIGURE.CONTENTS
    assert len({tuple(kind.items()) for kind in contents}) == len(contents) == 12
    assert all(kind["similarity"] is None for kind in contents)
