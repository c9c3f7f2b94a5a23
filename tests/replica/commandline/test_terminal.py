"""Outputs that take nothing, and what the machine refuses, end in one line at most."""

from __future__ import annotations

import subprocess
import sys

import pytest

import replica.predictions.optimal_lam  # noqa: F401, for what is patched below to be nowhere else
from replica.cli import main

#: A table larger than what a pipe holds for a reader that is late.
SWEEP = "sweep --colors 2 --beta 1 --lam 0.1 --alpha 0.5:5:700"
SOLVE = "solve --colors 2 --beta 1 --lam 0.1 --alpha 1"


def shell(line: str, module: str = "replica") -> subprocess.CompletedProcess:
    command = f"{sys.executable} -m {module} {line}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )


def test_a_reader_that_has_seen_enough():
    done = shell(f"{SWEEP} | head -1")
    assert done.returncode == 1
    assert done.stdout.startswith("source,")
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        SWEEP,
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (SOLVE, f"{SOLVE} --json", "threshold --colors 2 --beta 1")
        ),
    ],
)
def test_a_full_output(words):
    done = shell(f"{words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "replica: [Errno 28] No space left on device\n"


def test_closed_streams(tmp_path):
    out = tmp_path / "curve.csv"
    done = shell(f"{SWEEP} --out {out} >&- 2>&-")
    assert done.returncode == 0
    assert len(out.read_text().splitlines()) == 701


@pytest.mark.slow
@pytest.mark.parametrize(("line", "status"), [(">&-", 0), ("--lam -1 2>&-", 2)])
def test_one_closed_stream(line, status):
    assert shell(f"{SOLVE} {line}").returncode == status


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_messages_that_nobody_takes_do_not_stop_the_work(tmp_path):
    out = tmp_path / "curve.csv"
    words = f"sweep --colors 20 --beta 8 --lam 0 --alpha 0.1,0.2 --out {out} 2> /dev/full"
    done = shell(words)
    assert done.returncode == 1
    assert out.read_text().count("below-threshold") == 2


@pytest.mark.parametrize(
    "words",
    [
        "sweep --colors 2 --beta 1 --lam 0.1 --alpha 1:2:100000000000000000000",
        "evolve --colors 2 --beta 1 --lam 0.1 --alpha 1 --steps 1000000000000",
    ],
)
def test_more_points_than_anybody_can_wait_for(capsys, words):
    assert main(words.split()) == 2
    assert "must be an integer from 1 to 10000000" in capsys.readouterr().err


def test_memory_that_there_is_not(monkeypatch, capsys):
    def greedy(*_, **__):
        raise MemoryError("Unable to allocate 7 TiB\nfor an array")

    monkeypatch.setattr("replica.saddle_point.solver.solve", greedy)
    assert main(SOLVE.split()) == 1
    assert capsys.readouterr().err == "replica: Unable to allocate 7 TiB for an array\n"


def test_iterations_that_run_away_are_told(capsys):
    line = "evolve --colors 2 --beta 1 --lam 0 --alpha 1 --steps 60"
    assert main(line.split()) == 1
    output = capsys.readouterr()
    assert output.err.startswith("replica: the overlaps are beyond what the quadrature carries")
    assert len(output.out.splitlines()) == 62
