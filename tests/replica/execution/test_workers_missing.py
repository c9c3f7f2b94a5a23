"""Worker processes that there cannot be: one line says what is missing."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import pytest

from simulations.experiments.simulate_many import collect

#: A script that does not guard its work, with more than one way to ask for workers.
MANY = """
from replica import PottsTokens, Problem
from simulations import simulate_many
simulate_many([Problem(1.0, 0.1, PottsTokens(2, 1.0))], [4], [0, 1, 2], workers=2)
"""
COMMAND = """
from replica.cli import main
print(main(["sweep", "--colors", "2", "--beta", "1", "--lam", "0.1", "--alpha", "1,2",
            "--workers", "2", "--out", "curve.csv"]))
"""
OWN = """
from simulations.experiments.simulate_many import collect

class Mine:
    def run(self):
        return [{"alpha": 1.0}]

if __name__ == "__main__":
    print(len(collect([Mine(), Mine()], workers=2)))
"""
BROKEN = OWN + '\nif __name__ != "__main__":\n    raise ImportError("not twice")\n'
GUARD = 'workers must be 1 where a script does not begin its work under if __name__ == "__main__":'
NO_FILE = "workers must be 1 in a script that is no file for workers to read, too, but <stdin>"


def run(folder, script: str, stdin: bool = False) -> subprocess.CompletedProcess:
    path = folder / "script.py"
    path.write_text(script)
    words = {"input": script} if stdin else {}
    return subprocess.run(
        [sys.executable, "-" if stdin else str(path)],
        **words, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_script_without_a_guard(tmp_path):
    done = run(tmp_path, MANY)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert GUARD in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_command_in_a_script_without_a_guard(tmp_path):
    done = run(tmp_path, COMMAND)
    assert done.stderr.startswith("replica: workers = 2 is not allowed: ")
    assert GUARD in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == "2\n"
    assert run(tmp_path, COMMAND.replace('"2", "--out"', '"1", "--out"')).stdout == "0\n"


@pytest.mark.slow
def test_a_script_whose_workers_are_ended_before_they_tell(tmp_path):
    """As a pool does with the others when one has ended; its own processes have numbers."""
    ended = """
import multiprocessing, signal
if multiprocessing.current_process().name.startswith("replica-worker-"):
    signal.raise_signal(signal.SIGTERM)
"""
    done = run(tmp_path, ended + COMMAND)
    assert GUARD in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == "2\n"
    done = run(tmp_path, ended + BROKEN)
    assert done.stderr.splitlines()[-1].endswith("worker processes cannot start; why stands above")
    assert "ImportError: not twice" in done.stderr
    # With a guard they were killed, and every time.
    done = run(tmp_path, ended + OWN)
    assert done.returncode == 1
    assert "WorkerDied: its worker process was killed" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("script", [MANY, OWN])
def test_a_script_on_the_standard_input(tmp_path, script):
    """Python calls it a file that is not there, if it calls it anything."""
    done = run(tmp_path, script, stdin=True)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert NO_FILE in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_guarded_script_works(tmp_path):
    done = run(tmp_path, OWN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


@pytest.mark.slow
def test_a_script_that_workers_cannot_run(tmp_path):
    done = run(tmp_path, BROKEN)
    assert done.stderr.splitlines()[-1].endswith("worker processes cannot start; why stands above")
    assert "ImportError: not twice" in done.stderr
    assert "killed" not in done.stderr


class Local:
    """A task that the module does not hold where a worker looks for it."""

    def run(self):
        return []


@pytest.mark.parametrize("hide", ["name", "function"])
def test_what_workers_cannot_import(monkeypatch, hide):
    """As classes of a notebook are, and functions within functions."""
    task = Local()
    if hide == "name":
        monkeypatch.setattr(Local, "__module__", "__main__")
        monkeypatch.setattr(sys.modules["__main__"], "Local", Local, raising=False)
        monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    else:
        task.own = lambda: 0
    with pytest.raises(ValueError, match=r"^workers = 2 is not allowed: .* cannot import") as told:
        collect([task, task], workers=2)
    assert "\n" not in str(told.value)


def ask(queue) -> None:
    try:
        collect([Local(), Local()], workers=2)
    except ValueError as error:
        queue.put(str(error))


@pytest.mark.slow
def test_a_daemonic_process():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=ask, args=(queue,), daemon=True)
    process.start()
    assert "workers must be 1 in a daemonic process" in queue.get(timeout=60)
    process.join()
