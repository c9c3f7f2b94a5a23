"""Tables stand where they were asked for, and nothing else is written over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from hazards import start_pausing, wait_until_grown

from replica.cli import main
from replica.errors import Removed
from replica.tables import COLUMNS, Table
from replica.tables.atomic_files import partial_file
from replica.tables.journal import Journal

SWEEP = ["sweep", "--colors", "2", "--beta", "1.2", "--alpha", "1,2"]
LINE = {"source": "theory", "loss": "cross-entropy", "alpha": 0.1, "status": "converged"}


def sweep(out, lam: str = "0.1") -> int:
    return main([*SWEEP, "--lam", lam, "--out", str(out)])


@pytest.fixture
def refused(capsys):
    """What a command says that ends with a bad argument, in one line."""

    def told(out, lam: str = "0.1") -> str:
        assert sweep(out, lam) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.count("\n") == 1
        assert output.err.startswith("replica: out = ")
        return output.err

    return told


@pytest.mark.parametrize("name", ["lam-0.1", "table", "table.txt", "table.json", ".csv"])
def test_names_that_could_share_a_sidecar_are_refused(tmp_path, refused, name):
    assert "a file name that ends in .csv" in refused(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_json_file_of_somebody_else_is_not_written_over(tmp_path, refused):
    precious = tmp_path / "package.json"
    precious.write_text('{"name": "precious"}')
    assert "beside which package.json is free" in refused(tmp_path / "package.csv")
    with pytest.raises(ValueError, match=r"beside which package\.json is free"):
        Table([LINE]).to_csv(tmp_path / "package.csv")
    assert precious.read_text() == '{"name": "precious"}'
    assert list(tmp_path.iterdir()) == [precious]


def test_a_table_put_in_the_place_of_another_is_refused(tmp_path, refused):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert sweep(first) == sweep(second, "0.3") == 0
    second.write_bytes(first.read_bytes())
    beside = second.with_suffix(".json").read_bytes()
    assert "a table of this command; line 2 has lam = 0.1" in refused(second, "0.3")
    assert second.read_bytes() == first.read_bytes()
    assert second.with_suffix(".json").read_bytes() == beside


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("converged", ""), "status = None"),
        (lambda text: text.replace(",1.0,", ",3.0,", 1), "alpha = 3.0"),
        (lambda text: text.replace(",1.0,", ",1.0;2.0,", 1), "alpha = '1.0;2.0' is no number"),
        (lambda text: text.replace("\n", "\r"), "a new file or a table"),
    ],
)
def test_changed_tables_are_refused(tmp_path, refused, change, why):
    out = tmp_path / "curve.csv"
    assert sweep(out) == 0
    text = change(out.read_text())
    out.write_text(text, newline="")
    assert why in refused(out)
    assert out.read_text() == text.replace("\r", "\n")


def test_a_torn_first_point_of_another_command_is_not_written_over(tmp_path, refused):
    out = tmp_path / "curve.csv"
    assert sweep(out) == 0
    torn = out.read_bytes()[: len(",".join(COLUMNS)) + 60]
    out.write_bytes(torn)
    assert "lam = 0.1 instead of 0.7" in refused(out, "0.7")
    assert out.read_bytes() == torn
    assert sweep(out) == 0
    assert len(Table.from_csv(out)) == 2


def test_links_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    there, link = tmp_path / "there" / "curve.csv", tmp_path / "curve.csv"
    link.symlink_to(there)
    assert sweep(link) == 0
    assert link.is_symlink()
    assert len(Table.from_csv(there)) == 2
    assert {path.name for path in tmp_path.rglob("*")} == {"there", "curve.csv", "curve.json"}


def test_what_is_no_file_is_refused(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "null.csv").symlink_to(os.devnull)
    for name in ("pipe", "folder", "null"):
        assert "a file, or a name for a new one" in refused(tmp_path / f"{name}.csv")


def test_long_names_and_patterns(tmp_path, refused):
    assert "file name too long" in refused(tmp_path / f"{'x' * 300}.csv")
    handle, other = partial_file(tmp_path / "t1.csv")
    os.close(handle)
    for name in ("x" * 250, "é" * 125, "t[12]", "**"):
        assert sweep(tmp_path / f"{name}.csv") == 0
    assert os.path.exists(other)


def test_a_table_that_is_removed_is_not_kept(tmp_path):
    path = tmp_path / "table.csv"
    for gone in (path.unlink, lambda: path.replace(tmp_path / "elsewhere.csv")):
        with Journal("out", path, "test", {}, []) as journal:
            journal.append([LINE])
            gone()
            for write in (journal.append, journal.finish):
                with pytest.raises(Removed, match=r"table\.csv was removed or replaced"):
                    write([LINE])
        assert not path.exists()


def test_a_command_whose_table_is_removed_says_so(tmp_path):
    out = tmp_path / "curve.csv"
    process = start_pausing("replica.cli", 1, [*SWEEP, "--lam", "0.1", "--out", str(out)])
    wait_until_grown(process, out)
    out.unlink()
    _, error = process.communicate()
    assert process.returncode == 1
    assert error == f"replica: {out} was removed or replaced while it was written\n"


def test_a_disk_that_is_full_from_the_start(tmp_path):
    """A limit on the size of files stands for the disk."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "from replica.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    out = tmp_path / "curve.csv"
    line = [*SWEEP, "--lam", "0.1", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", code, *line], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "a file that can be written (file too large)" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_writer_is_named_though_its_sidecar_tells_of_a_dead_one(tmp_path, monkeypatch):
    monkeypatch.setattr("replica.tables.locks._INTRODUCTION", 60.0)
    path = tmp_path / "table.csv"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with Journal("out", path, "test", {}, []):
        beside = path.with_suffix(".json")
        told = beside.read_text()
        beside.write_text(told.replace(str(os.getpid()), str(gone.pid)))
        waits = iter(range(100))

        def sleep(_):
            if next(waits) == 3:
                beside.write_text(told)

        monkeypatch.setattr(time, "sleep", sleep)
        with pytest.raises(ValueError, match=f"process {os.getpid()} is"):
            Journal("out", path, "test", {}, [])
        assert next(waits) == 4
        known = json.loads(told)
        known["unfinished"]["host"] = "another"
        beside.write_text(json.dumps(known))
        with pytest.raises(ValueError, match=f"process {os.getpid()} on another is"):
            Journal("out", path, "test", {}, [])
