"""Curves and tables: order, failed points, columns, files."""

from __future__ import annotations

import csv
import json
import platform
from datetime import datetime

import numba
import numpy as np
import pytest
import scipy

from replica import (
    Curve,
    CustomTokens,
    PottsTokens,
    Problem,
    Table,
    existence_threshold,
    solve,
    sweep,
)

DATA = PottsTokens(colors=3, beta=1.5)
PROBLEM = Problem(alpha=1.0, lam=0.1, data=DATA)
COLUMNS = (
    "source,data,loss,colors,beta,lam,alpha,sites,samples,seed,test_loss,train_loss,optimal_loss,"
    "excess_loss,error_rate,coupling_error,m,q,V,status,residual,evaluations"
)


def test_lines_stand_in_the_order_given():
    alphas = [2.0, 0.5, 7.0, 0.5, 1.0]
    curve = sweep(PROBLEM, alphas)
    np.testing.assert_array_equal(curve["alpha"], alphas)
    for solution, alpha in zip(curve.solutions, alphas, strict=True):
        alone = solve(PROBLEM.at(alpha=alpha))
        assert solution.test_loss == pytest.approx(alone.test_loss, rel=1e-10)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_failed_points_are_kept_and_seed_nothing(loss):
    threshold = existence_threshold(DATA, loss)
    problem = PROBLEM.at(lam=0.0, loss=loss)
    curve = sweep(problem, threshold * np.array([1.5, 0.5, 1.05, 0.99, 3.0]))
    below = [False, True, False, True, False]
    assert not curve.converged
    expected = ["below-threshold" if low else "converged" for low in below]
    assert curve["status"].tolist() == expected
    np.testing.assert_array_equal(np.isnan(curve["test_loss"]), below)
    for solution in curve.solutions:
        if solution.converged:
            alone = solve(solution.problem)
            assert solution.test_loss == pytest.approx(alone.test_loss, rel=1e-9)


@pytest.mark.parametrize("alphas", [[1.0, 0.0], [1.0, -2.0], [float("nan")], ["1"], [[1.0], [-1]]])
def test_sample_ratios_are_checked_before_any_work(alphas):
    with pytest.raises(ValueError, match=r"^alpha = .* must be a finite number greater than 0$"):
        sweep(PROBLEM, alphas)


def test_no_sample_ratio_gives_an_empty_curve():
    assert len(sweep(PROBLEM, [])) == 0


def test_columns_and_cells_of_the_file(tmp_path):
    curve = sweep(PROBLEM, [0.5, 2.0])
    text = curve.to_csv(tmp_path / "curve.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == COLUMNS + ",temperature,calibrated_loss"
    lines = list(csv.DictReader(text.splitlines()))
    for line, solution in zip(lines, curve.solutions, strict=True):
        assert (line["source"], line["data"], line["loss"]) == ("theory", "potts", "cross-entropy")
        assert line["sites"] == line["samples"] == line["seed"] == ""
        assert float(line["excess_loss"]) == solution.test_loss - solution.optimal_loss
        for name in ("test_loss", "train_loss", "error_rate", "coupling_error", "m", "q", "V"):
            assert float(line[name]) == getattr(solution, name)


def test_what_does_not_apply_is_empty(tmp_path):
    problem = PROBLEM.at(lam=0.0)
    text = sweep(problem, [0.5]).to_csv(tmp_path / "curve.csv").read_text(encoding="utf-8")
    (line,) = csv.DictReader(text.splitlines())
    assert line["status"] == "below-threshold"
    for name in ("test_loss", "train_loss", "excess_loss", "coupling_error", "m", "V", "residual"):
        assert line[name] == ""


def test_round_trip_keeps_every_bit(tmp_path):
    curve = sweep(PROBLEM.at(lam=0.0), [0.7, 1.7, 3.1])
    read = Table.from_csv(curve.to_csv(tmp_path / "curve.csv"))
    for name in COLUMNS.split(","):
        np.testing.assert_array_equal(read[name], curve[name], name)


def test_a_curve_is_read_back_as_a_table(tmp_path):
    curve = sweep(PROBLEM, [0.7, 1.7])
    path = curve.to_csv(tmp_path / "curve.csv")
    read = Curve.from_csv(path)
    assert type(read) is Table
    assert read.lines() == Table.from_csv(path).lines()
    np.testing.assert_array_equal(read["test_loss"], curve["test_loss"])
    with pytest.raises(ValueError, match=r"^own = .*none\.csv.* a readable table \(no such file"):
        Curve.from_csv(tmp_path / "none.csv", "own")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Curve, [{"alpha": 1.0}]),
        (Curve, None),
        (Curve, "curve.csv"),
        (Table, "curve.csv"),
        (Table, {"alpha": 1.0}),
        (Table, [1.0]),
        (Table, Table([{"alpha": 1.0}])),
        (Curve, Table([{"alpha": 1.0}])),
    ],
)
def test_what_makes_no_table_is_refused(kind, given):
    name = {Curve: "solutions", Table: "lines"}[kind]
    with pytest.raises(ValueError, match=f"^{name} = [^\n]* is not allowed: [^\n]*$"):
        kind(given)


def test_sidecar_tells_where_the_table_comes_from(tmp_path):
    curve = sweep(PROBLEM.at(lam=0.0), [0.7, 1.7])
    curve.to_csv(tmp_path / "curve.csv", command="by hand", parameters={"lam": 0.0}, seeds=[])
    assert {path.name for path in tmp_path.iterdir()} == {"curve.csv", "curve.json"}
    told = json.loads((tmp_path / "curve.json").read_text(encoding="utf-8"))
    assert (told["command"], told["parameters"], told["seeds"]) == ("by hand", {"lam": 0.0}, [])
    assert told["quadrature_error"][0] is None
    assert 0 < told["quadrature_error"][1] < 1e-9
    assert told["version"]
    assert told["libraries"] == {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
    }
    assert datetime.fromisoformat(told["date"]).tzinfo is not None


def test_sidecar_of_a_curve_holds_the_parameters(tmp_path):
    similarity = [[1.0, 0.2, 0.2], [0.2, 1.0, 0.2], [0.2, 0.2, 1.0]]
    own = CustomTokens.from_spectrum([0.5, 1.0], [1, 1], [1, 2], 3)
    for data, told in (
        (PottsTokens(3, 1.5), {"colors": 3, "beta": 1.5}),
        (PottsTokens(3, 1.5, similarity), {"colors": 3, "beta": 1.5, "similarity": similarity}),
        (own, {"eigenvalues": [0.5, 1.0], "weights": [0.5, 0.5], "teacher": [1.0, 2.0]}),
    ):
        curve = sweep(Problem(1.0, 0.1, data), [1.0, 2.0])
        curve.to_csv(tmp_path / "curve.csv")
        known = json.loads((tmp_path / "curve.json").read_text(encoding="utf-8"))["parameters"]
        always = {"data": data.name, "loss": "cross-entropy", "lam": 0.1, "alpha": [1.0, 2.0]}
        assert known == {**known, **always, **told}
    both = Curve(solve(PROBLEM.at(lam=lam)) for lam in (0.1, 0.2))
    both.to_csv(tmp_path / "curve.csv")
    known = json.loads((tmp_path / "curve.json").read_text(encoding="utf-8"))["parameters"]
    assert known["lam"] == [0.1, 0.2]


def test_any_iterable_of_sample_ratios():
    expected = sweep(PROBLEM, [1.0, 2.0])["test_loss"]
    for alphas in ((a for a in (1.0, 2.0)), np.array([1, 2]), {1.0: "a", 2.0: "b"}):
        np.testing.assert_array_equal(sweep(PROBLEM, alphas)["test_loss"], expected)


@pytest.mark.parametrize(
    ("problem", "alphas", "message"),
    [
        (3, [1.0], "problem = 3 "),
        (PROBLEM, 2.0, r"alphas = 2\.0 "),
        (PROBLEM, "12", "alphas = '12' "),
        (PROBLEM, [[1.0, 2.0], [3.0, 4.0]], r"alpha = \[1\.0, 2\.0\] "),
        (PROBLEM, np.array([[1.0, 2.0]]), r"alpha = array\(\[1\., 2\.\]\) "),
    ],
)
def test_what_is_no_list_of_sample_ratios(problem, alphas, message):
    with pytest.raises(ValueError, match=message):
        sweep(problem, alphas)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first columns are source,data"),
        ("alpha,test_loss\n1,2\n", "first columns are source,data"),
        (COLUMNS + "\ntheory,potts\n", "line 2 has 2"),
        (COLUMNS + "\n" + "," * 21 + "\n" + "," * 22 + "\n", "line 3 has 23"),
        (COLUMNS + "\n" + ",,,three" + "," * 18 + "\n", "line 2"),
        (COLUMNS + "\n" + "," * 10 + "high" + "," * 11 + "\n", "line 2"),
        (COLUMNS + '\n"never closed\n', "path = "),
    ],
)
def test_reading_is_strict(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        Table.from_csv(path)
    assert "\n" not in str(refused.value)


def test_what_a_spreadsheet_leaves_is_read_over(tmp_path):
    """A mark of the byte order, CR and LF, integers with a point, and empty lines at the end."""
    path, saved = tmp_path / "curve.csv", tmp_path / "saved.csv"
    curve = sweep(PROBLEM, [1.0, 2.0])
    curve.to_csv(path)
    cells = [line.split(",") for line in path.read_text().splitlines()]
    at = cells[0].index("colors")
    for line in cells[1:]:
        line[at] += ".0"
    saved.write_bytes(
        b"\xef\xbb\xbf" + b"\r\n".join(",".join(c).encode() for c in cells) + b"\r\n\r\n"
    )
    assert Table.from_csv(saved).lines() == Table.from_csv(path).lines()
    saved.write_text(path.read_text().replace(f",{PROBLEM.data.colors},", ",3.5,"))
    with pytest.raises(ValueError, match=r"colors = '3\.5' is no integer"):
        Table.from_csv(saved)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"path = .*table\.csv"):
        Table.from_csv(tmp_path / "table.csv")


def test_an_unknown_column_is_named():
    with pytest.raises(KeyError, match="accuracy"):
        sweep(PROBLEM, [1.0])["accuracy"]


def test_points_of_different_numbers_of_modes_in_one_table(tmp_path):
    similar = [[1.0, 0.5, 0.1, 0.5], [0.5, 1.0, 0.5, 0.1]]
    similar += [row[2:] + row[:2] for row in similar]
    curve = Curve(
        solve(Problem(0.9, lam, PottsTokens(4, 0.5, U)), check=False)
        for lam, U in ((0.1, None), (0.2, similar), (0.0, similar))
    )
    one, several, _ = curve.solutions
    assert isinstance(one.m, float)
    assert len(several.m) > 1
    for table in (curve, Table.from_csv(curve.to_csv(tmp_path / "curve.csv"))):
        for name in ("m", "q", "V"):
            column = table[name]
            assert (column.shape, column.dtype) == ((3,), object)
            assert column[0] == getattr(one, name)
            np.testing.assert_array_equal(column[1], getattr(several, name))
            assert np.isnan(column[2])
        for value, lams in (
            (one.m, [0.1]),
            (several.m, [0.2]),
            (list(several.m), [0.2]),
            (several.m[:1], []),
            (several.m[0], []),
            (0.5, []),
        ):
            assert table.where(m=value)["lam"].tolist() == lams
        np.testing.assert_array_equal(table.where(lam=0.2)["m"], [several.m])
        assert table["lam"].tolist() == [0.1, 0.2, 0.0]
