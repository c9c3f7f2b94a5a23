"""The blocks of the tutorial run as they stand, one after the other."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest

import figures
from figures import cli as drawing
from replica import cli as theory
from replica.tables import Table
from simulations import cli as simulation

TUTORIAL = Path(figures.__file__).with_name("TUTORIAL.md")
TEXT = TUTORIAL.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
COMMANDS = {
    "replica": theory.main,
    "replica-simulate": simulation.main,
    "replica-figures": drawing.main,
}


def test_installation_is_that_of_the_readme():
    language, install = BLOCKS[0]
    assert language == "bash"
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    made, _, installed = install.splitlines()
    assert made in readme
    assert installed in readme


@pytest.mark.usefixtures("without_workers")
def test_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed = ""
    for language, block in BLOCKS[1:]:
        if language == "python":
            exec(block, names)
        elif language == "bash":
            for line in block.splitlines():
                command, *arguments = shlex.split(line)
                # One process is as good, and a test should not take all cores.
                extra = ["--workers", "1"] if command == "replica-simulate" else []
                assert COMMANDS[command]([*arguments, *extra]) == 0, line
            printed += capsys.readouterr().out
        else:
            shown = dict(line.split() for line in printed.splitlines() if len(line.split()) == 2)
            for name, value in (line.split() for line in block.splitlines()):
                # The last digit is that of the machine.
                assert shown[name] == value or float(shown[name]) == pytest.approx(float(value))
    written = {path.name for path in tmp_path.iterdir()}
    made = {"overlay.pdf", "overlay.txt", "mine.pdf", "rates.png", "best.pdf"}
    assert {"theory.csv", "simulation.csv", *made} <= written
    assert len(Table.from_csv("simulation.csv")) == 4 * 8
    assert Path("mine.pdf").read_bytes().startswith(b"%PDF")


def test_public_names_are_there():
    assert all(hasattr(figures, name) for name in figures.__all__)
    # Constants have no help of their own.
    assert all(re.search(rf"\b{name}\b", figures.__doc__) for name in figures.__all__)
    assert f"{figures.ONE_COLUMN} and {figures.TWO_COLUMNS} inches" in figures.__doc__


def test_public_documentation_lists_arguments_and_refusals():
    drawing = (figures.draw, figures.plot, figures.theory_line, figures.measured, figures.markers)
    for function in (*drawing, figures.log_axis):
        assert "Raises\n" in inspect.getdoc(function)
    for documented in (figures.Look, *drawing):
        names = [name for name in inspect.signature(documented).parameters if name != "self"]
        text = inspect.getdoc(documented)
        assert all(re.search(rf"^(.*, )?\**{name}\b.*( :|$)", text, re.M) for name in names), names
