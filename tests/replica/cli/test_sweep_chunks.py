"""Sweeps that are stopped in every way end in the table of one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hazards import OBEDIENT, start_pausing, wait_until_grown

import replica.cli.sweep_chunks
import replica.saddle_point.solver
import replica.saddle_point.sweep
import replica.tables.journal
from replica import PottsTokens, Problem, Table, solve
from replica.cli import main
from replica.tables.journal import Journal
from replica.tables.table import replace_table

COUNT = 130
COMMAND = {"colors": "2", "beta": "1.2", "lam": "0.1", "alpha": f"0.3:9:{COUNT}"}


def words(out, *flags: str, **changes: str) -> list[str]:
    options = [w for name, value in (COMMAND | changes).items() for w in (f"--{name}", value)]
    return ["sweep", *options, *flags, *([] if out is None else ["--out", str(out)])]


def start(out, lines: int = COUNT, under=(), **options: str) -> subprocess.Popen:
    """A sweep that pauses behind a number of lines, until its end is asked for."""
    return start_pausing("replica.cli", lines, words(out, **options), under)


def told(out) -> dict:
    known = json.loads(Path(out).with_suffix(".json").read_text())
    return {name: value for name, value in known.items() if name not in ("date", "command")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "curve.csv"
    assert main(words(out)) == 0
    return out


@pytest.fixture
def stop_after(monkeypatch):
    """Make Ctrl-C arrive after a number of points that reached the disk."""
    append = Journal.append

    def prepare(count: int) -> None:
        written = iter(range(count))

        def limited(self, lines):
            lines = list(lines)
            if lines and next(written, None) is None:
                raise KeyboardInterrupt
            append(self, lines)

        monkeypatch.setattr(Journal, "append", limited)
        monkeypatch.setattr(replica.cli.sweep_chunks, "_TOGETHER", -1.0)

    return prepare


def test_table_and_sidecar(whole):
    table = Table.from_csv(whole)
    np.testing.assert_allclose(table["alpha"], np.linspace(0.3, 9, COUNT), rtol=1e-14)
    assert "quadrature_error" not in table.columns
    problem = Problem(1.0, 0.1, PottsTokens(2, 1.2))
    for number in (0, 49, 50, 129):
        alone = solve(problem.at(alpha=table["alpha"][number]))
        assert table["test_loss"][number] == pytest.approx(alone.test_loss, rel=1e-9)
        assert 0 < told(whole)["quadrature_error"][number] < 1e-9
    assert len(told(whole)["quadrature_error"]) == COUNT
    assert {path.name for path in whole.parent.iterdir()} == {"curve.csv", "curve.json"}


def test_interrupted_anywhere(tmp_path, whole, stop_after, capsys):
    """Within a stretch, at its end, and three times over."""
    for stops in ((0, 1), (50,), (51,), (129,), (20, 40, 1)):
        out, kept = tmp_path / f"{stops}.csv", 0
        for count in stops:
            stop_after(count)
            assert main(words(out)) == 130
            kept += count
            assert not kept or len(Table.from_csv(out)) == kept
            assert f"{kept} of {COUNT} points are done and kept" in capsys.readouterr().err
        stop_after(COUNT)
        assert main(words(out)) == 0
        assert out.read_bytes() == whole.read_bytes()
        assert told(out) == told(whole)


@pytest.mark.slow
def test_killed_at_random_times(tmp_path, whole):
    """Two thousand points, killed in the first and in the second half of the growing file."""
    rng, out, kept = np.random.default_rng(5), tmp_path / "curve.csv", b""
    many = {"alpha": "0.3:9:2000"}
    for half in (0, 1000):
        process = start(out, half + 900 - kept.count(b"\n"), **many)
        points = half + rng.uniform(100, 800)
        wait_until_grown(process, out, points * len(whole.read_bytes()) / COUNT)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        content = out.read_bytes()
        assert content.startswith(kept[: kept.rfind(b"\n") + 1])
        kept = content
    uninterrupted = tmp_path / "uninterrupted.csv"
    assert main(words(out, **many)) == main(words(uninterrupted, **many)) == 0
    assert 0 < kept.count(b"\n") < 2000
    assert out.read_bytes() == uninterrupted.read_bytes()
    assert told(out) == told(uninterrupted)


def test_killed_while_the_table_is_finished(tmp_path, whole, monkeypatch):
    """Between the journal, its sidecar, the table and the sidecar of the table."""

    def before(path, table, provenance):
        raise KeyboardInterrupt

    def between(path, table, provenance):
        kept = path.with_suffix(".json").read_text()
        replace_table(path, table, provenance)
        path.with_suffix(".json").write_text(kept)
        raise KeyboardInterrupt

    for number, stop in enumerate((before, between)):
        out = tmp_path / f"{number}.csv"
        monkeypatch.setattr(replica.tables.journal, "replace_table", stop)
        assert main(words(out)) == 130
        assert "unfinished" in told(out)
        monkeypatch.setattr(replica.tables.journal, "replace_table", replace_table)
        assert main(words(out)) == 0
        assert out.read_bytes() == whole.read_bytes()
        assert told(out) == told(whole)


def test_a_finished_table_is_not_computed_again(whole, monkeypatch):
    before, sidecar = whole.read_bytes(), told(whole)
    monkeypatch.setattr(replica.cli.sweep_chunks.Stretch, "lines", None)
    assert main(words(whole)) == 0
    assert (whole.read_bytes(), told(whole)) == (before, sidecar)


@pytest.mark.parametrize(
    ("flags", "changes", "difference"),
    [
        ((), {"lam": "0.2"}, "lam = 0.1 instead of 0.2"),
        ((), {"beta": "1.3"}, "beta = 1.2 instead of 1.3"),
        ((), {"alpha": "1,2"}, f'alpha = "0.3:9:{COUNT}" instead of "1,2"'),
        (("--log",), {}, "log = null instead of true"),
        ((), {"loss": "squared-error"}, "loss = "),
    ],
)
def test_a_table_of_another_command_is_refused(whole, capsys, flags, changes, difference):
    before = whole.read_bytes(), told(whole)
    assert main(words(whole, *flags, **changes)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("replica: out = ")
    assert difference in error
    assert (whole.read_bytes(), told(whole)) == before


def test_a_file_of_other_content_is_another_command(tmp_path, capsys):
    out, similarity = tmp_path / "curve.csv", tmp_path / "U.txt"
    options = {"colors": "3", "similarity": str(similarity), "alpha": "1,2"}
    for strength in ("0.1", "0.1", "0.2"):
        rows = [" ".join("1" if i == j else strength for j in range(3)) for i in range(3)]
        similarity.write_text("\n".join(rows))
        status = main(words(out, **options))
        assert status == (0 if strength == "0.1" else 2)
    assert "similarity = [[1.0, 0.1" in capsys.readouterr().err


def test_order_and_repetition_are_those_of_the_command(tmp_path, capsys):
    out = tmp_path / "curve.csv"
    assert main(words(out, alpha="4,1,2,1")) == 0
    assert Table.from_csv(out)["alpha"].tolist() == [4, 1, 2, 1]
    assert len(told(out)["quadrature_error"]) == 4
    capsys.readouterr()
    assert main(words(None, alpha="4,1,2,1")) == 0
    assert capsys.readouterr().out == out.read_text()


def test_best_weight_decay_goes_on(tmp_path, stop_after):
    options = {"lam": "optimal", "loss": "squared-error", "alpha": "1,2,3,4"}
    uninterrupted, out = tmp_path / "whole.csv", tmp_path / "curve.csv"
    assert main(words(uninterrupted, **options)) == 0
    stop_after(2)
    assert main(words(out, **options)) == 130
    stop_after(2)
    assert main(words(out, **options)) == 0
    assert out.read_bytes() == uninterrupted.read_bytes()


def test_a_point_that_raises_fails_alone_and_is_tried_again(tmp_path, whole, monkeypatch, capsys):
    out, solve_from = tmp_path / "curve.csv", replica.saddle_point.solver.solve_from
    poisoned = Table.from_csv(whole)["alpha"][60]

    def broken(problem, state):
        if problem.alpha == poisoned:
            raise ZeroDivisionError("nothing,\nat all")
        return solve_from(problem, state)

    follow_from = replica.saddle_point.sweep.follow_from
    monkeypatch.setattr(replica.saddle_point.sweep, "follow_from", lambda *_: [])
    monkeypatch.setattr(replica.saddle_point.sweep, "solve_from", broken)
    said = "failed: ZeroDivisionError: nothing, at all"
    for _ in range(2):
        assert main(words(out)) == 1
        assert capsys.readouterr().err == f"replica: alpha = {poisoned}: {said}\n"
        table = Table.from_csv(out)
        assert table["status"].tolist() == ["converged"] * 60 + [said] + ["converged"] * 69
    # What is missing is added, and a kill leaves a table that can still grow.
    monkeypatch.setattr(replica.saddle_point.sweep, "solve_from", solve_from)
    monkeypatch.setattr(replica.saddle_point.sweep, "follow_from", follow_from)
    finish = Journal.finish
    monkeypatch.setattr(Journal, "finish", lambda self, lines: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(words(out))
    monkeypatch.setattr(Journal, "finish", finish)
    assert set(Table.from_csv(out)["status"]) == {"converged"}
    monkeypatch.setattr(replica.cli.sweep_chunks.Stretch, "lines", None)
    assert main(words(out)) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert told(out) == told(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"curve.csv", "curve.json"}


@pytest.mark.parametrize("lost", [slice(-40, None), slice(2000, 5000)], ids=["torn", "a gap"])
def test_a_finished_table_that_lost_lines_gets_them_back(tmp_path, whole, monkeypatch, lost):
    """The sidecar of a finished table tells the errors of its points in their order."""
    out = tmp_path / "curve.csv"
    content = whole.read_bytes()
    first, last, _ = lost.indices(len(content))
    if lost.stop:  # whole lines
        first, last = (content.index(b"\n", place) + 1 for place in (first, last))
    out.write_bytes(content[:first] + content[last:])
    out.with_suffix(".json").write_bytes(whole.with_suffix(".json").read_bytes())
    solved = []
    lines = replica.cli.sweep_chunks.Stretch.lines
    monkeypatch.setattr(
        replica.cli.sweep_chunks.Stretch, "lines", lambda self: solved.append(1) or lines(self)
    )
    assert main(words(out)) == 0
    assert solved
    assert out.read_bytes() == whole.read_bytes()
    assert told(out) == told(whole)


def test_two_processes_on_one_table(tmp_path, capsys):
    out = tmp_path / "curve.csv"
    process = start(out, lines=1)
    try:
        wait_until_grown(process, out)
        before = out.read_bytes()
        assert main(words(out)) == 2
    finally:
        process.kill()
        process.communicate()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"process {process.pid} is" in error
    assert out.read_bytes() == before


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line(tmp_path, whole):
    """A limit on the size of files stands for the disk."""
    out = tmp_path / "curve.csv"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "from replica.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    # What is compiled is on disk before.
    once = [sys.executable, "-m", "replica", *words(tmp_path / "before.csv")]
    subprocess.run(once, capture_output=True, check=True)
    done = subprocess.run(
        [sys.executable, "-c", code, *words(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written any more: file too large" in done.stderr
    assert out.stat().st_size > 8000
    assert out.read_bytes().endswith(b"\n")
    assert main(words(out)) == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    process = start(tmp_path / "curve.csv", under=OBEDIENT)
    _, error = process.communicate()
    assert process.returncode == 2
    assert error.count("\n") == 1
    assert "in a folder that can be written (permission denied)" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere root may write everywhere")
@pytest.mark.slow
def test_a_permission_that_is_lost_ends_in_one_line(tmp_path):
    out = tmp_path / "curve.csv"
    process = start(out, lines=1, under=OBEDIENT)
    wait_until_grown(process, out)
    tmp_path.chmod(0o500)
    before = out.read_bytes()
    _, error = process.communicate()
    tmp_path.chmod(0o700)
    assert process.returncode == 1
    assert error == (
        f"replica: {out} cannot be written any more: permission denied; "
        "what is done is kept: the same command goes on from there\n"
    )
    assert out.read_bytes().startswith(before)
    kept = Table.from_csv(out)
    assert len(kept) == COUNT
    assert main(words(out)) == 0
    assert np.array_equal(Table.from_csv(out)["test_loss"], kept["test_loss"])
