"""The description of the columns, and what is read of cells by it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from replica.problem import DATA_MODELS, GaussianTokens, IndependentTokens, PottsTokens
from replica.tables import COLUMNS, Table
from replica.tables.columns import EVERY, FURTHER, KNOWN, OBSERVABLES, POINT

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]


def read(folder, name: str, cell: str):
    """A cell of a column, as a table with it is read."""
    columns = list(dict.fromkeys([*COLUMNS, name]))
    path = folder / "table.csv"
    cells = [cell if column == name else "" for column in columns]
    path.write_text(f"{','.join(columns)}\n{','.join(cells)}\n", encoding="utf-8")
    (line,) = Table.from_csv(path).lines()
    return line[name]


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("colors", "3.0", 3),
        ("rows", "40.0", 40),
        ("test_samples", "2e3", 2000),
        ("epoch", "7.0", 7),
        ("joint", "1", 1),
        ("beta", "3", 3),
        ("m", "0.5;1.5", [0.5, 1.5]),
        ("V", "2", 2),
        ("my_own", "1;2", [1.0, 2.0]),
        ("my_own", "2.5", 2.5),
        ("similarity", "circulant:1;0.5;0;0.5", "circulant:1;0.5;0;0.5"),
        ("estimator", "1", "1"),
        ("test_loss_stderr", "0.25", 0.25),
    ],
)
def test_cells_are_read_as_what_their_column_holds(name, cell, value, tmp_path):
    found = read(tmp_path, name, cell)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "cell"),
    [("sites", "2.5"), ("rows", "2.5"), ("epochs", "0.5"), ("test_loss", "1;2"),
     ("coupling_norm", "1;2"), ("memory", "low"), ("seed", "1;2")],
)  # fmt: skip
def test_cells_of_another_kind_are_refused(name, cell, tmp_path):
    with pytest.raises(ValueError, match=f"line 2: {name} = '{cell}' is no "):
        read(tmp_path, name, cell)


def test_every_column_is_described_once():
    assert len(KNOWN) == len(EVERY)
    assert all(bool(column.tables) == bool(column.meaning) for column in EVERY)
    assert set(POINT) | set(FURTHER) | set(OBSERVABLES) <= set(KNOWN)
    assert not (set(POINT) | set(FURTHER)) & set(OBSERVABLES)


@pytest.mark.parametrize(
    "examples",
    [
        # No couplings have both.
        (PottsTokens(4, 1.0, RING, "orthogonal"), PottsTokens(4, 1.0, spike=1.0)),
        (IndependentTokens(3, 1.0),),
        (GaussianTokens(3.0, 2, joint=True),),
    ],
    ids=lambda examples: examples[0].name,
)
def test_parameters_of_data_tell_points_apart(examples):
    data = examples[0]
    told = {name for each in examples for name in each.columns()}
    assert told == {"data", *(field.name for field in fields(data))}
    for name in told:
        assert KNOWN[name].parameter, name
        assert KNOWN[name].data in ("", data.name), name


def test_parameters_belong_to_data_models():
    assert {column.data for column in EVERY} - {""} <= set(DATA_MODELS)
