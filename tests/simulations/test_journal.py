from __future__ import annotations

import errno
import json
import os

import pytest

from replica.journal import Journal, Unwritable
from replica.tables import Table

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
    (tmp_path / ".table.csv.abcdefgh.partial").write_text("torn")
    (tmp_path / ".table.csv.swp").write_text("of an editor")
    with journal(tmp_path / "table.csv"):
        pass
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"table.csv", "table.json", ".table.csv.swp"}


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
        ({"seeds": [1]}, r"seeds = \[0\] instead of \[1\]"),
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
