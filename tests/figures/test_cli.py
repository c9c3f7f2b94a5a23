"""The command replica-figures: bad arguments, the list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from figures import cli
from figures.output.make import make
from figures.output.publish import publish
from figures.paper.tokens import TokensFigure
from replica.errors import MissingExtra
from replica.tables import Table
from replica.tables.journal import Journal


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["learning-curve", "--out", "{missing}"], "out = '{missing}' is not allowed"),
        (["learning-curve", "--out", "{here}", "--workers", "0"], "workers = 0 is not allowed"),
        (["learning-curve", "--out", "{here}", "--table", "{missing}"], "table = '{missing}'"),
        (["learning-curve"], "--out"),
        (["no-such-figure"], "no-such-figure"),
    ],
)
def test_bad_command_line(arguments, told, tmp_path, monkeypatch, capsys):
    # Long values are shortened in messages.
    monkeypatch.chdir(tmp_path)
    places = {"missing": "/dev/null/missing", "here": "."}
    try:
        status = cli.main([argument.format(**places) for argument in arguments])
    except SystemExit as leaving:
        status = leaving.code
    assert status == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert told.format(**places) in message
    assert list(tmp_path.iterdir()) == []


def test_list_names_every_figure(capsys):
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.startswith("learning-curve  ")


LINE = {"source": "theory", "alpha": 1.0}


class Stub:
    """A figure of one line, or one that cannot be made."""

    DESCRIPTION = "none"

    def __init__(self, name: str, trouble: Exception | None = None, status: str = "converged"):
        self.NAME, self.trouble, self.status = name, trouble, status

    def compute(self, quick: bool, workers: int) -> Table:
        if self.trouble is not None:
            raise self.trouble
        return Table([LINE | {"status": self.status}])

    def draw(self, table: Table) -> Figure:
        return Figure(figsize=(1, 1))


@pytest.mark.parametrize(
    ("second", "status", "told"),
    [
        (Stub("second"), 0, "second 0 s\n"),
        (Stub("second", MissingExtra("needs more")), 0, "second is left out: needs more\n"),
        (Stub("second", RuntimeError("of two\nlines")), 1, "failed: RuntimeError: of two lines\n"),
        (Stub("second", status="max-steps"), 1, "second 0 s, not converged everywhere\n"),
    ],
)
def test_all_goes_on_to_the_last_figure(second, status, told, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "FIGURES", (Stub("first"), second, Stub("third")))
    assert cli.main(["all", "--out", str(tmp_path), "--quick"]) == status
    written = {path.stem for path in tmp_path.iterdir()}
    assert written == {"first", "third"} | (set() if second.trouble else {"second"})
    message = capsys.readouterr().err
    assert f"replica-figures: {told}" in message or told in message
    # Not a terminal: nothing but troubles and, at the end, the times.
    assert "1 of 3" not in message
    assert message.splitlines()[-1] == "replica-figures: third 0 s"


def test_a_table_that_is_being_written_is_not_replaced(tmp_path):
    """Neither before the work nor after it."""
    path = tmp_path / "busy.csv"
    refused = pytest.raises(ValueError, match=rf"^out = .*busy\.csv.*; process {os.getpid()} is$")
    idle = Stub("busy", RuntimeError("it was computed"))
    with Journal("out", path, "test", {}, []) as opened:
        opened.append([LINE])
        before = path.read_bytes()
        with refused:
            make(idle, tmp_path, False, 1, None, "replica-figures busy")
        with refused:
            publish(idle.draw(Table([])), Table([]), tmp_path, "busy")
        assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"busy.csv", "busy.json"}


def test_all_tells_what_it_is_at_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "FIGURES", (Stub("first"), Stub("second")))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert cli.main(["all", "--out", str(tmp_path)]) == 0
    assert "replica-figures: second, 2 of 2\n" in capsys.readouterr().err


def test_all_refuses_what_can_be_no_folder(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["all", "--out", str(tmp_path / "file" / "folder")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_gallery_is_small_and_shows_figures_of_the_package():
    # Beside the sources: an installed package has no gallery.
    gallery = Path(__file__).parents[2] / "figures" / "gallery"
    pictures = list(gallery.glob("*.png"))
    known = {TokensFigure.NAME, *(figure.NAME for figure in cli.FIGURES)}
    assert {path.stem for path in pictures} <= known
    assert max(path.stat().st_size for path in pictures) < 80_000
    readme = (gallery.parents[1] / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in pictures if f"figures/gallery/{path.name}" not in readme] == []
