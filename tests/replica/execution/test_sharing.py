"""How many processes a run gets where nobody says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from hazards import Doing

from replica.execution import sharing
from replica.execution.sharing import asked, pays, shared

#: What a script prints of itself, and where it does: each worker would import it.
ASK = "from replica.execution.sharing import may_have_workers as may\n"
SCRIPTS = {
    "in the open": ("print(may())", "False"),
    "under the guard": ("if __name__ == '__main__':\n    print(may())", "True"),
    "in a function, under the guard": (
        "def ask():\n    print(may())\n\nif '__main__' == __name__:\n    ask()",
        "True",
    ),
    "beside the guard": ("if __name__ == '__main__':\n    pass\nprint(may())", "False"),
    "instead of the guard": ("if may:\n    print(may())", "False"),
}


@pytest.fixture
def cores(monkeypatch):
    monkeypatch.setattr(sharing, "cores", lambda: 2)


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_script_has_workers_under_its_guard_alone(tmp_path, kind):
    script, expected = SCRIPTS[kind]
    path = tmp_path / "script.py"
    path.write_text(ASK + script + "\n")
    assert _said(str(path)) == expected


def test_what_no_worker_imports_may_have_workers():
    """As a notebook, an interpreter, and a package that is run by its name."""
    assert _said("-c", ASK + "print(may())") == "True"


def _said(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_run_is_shared_once_it_is_long_and_there_is_something_to_share(cores, monkeypatch):
    now = time.monotonic()
    assert pays(2, now - 5.5)
    assert pays(2, now, expected=5.5)
    assert not pays(2, now)
    assert not pays(1, now - 5.5)
    monkeypatch.setattr(sharing, "may_have_workers", lambda: False)
    assert not pays(2, now - 5.5)
    monkeypatch.undo()
    monkeypatch.setattr(sharing, "cores", lambda: 1)
    assert not pays(2, now - 5.5)


def done(tasks, here=lambda task: task.run(), **options) -> dict[int, int]:
    """Return by task the process that did it."""
    return {number: lines[0]["pid"] for number, lines in shared(tasks, here, **options)}


def test_a_short_run_stays_in_this_process(cores):
    assert done(4 * [Doing("work")]) == dict.fromkeys(range(4), os.getpid())


def test_what_is_left_of_a_long_run_goes_to_workers(cores, monkeypatch):
    monkeypatch.setattr(sharing, "_SHORT", 0.05)

    def slow(task):
        time.sleep(0.1)
        return task.run()

    found = done(5 * [Doing("work")], slow)
    assert set(found) == set(range(5))
    assert [number for number in found if found[number] == os.getpid()] == [0]


@dataclass(frozen=True)
class Mine(Doing):
    """A task with something that no other process can have."""

    def __post_init__(self):
        object.__setattr__(self, "own", lambda: 0)


def test_what_workers_cannot_have_is_done_here(cores):
    assert done(3 * [Mine("work")], expected=60.0) == dict.fromkeys(range(3), os.getpid())


@pytest.mark.parametrize("wrong", [0, 2.5, "two"])
def test_a_wrong_number_is_refused(wrong):
    with pytest.raises(ValueError, match=f"^workers = {wrong!r} is not allowed"):
        asked(wrong)
