"""The notebooks of the site run from the first cell to the last, and show what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

#: Its sources are in no distribution.
SITE = Path(__file__).parents[2] / "figures" / "site"


def cells(name: str) -> list[str]:
    text = (SITE / f"{name}.md").read_text(encoding="utf-8")
    return re.findall(r"^```\{code-cell\} python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a notebook in an empty folder, and returns the names it leaves."""
    import matplotlib.pyplot as plt

    def left(name: str) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for cell in cells(name):
            exec(compile(cell, name, "exec"), names)
        return names

    monkeypatch.chdir(tmp_path)
    backend = plt.get_backend()
    plt.switch_backend("agg")
    yield left
    plt.close("all")
    plt.switch_backend(backend)


def distances(names: dict[str, Any], theory: Any) -> Any:
    """Return how far the means over seeds are from a theory, in units of their errors."""
    means = names["means"]
    return (means["test_loss"] - theory) / np.hypot(means["test_loss_stderr"], 0.5 / 40)


def test_every_notebook_is_tested_and_in_the_site():
    index = (SITE / "index.md").read_text(encoding="utf-8")
    notebooks = {path.stem for path in SITE.glob("*.md") if "kernelspec" in path.read_text("utf-8")}
    tested = set(re.findall(r'run\("(.*?)"\)', Path(__file__).read_text(encoding="utf-8")))
    assert notebooks == tested
    assert all(re.search(rf"^{name}$", index, re.MULTILINE) for name in notebooks)
    # From nothing to an overlay of one's own couplings in twelve cells.
    assert len(cells("your-couplings")) <= 12


def test_own_couplings(run):
    names = run("your-couplings")
    assert set(names["trained"]["status"]) == {"converged"}
    assert Path("mine.pdf").read_bytes().startswith(b"%PDF")
    lines, bars = names["axes"].lines, names["axes"].containers
    assert len(bars) == 2
    assert len(lines) >= 2
    # The theory tells which rows are easy.
    assert np.corrcoef(names["theory"], names["measured_rows"])[0, 1] > 0.8


@pytest.mark.slow
def test_learning_curve(run):
    """Errors of eight seeds, and 1/L: a false alarm once in ten thousand seeds."""
    names = run("learning-curve")
    assert np.abs(distances(names, names["predicted"]["test_loss"])).max() < 5
    assert names["best"].test_loss > names["bound"].test_loss


@pytest.mark.slow
def test_own_sequences(run):
    names = run("your-sequences")
    assert set(names["means"]["status"]) == {"converged"}
    there = [names["finite_test_loss"](names["solve"](one)) for one in names["problems"]]
    gaps = np.abs(names["means"]["test_loss"] - there)
    assert np.all(gaps < 4 * names["means"]["test_loss_stderr"] + 2 / 24)
    assert names["best"].test_loss < names["prediction"].test_loss


@pytest.mark.slow
def test_masking_and_time(run):
    names = run("masking-and-time")
    assert min(names["losses"]["dynamic"]) > names["best"].test_loss - 1e-9
    assert 0 < names["course"].best["step"] < 60
    assert np.abs(distances(names, names["passed"]["test_loss"])).max() < 5
