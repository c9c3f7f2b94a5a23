"""Every figure draws what its table says, and draws it again from the file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from drawn import curves, same
from expectations import EXPECTED, Curve

from figures import cli
from figures.drawing.style import journal
from figures.paper import (
    attention_spectrum,
    masking_rate,
    phase_diagram,
    recovery,
    rows,
    threshold,
    training_time,
)
from figures.paper.curves import Size
from figures.paper.lines import status_of, threshold_line
from replica.problem import CustomTokens, PottsTokens
from replica.saddle_point.existence_threshold import existence_threshold
from replica.tables import COLUMNS, Table
from replica.tables.columns import KNOWN

#: So small that all figures together take seconds.
SMALL: dict[str, Any] = {
    "learning-curve": Size(20, 3, 4, 50, (0.5, 2.0), 4),
    "learning-curve-similarity": Size(20, 2, 3, 50, (0.5, 2.0), 0),
    "learning-curve-gaussian": Size(20, 3, 4, None, (0.5, 2.0), 4),
    "calibration": Size(20, 3, 4, 50, (0.5, 2.0), 4),
    "couplings": Size(20, 3, 4, 50, (0.5, 2.0), 3),
    "double-descent": Size(20, 3, 4, 50, (0.5, 2.0), 3),
    "order-parameters": Size(20, 3, 4, 50, (0.5, 2.0), 3),
    "regularisation": Size(10, 2, 4, 50, (0.1, 2.0), 4),
    "masking-rate": masking_rate.Amount(Size(14, 3, 3, 20, (0.3,), 1), (6.0,), 3),
    "finite-size": [Size(sites, 3, 4, 50, (), 0) for sites in (10, 15, 25, 30)],
    "phase-diagram": phase_diagram.Grid(3, 3),
    "recovery": recovery.Amount(((60, 3), (100, 3)), 2),
    "attention-spectrum": attention_spectrum.Amount(10, 20, 16, 3, (1.4, 2.0), (1.0, 4.0), 4),
    "rows": rows.Amount(((24, 3), (36, 2)), 4, 50),
    "training-time": training_time.Amount(20, 3, 4, 50, (0.5, 2.0), 3, 0, 12, 64),
    "threshold": threshold.Amount(((8, 12), (12, 7)), 2),
}

FIGURES = {figure.NAME: figure for figure in cli.FIGURES if figure.NAME in SMALL}
TABLES: dict[str, Table] = {}
CURVES: dict[str, list[Curve]] = {}


#: A few of different kinds: what writes figures is the same for all.
EACH_KIND = {"double-descent", "phase-diagram", "rows", "threshold", "calibration"}

#: Takes seconds of theory; its panels are those of the learning curve.
ALIKE = "learning-curve-similarity"


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] * (name == ALIKE)) for name in sorted(FIGURES)
    ]
)
def drawn(request, monkeypatch) -> Iterator[tuple[Any, Table]]:
    figure = FIGURES[request.param]
    if figure.NAME not in TABLES:
        monkeypatch.setattr(figure, "QUICK", SMALL[figure.NAME])
        if figure.NAME == "masking-rate":
            monkeypatch.setattr(figure, "beta", (1.0,))
        monkeypatch.setattr(recovery, "_HELD_OUT", 200)
        monkeypatch.setattr(recovery, "_TEST", 500)
        TABLES[figure.NAME] = figure.compute(quick=True, workers=1)
    return figure, TABLES[figure.NAME]


def shown_of(figure: Any, table: Table) -> list[Curve]:
    """What is drawn of the table of a figure, which is drawn once for all tests."""
    if figure.NAME not in CURVES:
        with journal():
            CURVES[figure.NAME] = curves(figure.draw(table))
    return CURVES[figure.NAME]


def test_every_figure_is_tested():
    apart = {"transformers"}
    assert {figure.NAME for figure in cli.FIGURES} - apart == set(SMALL) == set(EXPECTED)


def test_columns_are_described(drawn):
    figure, table = drawn
    for column in table.columns:
        known = KNOWN["NAME_stderr" if column.endswith("_stderr") else column]
        assert "`" not in known.tables or f"`{figure.NAME}`" in known.tables, column


def test_a_threshold_beyond_all_ratios_is_no_answer():
    # A true row of this size leaves no token to chance.
    certain = CustomTokens.from_spectrum([1.0], [1.0], [1e20], 2)
    assert existence_threshold(certain) == math.inf
    assert threshold_line(certain) == {
        "source": "theory", "loss": "cross-entropy", "data": "custom", "colors": 2, "lam": 0.0,
        "status": "not-finite",
    }  # fmt: skip
    found = threshold_line(PottsTokens(3, 1.5))
    assert (found["status"], found["alpha"]) == ("converged", pytest.approx(1.4848232, abs=5e-8))
    assert (status_of(1.0, math.nan), status_of(-math.inf)) == ("not-finite", "not-finite")


def test_drawn_data_are_the_table(drawn):
    figure, table = drawn
    with journal():
        picture = figure.draw(table)
        CURVES[figure.NAME] = curves(picture)
    shown = list(CURVES[figure.NAME])
    for part in (picture, *picture.subfigs):
        assert all(one.get_window_extent().width <= part.bbox.width for one in part.legends)
    styles: dict[tuple[Any, ...], set[Any]] = {}
    for expected in EXPECTED[figure.NAME](table):
        found = next((c for c in shown if same(c, expected)), None)
        assert found is not None, f"{expected} is not drawn"
        shown.remove(found)
        styles.setdefault(expected.name, set()).add(found.name)
    assert not shown, "more is drawn than the table holds"
    # A line and the markers on it look alike and share a panel; others differ.
    assert all(len(found) == 1 for found in styles.values())
    assert len(set.union(*styles.values())) == len(styles)


def test_lines_that_stand_twice_are_drawn_once(drawn):
    figure, table = drawn
    lines, once = table.lines(), shown_of(figure, table)
    with journal():
        twice = curves(figure.draw(Table([*lines, *lines])))
    assert len(once) == len(twice)
    assert all(same(a, b) for a, b in zip(once, twice, strict=True))


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in EACH_KIND))
        for name in sorted(FIGURES)
    ],
    indirect=True,
)
def test_command_draws_a_table_again_without_computing(drawn, tmp_path, monkeypatch, capsys):
    figure, table = drawn
    monkeypatch.setattr(figure, "compute", None)
    source = table.to_csv(tmp_path / "source.csv")
    out = tmp_path / "out"
    out.mkdir()
    # The formats are those of all figures: tests of `output` write the others.
    again = ["--table", str(source), "--format", "pdf"]
    assert cli.main([figure.NAME, "--out", str(out), *again]) in (0, 1)
    names = [f"{figure.NAME}.{ending}" for ending in ("csv", "json", "pdf", "txt")]
    assert sorted(path.name for path in out.iterdir()) == names
    assert capsys.readouterr().out.split() == [str(out / name) for name in names]
    text = (out / names[0]).read_text()
    assert text == source.read_text()
    assert text.startswith(",".join(COLUMNS))
    made = json.loads((out / names[1]).read_text())
    assert made["command"].startswith(f"replica-figures {figure.NAME}")
    # Fonts are embedded whole, as outlines that can be edited.
    pdf = (out / names[2]).read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    # The picture from the file is the picture from memory.
    first = shown_of(figure, table)
    with journal():
        read = curves(figure.draw(Table.from_csv(source)))
    assert len(first) == len(read)
    assert all(same(a, b) for a, b in zip(first, read, strict=True))
