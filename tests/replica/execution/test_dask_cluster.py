"""The tables of a Dask cluster, of which workers are killed, are those of one process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import hazards
import pytest
from hazards import Doing

from replica import cli as theory
from replica.errors import WorkerDied
from replica.execution.executor import outcomes
from replica.execution.task import Failure
from replica.tables.journal import Journal
from simulations import cli as systems

SWEEP = ["sweep", "--colors=2", "--beta=1.2", "--lam=0.1", "--alpha=0.3:9:600"]
SIMULATE = [
    "--colors=3", "--beta=1.2", "--lam=0.1,1", "--alpha=1,2", "--sites=30", "--seeds=2", "--rows=5",
    "--test-samples=100",
]  # fmt: skip

COMMANDS = {"replica": (theory.main, SWEEP), "replica-simulate": (systems.main, SIMULATE)}


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip(
        "distributed", reason="distributed, of the extra 'cluster', is missing"
    )
    import dask

    with (
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": 1,
                # A result that died with its worker is asked for no longer than this.
                "distributed.comm.timeouts.connect": "2s",
            }
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as local,
    ):
        yield local


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_cluster_that_loses_a_worker(cluster, tmp_path, monkeypatch, command):
    main, line = COMMANDS[command]
    one, two, there = (tmp_path / f"{name}.csv" for name in ("one", "two", "there"))
    assert main([*line, "--workers", "1", "--out", str(one)]) == 0
    if command == "replica":  # of the other, test_resume.py takes care
        assert main([*line, "--workers", "2", "--out", str(two)]) == 0
        assert two.read_bytes() == one.read_bytes()
    append, doomed = Journal.append, [cluster.workers[0].process.pid]

    def kill_and_append(self, lines):
        if doomed:
            os.kill(doomed.pop(), signal.SIGKILL)
        append(self, lines)

    monkeypatch.setattr(Journal, "append", kill_and_append)
    assert main([*line, "--scheduler", cluster.scheduler_address, "--out", str(there)]) == 0
    assert not doomed
    assert there.read_bytes() == one.read_bytes()


@pytest.mark.slow
def test_poison_fails_alone_on_a_cluster(cluster, capfd):
    tasks = [Doing("live"), Doing("raise"), Doing("die"), *[Doing("live")] * 5]
    found = dict(outcomes(tasks, 1, cluster.scheduler_address))
    assert found[1] == Failure("ZeroDivisionError: nothing at all")
    assert found[2] == Failure("KilledWorker: every worker died that had this task")
    assert all(isinstance(found[number], list) for number in (0, 3, 4, 5, 6, 7))
    assert {line["pid"] for number in (0, 3) for line in found[number]} != {os.getpid()}


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_poison_in_processes_of_this_machine(tmp_path, capfd, workers):
    """A task that kills its worker once is tried again; one that does so again fails alone."""
    once = Doing("die", str(tmp_path / "died"))
    tasks = [Doing("die"), Doing("raise"), once, *[Doing("live")] * 4]
    found = dict(outcomes(tasks, workers))
    assert found.pop(0) == Failure("WorkerDied: its worker process was killed")
    assert found.pop(1) == Failure("ZeroDivisionError: nothing at all")
    assert sorted(found) == [2, 3, 4, 5, 6]
    assert all(isinstance(lines, list) for lines in found.values())
    told = capfd.readouterr().err.splitlines()
    assert told
    assert all("what was under way is tried again, one task at a time" in line for line in told)


@pytest.mark.slow
def test_where_no_worker_lives(capfd):
    results = outcomes([Doing("die")] * 12, 3)
    failures = [next(results)[1] for _ in range(3)]
    assert set(failures) == {Failure("WorkerDied: its worker process was killed")}
    with pytest.raises(WorkerDied, match=r"worker process was killed, .*, 4 times in succession"):
        next(results)


@pytest.mark.slow
def test_a_scheduler_that_dies_is_told_in_one_line(tmp_path):
    pytest.importorskip("distributed", reason="distributed, of the extra 'cluster', is missing")
    out, whole = tmp_path / "there.csv", tmp_path / "whole.csv"
    line = [*SWEEP[:-1], "--alpha=0.3:9:8000"]
    with hazards.cluster() as (address, scheduler, _):
        words = [*line, "--scheduler", address, "--out", str(out)]
        process = hazards.start_pausing("replica.cli", 7000, words)
        hazards.wait_until_grown(process, out, 4000)
        scheduler.kill()
        _, error = process.communicate()
    assert process.returncode == 1
    assert error.count("\n") == 1, error
    assert error.startswith("replica: the ")
    assert error.endswith("what is done is kept: the same command goes on from there\n")
    assert theory.main([*line, "--out", str(out)]) == 0
    assert theory.main([*line, "--out", str(whole)]) == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "http://127.0.0.1:80", ""])
def test_bad_addresses(tmp_path, capsys, command, address):
    main, line = COMMANDS[command]
    assert main([*line, "--scheduler", address, "--out", str(tmp_path / "table.csv")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{command}: scheduler = '{address}' is not allowed")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nobody_answers(monkeypatch, capsys):
    pytest.importorskip("distributed", reason="distributed, of the extra 'cluster', is missing")
    dask = pytest.importorskip("dask")
    monkeypatch.setattr("replica.execution.dask_cluster._ANSWER", 1.0)
    own = dask.config.set({"distributed.comm.timeouts.connect": "600s"})
    with own, socket.socket() as closed, socket.socket() as silent:
        closed.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for opened in (closed, silent):
            begin = time.monotonic()
            address = f"tcp://127.0.0.1:{opened.getsockname()[1]}"
            assert theory.main([*SWEEP, "--scheduler", address]) == 2
            # Not as long as Dask waits by itself.
            assert time.monotonic() - begin < 120
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            assert f"scheduler = '{address}' is not allowed" in error


def test_without_the_extra():
    code = (
        "import sys; sys.modules['distributed'] = None; from replica.cli import main;"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, *SWEEP, "--scheduler", "tcp://127.0.0.1:8786"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "replica: --scheduler takes Dask; distributed is not installed: "
        "pip install '.[cluster]' in the project's folder brings it\n"
    )
