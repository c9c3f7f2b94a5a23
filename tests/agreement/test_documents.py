"""The code blocks of README and guide run as they stand; what the documents name is there."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

import replica
import simulations
from replica import GaussianTokens, IndependentTokens, PottsTokens, Problem
from replica import cli as theory
from replica.tables import COLUMNS
from replica.tables.columns import EVERY, Column
from simulations import cli as simulation
from simulations import simulate_many

ROOT = Path(__file__).parents[2]
README, GUIDE, COMMANDS = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "replica/GUIDE.md", "replica/COMMANDS.md")
)

#: All but what tells of the past.
DOCUMENTS = [
    path
    for folder in (".", "replica", "simulations", "figures")
    for path in sorted((ROOT / folder).glob("*.md"))
    if path.name != "CHANGELOG.md"
]
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("replica", "simulations", "figures", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != Path(__file__)
)
WORDS = set(re.findall(r"\w+", SOURCES))
PACKAGES = "replica|simulations|figures"


def blocks(language: str, text: str = GUIDE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_first_python_runs():
    (block,) = blocks("python", README)
    names: dict[str, Any] = {}
    exec(block, names)
    solution, grid = names["solution"], names["grid"]
    for value in (solution.test_loss, solution.train_loss, solution.optimal_loss):
        assert f"{value:.4f}" in block
    assert f"{names['best'].test_loss:.4f}" in block
    assert len(grid) == len(grid.to_pandas()) == 12
    assert dict(grid.to_xarray().sizes) == {"lam": 2, "beta": 2, "alpha": 3}


def test_the_readme_is_short():
    assert README.count("\n") <= 250


def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        if "learn_encoder" not in block:
            exec(block, names)
    assert names["solution"].test_loss == pytest.approx(1.0434, abs=5e-5)
    assert names["solution"].train_loss == pytest.approx(0.6590, abs=5e-5)
    assert names["solution"].optimal_loss == pytest.approx(0.8772, abs=5e-5)
    assert len(names["curve"]["test_loss"]) == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.csv", "curve.json"]
    assert names["line"]["status"] == "converged"
    smoothed, trained = names["smoothed"], names["trained"]
    shown = (round(smoothed.error_rate, 4), round(smoothed.coupling_error, 4))
    assert f"# {shown[0]}, {shown[1]}" in GUIDE
    assert trained["loss"] == "smoothed"
    # One system of 60 sites: five standard errors over its rows, and 1/L.
    gap = abs(trained["error_rate"] - smoothed.error_rate)
    assert gap < 5 * trained["error_rate_stderr"] + 1 / 60
    assert names["course"].test_loss[-1] == pytest.approx(1.0434, abs=5e-5)
    assert names["passing"].status == "converged"
    losses = names["losses"]
    error = np.std(losses, ddof=1) / len(losses) ** 0.5
    # Three standard errors over the rows of the one system that its seed names.
    assert error < 0.005
    assert np.mean(losses) == pytest.approx(1.043426, abs=3 * error)


@pytest.mark.slow
def test_the_encoder_block_runs(tmp_path, monkeypatch):
    for module in ("jax", "optax"):
        pytest.importorskip(module, reason=f"{module}, of the extra 'transformer', is missing")
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks("python") if "learn_encoder" in block)
    names: dict[str, Any] = {}
    exec(block, names)
    losses = names["run"].held_out_losses
    assert len(losses) == 12
    assert losses[-1] < losses[0] < 2
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.npz"]


@pytest.mark.parametrize("text", [README, COMMANDS], ids=["README", "COMMANDS"])
@pytest.mark.usefixtures("without_workers")
def test_theory_commands_run(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (commands,) = (block for block in blocks("bash", text) if "replica solve" in block)
    lines = [shlex.split(line) for line in commands.splitlines()]
    for name, *arguments in lines:
        if name == "replica":
            assert theory.main(arguments) == 0
    assert "1.043426185" in capsys.readouterr().out
    assert (tmp_path / "curve.csv").read_text().count("\n") == 31


@pytest.mark.usefixtures("without_workers")
def test_simulation_command_is_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (commands,) = (block for block in blocks("bash", COMMANDS) if "replica solve" in block)
    (line,) = (line for line in commands.splitlines() if line.startswith("replica-simulate"))
    arguments = shlex.split(line)[1:]
    arguments[arguments.index("--sites") + 1] = "20"
    arguments[arguments.index("--seeds") + 1] = "1"
    assert simulation.main([*arguments, "--workers", "1"]) == 0
    assert (tmp_path / "sim.csv").read_text().count("\n") == 4


@pytest.mark.usefixtures("without_workers")
def test_commands_of_the_estimators_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (commands,) = (block for block in blocks("bash") if "replica evolve" in block)
    for name, *arguments in map(shlex.split, commands.splitlines()):
        if name == "replica":
            assert theory.main(arguments) == 0
        else:
            arguments[arguments.index("--sites") + 1] = "20"
            assert simulation.main([*arguments, "--workers", "1"]) == 0
    assert "1.0434261" in capsys.readouterr().out
    assert ",amp," in (tmp_path / "amp.csv").read_text()


def test_columns_are_those_of_the_tables():
    assert ",".join(COLUMNS) in COMMANDS.splitlines()


def test_columns_of_some_tables_are_those_described():
    apart: dict[str, list[Column]] = {}
    for column in EVERY:
        if column.tables:
            apart.setdefault(column.tables, []).append(column)
    expected = [
        [", ".join(f"`{column.name}`" for column in columns), tables,
         "; ".join(column.meaning for column in columns)]
        for tables, columns in apart.items()
    ]  # fmt: skip
    (rows,) = re.findall(r"^\| column \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", COMMANDS, re.MULTILINE)
    assert [row.strip("| ").split(" | ") for row in rows.splitlines()] == expected


def test_columns_of_some_tables_are_explained():
    alike = PottsTokens(3, 1.0, [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    for data in (alike, IndependentTokens(3, 1.0), GaussianTokens(3.0)):
        table = simulate_many([Problem(2.0, 0.1, data, "squared-error")], [8], [0])
        for column in table.columns[len(COLUMNS) :]:
            name = "NAME_stderr" if column.endswith("_stderr") else column
            assert re.search(rf"^\| [^|]*`{name}`", COMMANDS, re.MULTILINE), column


@pytest.mark.parametrize("package", [replica, simulations], ids=lambda package: package.__name__)
def test_public_functions_say_what_they_take_and_return(package):
    public = {name: getattr(package, name) for name in package.__all__}
    for name, value in public.items():
        told = inspect.getdoc(value) or ""
        assert "History" not in told, name
        if inspect.isfunction(value):
            assert "\nParameters\n----------\n" in told, name
            assert "\nReturns\n-------\n" in told, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(path):
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    names = re.findall(r"`([^`\n]+)`", prose)
    files = re.findall(rf"\b(?:{PACKAGES}|tests)/[\w./-]*\w\.(?:py|md|txt|png)\b", text)
    links = re.findall(r"\]\((?!http)([^)#]+)\)", prose)
    assert [name for name in names + files if not is_there(name, path)] == []
    assert [link for link in links if not (path.parent / link).is_file()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_find_them(path):
    links = re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", path.read_text(encoding="utf-8"))
    lost = [
        (name, anchor)
        for name, anchor in links
        if anchor not in anchors((path.parent / name if name else path).read_text(encoding="utf-8"))
    ]
    assert lost == []


def anchors(text: str) -> set[str]:
    """Return what the headings of a document are called in links."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_a_link_to_no_heading_is_missed():
    known = anchors("# Figures\n```\n# no heading\n```\n## Finite systems, and *more*\n")
    assert known == {"figures", "finite-systems-and-more"}


def is_there(name: str, document: Path) -> bool:
    """Tell whether a file, module, name or option exists; of anything else nothing is known."""
    if re.fullmatch(r"[\w./-]+\.(py|pyi|md|toml)", name) or re.match(rf"({PACKAGES}|tests)/", name):
        if "NAME" in name:
            return (ROOT / name).parent.is_dir()
        near = (ROOT / name, document.parent / name, ROOT / "tests" / "benchmarks" / name)
        return any(place.exists() for place in near)
    if re.match(rf"({PACKAGES})\.\w", name):
        return is_importable(re.match(r"[\w.]+", name).group())
    if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*(\(.*\))?", name):
        return set(name.partition("(")[0].split(".")) <= WORDS
    options = re.findall(r"(?<!\S)--([a-z][a-z-]*)", name)
    return all(f"--{one}" in SOURCES or f'"{one.replace("-", "_")}"' in SOURCES for one in options)


def is_importable(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("name", [
    "quadrature/lettuce.py", "replica/lattice.py", "replica.path", "replica.problem.data",
    "_colour_nodes", "Spectrum.eigensystem", "--coupling-length", "replica sweep --seeds-of L",
])  # fmt: skip
def test_what_is_not_there_is_missed(name):
    assert not is_there(name, ROOT / "replica" / "THEORY.md")
