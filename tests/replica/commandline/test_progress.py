"""What is seen of long runs: on a terminal, in a notebook, and elsewhere."""

from __future__ import annotations

import sys
import types

import pytest

import replica.saddle_point.sweep
from replica import PottsTokens, Problem, sweep
from replica.commandline import progress as seen
from replica.commandline.progress import progress
from replica.errors import Notice
from simulations import simulate_many
from simulations.experiments.experiment import Experiment

PROBLEM = Problem(2.0, 0.1, PottsTokens(2, 0.5))


class Clock:
    """A clock that is ahead by some seconds whenever it is asked."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


class Widget:
    """What is used of a bar of tqdm."""

    made: list[Widget]

    def __init__(self, total, desc):
        self.total, self.desc, self.n, self.start_t, self.open = total, desc, 0, 0.0, True
        self.made.append(self)

    def update(self, more):
        self.n += more

    def close(self):
        self.open = False


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(4.0)
    monkeypatch.setattr(seen, "time", clock)
    return clock


@pytest.fixture
def notebook(monkeypatch):
    """A kernel, as far as it is looked at, with a tqdm that remembers its bars."""
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    Widget.made = []
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Widget))
    return Widget.made


def test_away_from_a_terminal_a_line_every_half_minute(clock, capsys):
    assert len(list(progress(range(20), 20, "sweep"))) == 20
    assert capsys.readouterr().err.splitlines() == [
        "sweep: 8/20, 48 s left",
        "sweep: 16/20, 16 s left",
    ]


def test_what_the_first_waits_for_is_not_expected_of_others(clock, capsys):
    def items():
        clock.now += 1000.0
        yield from range(20)

    list(progress(items(), 20, "sweep"))
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert (first, second) == ("sweep: 1/20", "sweep: 9/20, 44 s left")


def test_short_runs_are_quiet(clock, capsys):
    assert len(list(progress(range(7), 7, "sweep"))) == 7
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(clock, monkeypatch, capsys):
    monkeypatch.setattr(seen, "_is_terminal", lambda: True)
    list(progress(range(2), 2, "sweep"))
    said = capsys.readouterr().err
    assert said.startswith(f"\rsweep [{'#' * 15:<30}] 1/2 ")
    assert said.endswith(f"[{'#' * 30}] 2/2, 0 s left \n")


def test_what_has_no_label_is_seen_in_notebooks_alone(clock, notebook, monkeypatch, capsys):
    list(progress(range(3), 3, None))
    (bar,) = notebook
    assert (bar.n, bar.total, bar.start_t, bar.open) == (3, 3, -4.0, False)
    # Lines where tqdm is not installed.
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    list(progress(range(9), 9, None))
    assert capsys.readouterr().err == "done: 8/9, 4 s left\n"
    monkeypatch.delitem(sys.modules, "IPython")
    list(progress(range(9), 9, None))
    assert capsys.readouterr().err == ""


def interrupted_behind(count, function):
    """The function, which Ctrl-C interrupts when it was called so often."""
    left = iter(range(count))

    def one(*given, **named):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return function(*given, **named)

    return one


@pytest.fixture
def point_by_point(monkeypatch):
    """Curves whose points are solved one at a time, by `solve_from`."""
    monkeypatch.setattr("replica.saddle_point.sweep.follow_from", lambda *_: [])


def test_ctrl_c_in_a_notebook_returns_what_is_done(notebook, point_by_point, monkeypatch):
    whole = sweep(PROBLEM, [4.0, 1.0, 2.0], lam=[0.1, 0.2])
    stopped = interrupted_behind(5, replica.saddle_point.sweep.solve_from)
    monkeypatch.setattr("replica.saddle_point.sweep.solve_from", stopped)
    with pytest.warns(Notice, match="interrupted: 5 of 6 are done"):
        part = sweep(PROBLEM, [4.0, 1.0, 2.0], lam=[0.1, 0.2], workers=1)
    # Of the last curve the smallest ratios, in the order that was asked for.
    assert part["alpha"].tolist() == [4.0, 1.0, 2.0, 1.0, 2.0]
    assert part.lines() == tuple(line for k, line in enumerate(whole.lines()) if k != 3)
    with pytest.raises(KeyboardInterrupt):
        sweep(PROBLEM, [1.0])


def test_elsewhere_ctrl_c_stops(point_by_point, monkeypatch):
    stopped = interrupted_behind(1, replica.saddle_point.sweep.solve_from)
    monkeypatch.setattr("replica.saddle_point.sweep.solve_from", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep(PROBLEM, [1.0, 2.0])


def test_simulations_return_what_is_done_as_well(notebook, monkeypatch):
    options = {"sites": [6], "test_samples": 10, "rows": 3}
    whole = simulate_many([PROBLEM], seeds=range(2), **options)
    run = interrupted_behind(1, Experiment.run)
    monkeypatch.setattr(Experiment, "run", lambda experiment: run(experiment))
    with pytest.warns(Notice, match="interrupted: 1 of 2 are done") as told:
        part = simulate_many([PROBLEM], seeds=range(2), **options)
    # At the line of whoever asked.
    assert told[0].filename == __file__
    assert part.lines() == whole[:1].lines()
