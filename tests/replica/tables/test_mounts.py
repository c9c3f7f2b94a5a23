"""File systems that lack something: what is written there, and what is said of it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from figures.output.publish import publish
from replica.cli import main
from replica.errors import MountWarning, Unwritable
from replica.tables import Table
from replica.tables.journal import Journal
from simulations.cli import main as simulate
from simulations.epochs.checkpoint import alone, load, save

SWEEP = ["sweep", "--colors", "2", "--beta", "1.2", "--lam", "0.1", "--alpha"]
SIMULATE = ["--colors", "2", "--beta", "1", "--lam", "0.1", "--alpha", "1", "--sites", "4"]
LINE = {"source": "theory", "loss": "cross-entropy", "alpha": 0.1, "status": "converged"}

#: What a file system may lack, how it may say so, and how that is told.
LACKS = [
    ("os.fsync", errno.EINVAL, "flushing: a loss of power"),
    ("os.fsync", errno.EPERM, "flushing: a loss of power"),
    ("os.fsync", errno.ENOSYS, "flushing: a loss of power"),
    ("os.replace", errno.ENOTSUP, "replacing: a kill while a file is replaced"),
    ("os.replace", errno.EPERM, "replacing: a kill while a file is replaced"),
    ("fcntl.flock", errno.ENOTSUP, "locking: nothing keeps two processes"),
    ("fcntl.flock", errno.ENOLCK, "locking: nothing keeps two processes"),
]


@pytest.fixture
def lack(monkeypatch):
    """Let a function of the operating system be refused."""

    def refuse(name: str, number: int) -> None:
        def refused(*_, **__):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(name, refused)

    return refuse


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("name", "number", "told"), LACKS)
def test_tables_are_written_and_go_on(tmp_path, capsys, lack, name, number, told):
    """A sweep, and the same when its table already has one of two points."""
    whole, out = tmp_path / "whole.csv", tmp_path / "there" / "curve.csv"
    out.parent.mkdir()
    assert main([*SWEEP, "1,2", "--out", str(whole)]) == 0
    assert main([*SWEEP, "1,2", "--out", str(out)]) == 0
    # Its second point is lost, and the table that was finished has to grow again.
    text = out.read_text().splitlines(keepends=True)
    out.write_text("".join(text[:-1]))
    assert capsys.readouterr().err == ""
    lack(name, number)
    assert main([*SWEEP, "1,2", "--out", str(out)]) == 0
    error = capsys.readouterr().err
    assert error.startswith(f"replica: warning: the file system of {out.parent} does without ")
    assert told in error
    assert error.count("\n") == 1
    assert out.read_bytes() == whole.read_bytes()
    assert {path.name for path in out.parent.iterdir()} == {"curve.csv", "curve.json"}


def test_nothing_at_all(tmp_path, capsys, lack):
    """No permissions, no flushing, no locks, no replacing, no cutting, whatever is written."""
    for name in ("os.fsync", "os.chmod", "os.replace", "os.ftruncate", "fcntl.flock"):
        lack(name, errno.EPERM)
    assert simulate([*SIMULATE, "--workers", "1", "--out", str(tmp_path / "sim.csv")]) == 0
    assert capsys.readouterr().err.count("\n") == 3
    before = (tmp_path / "sim.csv").read_bytes()
    assert simulate([*SIMULATE, "--workers", "1", "--out", str(tmp_path / "sim.csv")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "sim.csv").read_bytes() == before
    with alone(tmp_path / "state.npz"):
        save(tmp_path / "state.npz", {"a": np.arange(3.0)}, {"x": 1})
        save(tmp_path / "state.npz", {"a": np.arange(4.0)}, {"x": 2})
    arrays, plain = load(tmp_path / "state.npz")
    assert plain == {"x": 2}
    assert arrays["a"].tolist() == [0, 1, 2, 3]

    class Blank:
        def savefig(self, stream, **_):
            stream.write(b"drawn")

    assert all(path.stat().st_size for path in publish(Blank(), Table([LINE]), tmp_path, "blank"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_kept_mode_where_there_is_one(tmp_path, lack):
    out = Table([LINE]).to_csv(tmp_path / "table.csv")
    out.chmod(0o600)
    lack("os.chmod", errno.EPERM)
    Table([LINE, LINE]).to_csv(out)  # it is created with the mode of the former
    assert mode(out) == 0o600


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o664, 0o666, 0o444])
def test_a_rewritten_table_keeps_its_mode(tmp_path, bits):
    out = tmp_path / "table.csv"
    beside = out.with_suffix(".json")
    for write in (
        lambda: Table([LINE]).to_csv(out),
        lambda: main([*SWEEP, "1,2", "--out", str(out)]),
    ):
        with suppress(FileNotFoundError):
            out.unlink(), beside.unlink()
        write()
        for path in (out, beside):
            path.chmod(bits)
        write()
        assert (mode(out), mode(beside)) == (bits, bits)


def test_modes_that_cannot_be_given(tmp_path, lack):
    """It is said, and the table is there, though with less than it had."""
    out = Table([LINE]).to_csv(tmp_path / "table.csv")
    out.chmod(0o666)
    lack("os.chmod", errno.ENOTSUP)
    with pytest.warns(MountWarning, match="does without permissions: files that are written anew"):
        Table([LINE, LINE]).to_csv(out)
    assert len(Table.from_csv(out)) == 2
    assert mode(out) == 0o666 & ~umask()


def umask() -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.split("Umask:")[1].split()[0], 8)


def test_new_files_have_the_mode_of_new_files_and_nobody_sets_a_mask(tmp_path, monkeypatch):
    (tmp_path / "touched").touch()

    def never(*_):
        raise AssertionError("the mask of the process is that of its other threads")

    monkeypatch.setattr("os.umask", never)
    assert main([*SWEEP, "1", "--out", str(tmp_path / "curve.csv")]) == 0
    save(tmp_path / "state.npz", {}, 1)
    for name in ("curve.csv", "curve.json", "state.npz"):
        assert mode(tmp_path / name) == mode(tmp_path / "touched")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fails_is_another_thing(tmp_path, lack, number):
    out = Table([LINE]).to_csv(tmp_path / "table.csv")
    before = out.read_bytes()
    with Journal("out", tmp_path / "other.csv", "test", {}, []) as journal:
        lack("os.fsync", number)
        with pytest.raises(OSError, match=os.strerror(number)):
            Table([LINE, LINE]).to_csv(out)
        with pytest.raises(Unwritable, match=os.strerror(number).lower()):
            journal.append([LINE])
    assert out.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 4
