"""Tables as data frames and datasets of other libraries, and in notebooks."""

from __future__ import annotations

import sys

import numpy as np
import pandas
import polars
import pytest

from replica import CustomTokens, PottsTokens, Problem, Table, solve, sweep
from replica.errors import MissingExtra

ALPHAS, LAMS = [1.0, 4.0, 2.0], [0.1, 0.01]
BASE = Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")
RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]


@pytest.fixture(scope="module")
def grid():
    return sweep(BASE, alpha=ALPHAS, lam=LAMS)


@pytest.fixture(scope="module")
def modes():
    return sweep(BASE.at(data=PottsTokens(4, 1.5, RING)), [1.0, 2.0])


def test_data_frames_have_the_columns_of_the_table(grid):
    frame = grid.to_pandas()
    assert list(frame.columns) == list(grid.columns)
    for name in ("alpha", "lam", "test_loss", "q", "residual"):
        assert frame[name].dtype == np.float64
        np.testing.assert_array_equal(frame[name], grid[name])
    assert frame["colors"].dtype == np.int64
    assert frame["status"].tolist() == ["converged"] * 6
    assert frame["sites"].isna().all()


def test_other_libraries_read_tables_as_they_are(grid, modes):
    frame = grid.to_pandas()
    pandas.testing.assert_frame_equal(pandas.DataFrame(grid), frame)
    other = polars.DataFrame(grid)
    assert other.columns == list(frame.columns)
    np.testing.assert_array_equal(other["test_loss"].to_numpy(), grid["test_loss"])
    both = polars.DataFrame(grid + modes)
    assert {"q", "q_1", "q_2"} <= set(both.columns)


def test_a_column_per_colour_mode(grid, modes):
    frame = (modes + grid).to_pandas()
    assert {"m_1", "m_2", "V_1", "V_2", "q"} <= set(frame.columns)
    np.testing.assert_array_equal(frame["q_2"][:2], [s.q[1] for s in modes.solutions])
    assert frame["q_2"][2:].isna().all()
    np.testing.assert_array_equal(frame["q"][2:], grid["q"])
    assert frame["q"][:2].isna().all()
    assert all(kind.kind in "fi" for name, kind in frame.dtypes.items() if name[0] in "mqV")


def test_datasets_have_named_dimensions(grid):
    data = grid.to_xarray()
    assert data.sizes == {"lam": 2, "alpha": 3}
    for line in grid.lines():
        at = data.sel(alpha=line["alpha"], lam=line["lam"])
        assert float(at["test_loss"]) == line["test_loss"]
    assert (data.attrs["beta"], data.attrs["colors"], data.attrs["loss"]) == (1.5, 3, BASE.loss)
    assert "sites" not in data


def test_datasets_of_simulations_and_of_grids_with_gaps():
    lines = [
        {"alpha": a, "sites": L, "samples": round(a * L), "seed": s, "test_loss": a + L + s}
        for a in (1.0, 2.0)
        for L in (10, 20)
        for s in (0, 1)
    ]
    data = Table(lines).to_xarray()
    assert data.sizes == {"alpha": 2, "sites": 2, "seed": 2}
    assert float(data["samples"].sel(alpha=2.0, sites=20, seed=1)) == 40
    gaps = Table(lines[:-1]).to_xarray()["test_loss"]
    assert int(gaps.isnull().sum()) == 1
    with pytest.raises(ValueError, match="no two lines are of the same point"):
        Table(lines + lines[:1]).to_xarray()


def test_datasets_of_theory_and_simulation(grid):
    measured = [line | {"source": "simulation", "sites": 50, "seed": s}
                for line in grid.lines() for s in (0, 1)]  # fmt: skip
    data = (grid + Table(measured)).to_xarray()
    assert {"alpha", "lam", "seed"} == set(data.sizes)
    assert np.isnan(data["seed"][0])
    np.testing.assert_array_equal(data["sites"].sel(seed=1), np.full((2, 3), 50))


def test_lines_slices_and_sums(grid):
    assert grid[0] == grid.lines()[0]
    assert grid[-1]["alpha"] == 2.0
    part = grid[1:3]
    assert part.solutions == grid.solutions[1:3]
    assert (part + grid[:1]).solutions == (*grid.solutions[1:3], grid.solutions[0])
    assert grid.where(lam=0.01).solutions == grid.solutions[3:]
    mixed = grid[:1] + Table(grid[1:2].lines())
    assert (type(mixed), len(mixed)) == (Table, 2)
    assert [line["alpha"] for line in grid] == ALPHAS * 2
    assert grid._ipython_key_completions_() == list(grid.columns)
    with pytest.raises(IndexError):
        grid[6]
    with pytest.raises(TypeError):
        grid + 1


def test_empty_tables():
    empty = Table([])
    assert list(empty) == []
    assert len(empty.to_pandas()) == 0
    assert polars.DataFrame(empty).shape == (0, len(empty.columns))


def test_notebooks_show_the_head_of_a_table(grid):
    shown = (grid + grid)._repr_html_()
    assert shown.count("<tr>") == 1 + 10
    assert "10 shown and 2 more" in shown
    assert "<th>sites</th>" not in shown
    assert f"<td>{grid['test_loss'][0]:.6g}</td>" in shown
    assert "&lt;b&gt;" in Table([{"data": "<b>"}])._repr_html_()


def test_notebooks_show_a_solution_with_its_state():
    solution = solve(BASE)
    shown = solution._repr_html_()
    assert "converged: the equations hold" in shown
    assert f"<td>test_loss</td><td>{solution.test_loss:.6g}</td>" in shown
    assert "<td>λ</td><td>0.1</td>" in shown
    none = CustomTokens.from_spectrum([1.0], [1.0], [1.0], 3)
    failed = solve(Problem(0.1, 0.0, none), check=False)
    assert "below-threshold" in failed._repr_html_()


@pytest.mark.parametrize("name", ["pandas", "xarray"])
def test_a_library_that_is_missing_is_named(grid, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=f"^{name} is not installed: pip install"):
        getattr(grid, f"to_{name}")()
