"""A file that grows by whole lines, and the two ways to have a file alone."""

import os
import threading
import time

import pytest

from replica.errors import Removed
from replica.tables import COLUMNS, Table
from replica.tables.append_only import AppendOnlyFile
from replica.tables.locks import alone, open_locked

HEADER = ",".join(COLUMNS)


def line(alpha):
    return {"source": "theory", "alpha": alpha, "status": "converged"}


@pytest.fixture
def file(tmp_path):
    opened = AppendOnlyFile("out", tmp_path / "table.csv")
    yield opened
    opened.close()


def alphas(path):
    return [found["alpha"] for found in Table.from_csv(path).lines()]


@pytest.mark.parametrize("torn", [b"the", b"theory,potts,\xc3", b""])
def test_a_torn_line_goes_and_the_next_stands_behind_the_last_whole_one(tmp_path, torn):
    path = tmp_path / "table.csv"
    with open(path, "wb") as stream:
        stream.write(f"{HEADER}\n{'theory' + ',' * (len(COLUMNS) - 1)}\n".encode())
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    file = AppendOnlyFile("out", path)
    file.columns = COLUMNS
    file.drop_torn_line(path.read_bytes())
    assert path.read_bytes() == whole
    file.append([line(2.0)])
    file.close()
    assert path.read_bytes().startswith(whole)
    assert alphas(path) == [None, 2.0]


def test_a_new_file_takes_the_place_of_the_old_one_with_the_next_lines(tmp_path, file):
    path = tmp_path / "table.csv"
    file.append([line(1.0), line(2.0)])
    file.begin_anew_with([line(2.0)])
    assert alphas(path) == [1.0, 2.0]
    file.append([line(3.0) | {"rows": 4}])
    file.append([line(4.0) | {"rows": 5}])
    assert alphas(path) == [2.0, 3.0, 4.0]
    assert Table.from_csv(path).columns == (*COLUMNS, "rows")
    # The lock has moved with it, and nothing else is left.
    with pytest.raises(ValueError, match="no other process is writing"):
        open_locked("out", path, os.O_RDWR)
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]


def test_lines_of_other_columns_and_a_file_that_is_gone_are_refused(tmp_path, file):
    path = tmp_path / "table.csv"
    file.append([line(1.0)])
    with pytest.raises(ValueError, match=r"columns .* in a table of"):
        file.append([line(2.0) | {"rows": 4}])
    assert alphas(path) == [1.0]
    path.unlink()
    with pytest.raises(Removed, match=r"table\.csv was removed"):
        file.append([line(2.0)])
    assert not path.exists()


def test_who_has_just_taken_a_file_is_given_time_to_say_so(tmp_path, monkeypatch):
    """Its lock comes before its number: in between, the lock file is empty."""
    monkeypatch.setattr("replica.tables.locks._INTRODUCTION", 60.0)
    path = tmp_path / "state.npz"
    beside = tmp_path / ".state.npz.lock"

    def name_later():
        time.sleep(0.2)
        beside.write_text("12345")

    with alone("checkpoint", path):
        beside.write_text("")
        late = threading.Thread(target=name_later)
        late.start()
        with pytest.raises(ValueError, match="at work on; process 12345 is"), alone("x", path):
            pass
        late.join()
    assert not list(tmp_path.iterdir())


def test_who_leaves_meanwhile_is_followed(tmp_path, monkeypatch):
    """A file that becomes free while its holder is asked for its name is taken."""
    monkeypatch.setattr("replica.tables.locks._INTRODUCTION", 60.0)
    path, beside = tmp_path / "state.npz", tmp_path / ".state.npz.lock"
    held, asked = threading.Event(), threading.Event()

    def hold():
        with alone("checkpoint", path):
            beside.write_text("")
            held.set()
            asked.wait()

    first = threading.Thread(target=hold)
    first.start()
    held.wait()
    threading.Timer(0.2, asked.set).start()
    with alone("checkpoint", path):
        assert beside.read_text() == str(os.getpid())
    first.join()
    assert not list(tmp_path.iterdir())
