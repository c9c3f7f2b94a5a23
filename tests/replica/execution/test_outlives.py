"""What belongs to the process is, after a call, as it was before, though others run beside it."""

from __future__ import annotations

import locale
import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import scipy.linalg  # noqa: F401, which brings a library of its own
from hazards import Nothing
from threadpoolctl import threadpool_info, threadpool_limits

from replica import ParamagnetWarning, PottsTokens, Problem, sweep
from replica.cli import main
from replica.errors import Notice
from replica.execution.processes import in_processes
from replica.notices import tell, unwanted
from simulations import simulate
from simulations.kernels.one_thread import one_thread

PROBLEM = Problem(1.0, 0.1, PottsTokens(2, 1.0))
SWEEP = ["sweep", "--colors", "2", "--lam", "0.1", "--alpha", "1,2"]


def blas() -> dict[str, int]:
    return {
        library["filepath"]: library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def process() -> dict[str, object]:
    """Whatever of the process a call might change."""
    umask = Path("/proc/self/status").read_text().partition("Umask:")[2].split()[0]
    return {
        "blas": blas(),
        "umask": umask,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "errors": np.geterr(),
        "printing": str(np.get_printoptions()),
        "random": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "signals": {number: signal.getsignal(number) for number in (2, 13, 15)},
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "start": multiprocessing.get_start_method(allow_none=True),
        "loggers": (logging.root.level, list(logging.root.handlers)),
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "recursion": sys.getrecursionlimit(),
        "matplotlib": (dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)),
        "threads": threading.active_count(),
    }


def in_workers():
    assert len(list(in_processes([Nothing(), Nothing()], 2))) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: simulate(PROBLEM, sites=4),
        lambda folder: sweep(PROBLEM, [1.0, 2.0]).to_csv(folder / "curve.csv"),
        lambda folder: in_workers(),
        lambda folder: main(
            [*SWEEP, "--beta", "1.99", "--workers", "2", "--out", str(folder / "table.csv")]
        ),
    ],
    ids=["simulate", "sweep", "workers", "command"],
)
def test_a_call_changes_nothing(tmp_path, call):
    before = process()
    call(tmp_path)
    assert process() == before


def test_a_call_that_raises_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("simulations.experiments.experiment.systems", lambda *_: 1 / 0)
    before = process()
    with pytest.raises(ZeroDivisionError):
        simulate(PROBLEM, sites=4)
    assert main([*SWEEP, "--beta", "5"]) == 2
    assert process() == before


def test_a_command_without_streams_gives_none_back(tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main([*SWEEP, "--beta", "1"]) == 0
    assert sys.stdout is None
    assert sys.stderr is None


def test_threads_that_overlap_give_blas_back():
    """The first to begin ends first, as a limit that each gives back alone does not survive."""
    began, end = threading.Event(), threading.Event()

    @one_thread
    def first():
        began.set()
        assert end.wait(120)

    @one_thread
    def second(other):
        assert set(blas().values()) == {1}
        end.set()
        other.join()
        assert set(blas().values()) == {1}

    with threadpool_limits(limits=2, user_api="blas"):
        thread = threading.Thread(target=first)
        thread.start()
        assert began.wait(120)
        second(thread)
        assert set(blas().values()) == {2}


def test_simulations_in_threads_give_blas_back_and_do_not_differ():
    alone = [simulate(PROBLEM, sites=6, seed=seed) for seed in range(4)]
    found = {}
    with threadpool_limits(limits=2, user_api="blas"):
        threads = [
            threading.Thread(target=lambda s=seed: found.update({s: simulate(PROBLEM, 6, s)}))
            for seed in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(blas().values()) == {2}
    for seed in range(4):
        np.testing.assert_equal(found[seed], alone[seed])


def test_workers_of_several_threads_leave_the_environment():
    before = dict(os.environ)
    threads = [threading.Thread(target=in_workers) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(os.environ) == before


def test_what_a_thread_does_not_want_to_be_told_others_are():
    class Known(Notice):
        pass

    inside, told = threading.Event(), threading.Event()

    def silent():
        with unwanted(Known):
            inside.set()
            assert told.wait(120)
            tell("to nobody", Known)

    filters = list(warnings.filters)
    thread = threading.Thread(target=silent)
    thread.start()
    assert inside.wait(120)
    with pytest.warns(Known, match="to all"):
        tell("to all", Known)
    told.set()
    thread.join()
    assert list(warnings.filters) == filters
    with pytest.warns(ParamagnetWarning):
        PottsTokens(2, 1.99)
