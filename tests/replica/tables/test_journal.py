from __future__ import annotations

import errno
import json
import os
import time
from contextlib import ExitStack

import numpy as np
import pytest

from replica.errors import Unwritable
from replica.tables import Table
from replica.tables.atomic_files import partial_file
from replica.tables.journal import Journal
from replica.tables.locks import unwritten
from simulations.epochs.checkpoint import load, save

LINE = {"source": "theory", "loss": "cross-entropy", "alpha": 0.1, "test_loss": 1 / 3, "rows": 4}


def journal(path, **changes) -> Journal:
    content = {"command": "test", "parameters": {"lam": 0.1}, "seeds": [0]} | changes
    return Journal("out", path, **content)


def test_what_was_appended_is_found_again(tmp_path):
    path = tmp_path / "table.csv"
    for count in range(3):
        with journal(path) as opened:
            assert len(opened.lines) == count
            opened.append([LINE | {"alpha": float(count)}])
    with journal(path) as opened:
        (first, _, third) = opened.lines
        assert (first["test_loss"], third["alpha"]) == (1 / 3, 2.0)
        opened.finish(reversed(opened.lines))
    assert list(Table.from_csv(path)["alpha"]) == [2.0, 1.0, 0.0]
    assert {p.name for p in tmp_path.iterdir()} == {"table.csv", "table.json"}


def test_half_written_files_are_cleared_away(tmp_path):
    for name in ("table.csv", "table.json"):
        os.close(partial_file(tmp_path / name)[0])
    (tmp_path / ".table.csv.swp").write_text("of an editor")
    with journal(tmp_path / "table.csv"):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"table.csv", "table.json", ".table.csv.swp"}


@pytest.mark.parametrize(
    "long", ["x" * 240, "\U0001d6fc" * 60, "[*]"], ids=["long", "wide", "pattern"]
)
def test_half_written_files_of_other_tables_are_left_alone(tmp_path, long):
    """Names may begin with another's, or with as many letters as are told of both."""
    mine = tmp_path / f"{long}1.csv"
    others = [tmp_path / f"{long}1.csv.b.csv", tmp_path / f"{long}2.csv", tmp_path / "1.csv"]
    paths = []
    for target in (*others, mine):
        handle, path = partial_file(target)
        os.close(handle)
        paths.append(path)
        assert len(os.fsencode(os.path.basename(path))) <= 143
    with journal(mine):
        pass
    left = {str(path) for path in tmp_path.iterdir() if path.suffix == ".partial"}
    assert left == set(paths[:-1])


def test_a_full_disk_keeps_what_is_done(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write = os.write

    def torn(handle, content):
        write(handle, content[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with journal(path) as opened:
        opened.append([LINE])
        before = path.read_bytes()
        monkeypatch.setattr(os, "write", torn)
        with pytest.raises(Unwritable, match=r"table\.csv cannot be written .*no space left"):
            opened.append([LINE])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"parameters": {"lam": 0.2}}, "lam = 0.1 instead of 0.2"),
        ({"parameters": {}}, "lam = 0.1 instead of null"),
        ({"seeds": [1]}, r"seeds = \[0\] instead of \[1\] \(it lacks 1, it has besides 0\)"),
    ],
)
def test_other_content_is_refused(tmp_path, changes, difference):
    path = tmp_path / "table.csv"
    with journal(path) as opened:
        opened.append([LINE])
    before = path.read_bytes(), path.with_suffix(".json").read_bytes()
    with pytest.raises(ValueError, match=f"out = .*{difference}"):
        journal(path, **changes)
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == before


def test_other_versions_and_lost_or_broken_sidecars_are_refused(tmp_path):
    path = tmp_path / "table.csv"
    with journal(path) as opened:
        opened.append([LINE])
    told = json.loads(path.with_suffix(".json").read_text())
    for text in (json.dumps(told | {"version": "0.0.1"}), "{torn", "[]", '{"parameters": 3}'):
        path.with_suffix(".json").write_text(text)
        with pytest.raises(ValueError, match=r"out = .*instead of"):
            journal(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match=r"out = .*instead of"):
        journal(path)


def test_tables_without_points_do_not_stand_in_the_way(tmp_path):
    path = tmp_path / "table.csv"
    with journal(path):
        pass
    with journal(path, parameters={"lam": 5.0}) as opened:
        opened.append([LINE])
    assert len(Table.from_csv(path)) == 1


def test_other_files_are_not_touched(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("my notes")
    with pytest.raises(ValueError, match=r"out = .*a new file or a table"):
        journal(path)
    assert path.read_text() == "my notes"


def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "table.csv"
    with journal(path), pytest.raises(ValueError, match=f"process {os.getpid()} is"):
        journal(path)
    with journal(path):
        pass


def test_a_table_that_is_being_written_is_not_replaced(tmp_path):
    """Neither unfinished nor while a finished one grows; a dead writer stands in nobody's way."""
    path, other = tmp_path / "table.csv", Table([LINE | {"alpha": 7.0}])
    failed = LINE | {"alpha": 2.0, "status": "failed: ValueError: no"}
    for lines in ([LINE, failed], [LINE]):
        with journal(path) as opened:
            opened.append([LINE | {"alpha": 2.0}])
            before = path.read_bytes()
            with pytest.raises(ValueError, match=rf"^path = .*; process {os.getpid()} is$"):
                other.to_csv(path)
            assert path.read_bytes() == before
            opened.finish(lines)
    with journal(path) as opened:
        opened.append([LINE])
    assert "unfinished" in json.loads(path.with_suffix(".json").read_text())
    other.to_csv(path)
    assert list(Table.from_csv(path)["alpha"]) == [7.0]
    assert "unfinished" not in json.loads(path.with_suffix(".json").read_text())


def test_a_journal_waits_for_a_table_that_is_being_replaced(tmp_path, monkeypatch):
    path = Table([LINE]).to_csv(tmp_path / "table.csv", parameters={"lam": 0.1}, seeds=[0])
    monkeypatch.setattr("replica.tables.locks._INTRODUCTION", 60.0)
    with ExitStack() as replacing:
        replacing.enter_context(unwritten("path", path))
        monkeypatch.setattr(time, "sleep", lambda _: replacing.close())
        with journal(path) as opened:
            assert len(opened.lines) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"version": 1, "version": 2}', "key 'version' twice"),
        ('{"seeds": [NaN]}', "nan is no number"),
        ('{"seeds": [1e999]}', "1e999 is no number"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "holds no object"),
        ("{torn", "cannot be read"),
    ],
)
def test_broken_sidecars_are_named(tmp_path, text, why):
    path = tmp_path / "table.csv"
    with journal(path) as opened:
        opened.append([LINE])
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ValueError, match=r"out = .*instead of") as refused:
        journal(path)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_sidecar_of_wrong_types_does_not_stop_the_refusal(tmp_path, monkeypatch):
    monkeypatch.setattr("replica.tables.locks._INTRODUCTION", 0.0)
    path = tmp_path / "table.csv"
    with journal(path):
        path.with_suffix(".json").write_text('{"unfinished": "yes", "version": 1, "date": 2}')
        with pytest.raises(ValueError, match="process unknown is"):
            journal(path)


@pytest.mark.parametrize("cell", ["nan", "1_0", " 1", "1e999", "9" * 400, "one", "0x1p3", "١"])
@pytest.mark.parametrize("column", ["alpha", "sites"])
def test_cells_are_read_strictly(tmp_path, cell, column):
    path = tmp_path / "table.csv"
    Table([LINE | {column: 7}]).to_csv(path)
    path.write_text(path.read_text().replace(",7,", f",{cell},"))
    with pytest.raises(ValueError, match=rf"line 2: {column} = .* is no") as refused:
        Table.from_csv(path)
    assert "\n" not in str(refused.value)


def test_columns_that_come_twice_are_refused(tmp_path):
    path = tmp_path / "table.csv"
    Table([LINE]).to_csv(path)
    path.write_text(path.read_text().replace("rows", "alpha"))
    with pytest.raises(ValueError, match="one column alpha"):
        Table.from_csv(path)


def test_numbers_are_read_as_they_were_written(tmp_path):
    values = [1e-320, -1.5e300, 1 / 3, float("inf"), float("-inf"), 5, 10**25, None]
    path = Table([LINE | {"alpha": value} for value in values]).to_csv(tmp_path / "table.csv")
    assert [line["alpha"] for line in Table.from_csv(path).lines()] == values


def test_what_a_finished_table_leaves_to_its_sidecar(tmp_path):
    path = tmp_path / "table.csv"
    lines = [LINE | {"error": error} for error in (0.5, None)]
    with journal(path, beside=["error"]) as opened:
        opened.append(lines)
        opened.finish(lines)
    assert "error" not in Table.from_csv(path).columns
    with journal(path, beside=["error"]) as opened:
        assert [line["error"] for line in opened.lines] == [0.5, None]
        opened.append([LINE | {"alpha": 2.0, "error": 0.25}])
    with journal(path, beside=["error"]) as opened:
        assert [line["error"] for line in opened.lines] == [0.5, None, 0.25]
        opened.finish(opened.lines)
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["error"] == [0.5, None, 0.25]
    for wrong in ([0.5], "0.5", [0.5, "x", 1], None):
        path.with_suffix(".json").write_text(json.dumps(told | {"error": wrong}))
        with pytest.raises(ValueError, match=r"table\.json tells error for every line"):
            journal(path, beside=["error"])


def test_one_writer_while_a_finished_table_grows(tmp_path):
    path = tmp_path / "table.csv"
    with journal(path) as opened:
        opened.append([LINE])
        opened.finish([LINE, LINE | {"alpha": 2.0, "status": "failed: ValueError: no"}])
    with journal(path) as opened:
        assert [line["alpha"] for line in opened.lines] == [0.1]
        opened.append([LINE | {"alpha": 2.0}])
        with pytest.raises(ValueError, match=f"process {os.getpid()} is"):
            journal(path)
    with journal(path) as opened:
        assert [line["alpha"] for line in opened.lines] == [0.1, 2.0]


def test_a_checkpoint_of_anything_is_refused_in_one_line(tmp_path):
    """Bytes changed at random, arrays of objects, and other files of numpy."""
    rng, path = np.random.default_rng(3), tmp_path / "state.npz"
    save(path, {"a": np.arange(20.0)}, {"x": 1})
    good = path.read_bytes()
    told = []
    for _ in range(300):
        broken = bytearray(good)
        broken[rng.integers(len(broken))] = rng.integers(256)
        path.write_bytes(bytes(broken[: rng.integers(1, 2 * len(broken))]))
        try:
            load(path)
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 100
    assert not any("\n" in message for message in told)
    np.savez(path, plain=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load(path)
    np.save(path.with_suffix(".npy"), np.arange(3))
    with pytest.raises(ValueError, match="a checkpoint"):
        load(path.with_suffix(".npy"))


GRID = [0.1 * n for n in range(40)]
MATRIX = [[i * j / 7 for i in range(20)] for j in range(20)]


@pytest.mark.parametrize(
    ("there", "here", "told"),
    [
        ({"seeds": range(40)}, {"seeds": range(80)}, "seeds = [0, 1, 2, ..., 39] instead of "
         "[0, 1, 2, ..., 79] (it lacks 40 to 79)"),
        ({"seeds": range(40)}, {"seeds": range(9, 60, 2)},
         "(it lacks 41, 43, 45, 47, 49, 51 and 4 more, it has besides 0 to 8, 10, 12, 14, 16, 18 "),
        ({"alpha": GRID}, {"alpha": [*GRID, 4.5]},
         "alpha = [0.0, 0.1, 0.2, ..., 3.9000000000000004] instead of "
         "[0.0, 0.1, 0.2, ..., 4.5] (it lacks 4.5)"),
        ({"alpha": ",".join(map(str, GRID))}, {"alpha": ",".join(map(str, GRID[:-1]))},
         "(it has besides 3.9000000000000004)"),
        ({"alpha": [1, 2]}, {"alpha": [2, 1]}, "(in another order, or not as often)"),
        ({"U": MATRIX}, {"U": [*MATRIX[:7], [*MATRIX[7][:-1], 9.5], *MATRIX[8:]]},
         "(row 8, column 20 = 19.0 instead of 9.5)"),
        ({"U": MATRIX}, {"U": MATRIX[:-1]}, " (it has besides [0.0, 2.71"),
        ({"U": MATRIX}, {"U": [row[:-1] for row in MATRIX]},
         "(length of row 1 = 20 instead of 19)"),
        ({"note": 99 * "a" + "b"}, {"note": 99 * "a" + "c"},
         f'note = ...{16 * "a"}b" instead of ...{16 * "a"}c"'),
    ],
)  # fmt: skip
def test_the_difference_is_told_however_long_the_values(there, here, told, tmp_path):
    def opened(seeds=(0,), **parameters):
        return Journal("out", tmp_path / "table.csv", "test", parameters, seeds)

    with opened(**there) as first:
        first.append([LINE])
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        opened(**here)
    assert told in str(refused.value)
    assert len(str(refused.value)) < 500
