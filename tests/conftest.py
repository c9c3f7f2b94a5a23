"""What tests of any room may ask for."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator, Sequence

import pytest

from replica.execution.task import Sent, Task, do


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    """Keep the garbage collector from all that is imported, a large heap where nothing is any.

    It does not look while that grows, nor at it afterwards.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.fixture
def without_workers(monkeypatch):
    """Do here what worker processes are given, as they would be: these take seconds to start.

    For commands whose tables are looked at; where tasks are done is tested in the room of
    execution, and by interrupted and repeated commands.
    """

    def in_this_process(tasks: Sequence[Task], _: int) -> Iterator[tuple[int, Sent]]:
        for number, task in enumerate(tasks):
            yield number, do(pickle.loads(pickle.dumps(task)))

    monkeypatch.setattr("replica.execution.executor.in_processes", in_this_process)
