from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hazards import start_pausing, wait_until_grown

from replica.tables import COLUMNS, Table
from simulations.cli import main

COMMAND = {
    "--colors": "3", "--beta": "0.9,1.5", "--lam": "0.1,1", "--alpha": "1,4", "--sites": "30",
    "--loss": "cross-entropy,squared-error", "--seeds": "20", "--test-samples": "100",
    "--rows": "8",
}  # fmt: skip


def words(out, **changes: str) -> list[str]:
    options = COMMAND | {f"--{name.replace('_', '-')}": text for name, text in changes.items()}
    return [word for option in options.items() for word in option] + ["--out", str(out)]


def start(out, lines: int, **changes: str) -> subprocess.Popen:
    """A simulation that pauses behind a number of lines, until its end is asked for."""
    return start_pausing("simulations.cli", lines, words(out, **changes))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "sim.csv"
    assert main(words(out, workers="1")) == 0
    return out


def test_grid_is_every_combination_in_order(uninterrupted):
    table = Table.from_csv(uninterrupted)
    names = ("beta", "alpha", "seed", "loss", "lam")
    expected = [
        (beta, alpha, seed, loss, lam)
        for beta, alpha, seed, loss, lam in product(
            (0.9, 1.5), (1.0, 4.0), range(20), ("cross-entropy", "squared-error"), (0.1, 1.0)
        )
    ]
    assert list(zip(*(table[name] for name in names), strict=True)) == expected
    assert table.columns[: len(COLUMNS)] == COLUMNS
    told = json.loads(uninterrupted.with_suffix(".json").read_text())
    assert told["parameters"]["beta"] == [0.9, 1.5]
    assert told["seeds"] == list(range(20))
    assert "unfinished" not in told


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_killed_at_random_times(tmp_path, uninterrupted, workers):
    """Seven kills for each number of workers; nothing that was on disk is lost or changed.

    One comes before the table is opened, one before it has lines, the others after a random
    part of it has grown. Each pauses before all seven together could have ended.
    """
    rng = np.random.default_rng(int(workers))
    out, beside, kept = tmp_path / "sim.csv", tmp_path / "sim.json", b""
    whole = uninterrupted.stat().st_size
    for share in (None, 0, *rng.uniform(0.02, 0.14, 5)):
        process = start(out, 52 if share else 4, workers=workers)
        if share == 0:
            wait_until_grown(process, beside)
        elif share:
            wait_until_grown(process, out, len(kept) + share * whole)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        content = out.read_bytes() if out.exists() else b""
        assert content.startswith(kept[: kept.rfind(b"\n") + 1])
        kept = content
    assert main(words(out, workers=workers)) == 0
    assert out.read_bytes() == uninterrupted.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"sim.csv", "sim.json"}


@pytest.mark.usefixtures("without_workers")
def test_torn_and_half_finished_lines_are_computed_again(tmp_path):
    uninterrupted, out = tmp_path / "whole.csv", tmp_path / "sim.csv"
    assert main(words(uninterrupted, seeds="2", workers="1")) == 0
    lines = uninterrupted.read_bytes().splitlines(keepends=True)
    sidecar = uninterrupted.with_suffix(".json").read_bytes()
    for kept in (b"", lines[0][:30], b"".join(lines[:2]), b"".join(lines[:18]) + lines[18][:-9]):
        out.write_bytes(kept)
        out.with_suffix(".json").write_bytes(sidecar)
        assert main(words(out, seeds="2", workers="2")) == 0
        assert out.read_bytes() == uninterrupted.read_bytes()


def test_a_finished_table_is_not_computed_again(tmp_path, uninterrupted, monkeypatch):
    monkeypatch.setattr("replica.execution.resumable.outcomes", lambda tasks, *where: iter(tasks))
    before = uninterrupted.read_bytes()
    assert main(words(uninterrupted)) == 0
    assert uninterrupted.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"lam": "0.1,2"}, "lam = [0.1, 1] instead of [0.1, 2]"),
        ({"burn_in": "61"}, "burn_in = 60 instead of 61"),
        (
            {"seeds": "19"},
            "seeds = [0, 1, 2, ..., 19] instead of [0, 1, 2, ..., 18] (it has besides",
        ),
    ],
)
def test_a_table_of_another_command_is_refused(uninterrupted, capsys, changes, difference):
    before = uninterrupted.read_bytes()
    assert main(words(uninterrupted, **changes)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "out = " in error
    assert difference in error
    assert uninterrupted.read_bytes() == before


@contextmanager
def running(out, workers: str) -> Iterator[subprocess.Popen]:
    """A long run of which something is on disk already."""
    process = start(out, 30_000, seeds="2000", workers=workers)
    try:
        wait_until_grown(process, out)
        yield process
    finally:
        process.kill()
        process.communicate()


def workers_of(process: subprocess.Popen) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not path.exists():
        pytest.skip("needs a /proc that tells children")
    children = [int(pid) for pid in path.read_text().split()]
    return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.slow
def test_two_processes_on_one_table(tmp_path, capsys):
    out = tmp_path / "sim.csv"
    with running(out, "1") as process:
        assert main(words(out, seeds="2000", workers="1")) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"process {process.pid} is" in error


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path):
    """What it was doing is tried again; test_dask_cluster.py kills every worker there is."""
    out = tmp_path / "sim.csv"
    with running(out, "2") as process:
        os.kill(workers_of(process)[0], signal.SIGKILL)
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "a worker process was killed" in told
        assert "what was under way is tried again, one task at a time" in told
        wait_until_grown(process, out, out.stat().st_size)
        assert process.poll() is None


def test_workers_follow_a_killed_command(tmp_path):
    with running(tmp_path / "sim.csv", "2") as process:
        orphans = workers_of(process)
        assert len(orphans) == 2
    deadline = time.monotonic() + 120
    while orphans and time.monotonic() < deadline:
        orphans = [pid for pid in orphans if Path(f"/proc/{pid}").exists()]
        time.sleep(0.1)
    assert not orphans
