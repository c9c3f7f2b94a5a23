"""Parts of a work in threads: order, errors, early ends."""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from replica.commandline.terminal import cores
from replica.execution.threads import in_threads, spare_threads


def count(part, items):
    for item in range(items):
        yield part, item, threading.get_ident()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_items_of_a_part_keep_their_order(threads):
    parts = [partial(count, number, 40) for number in range(12)]
    found = list(in_threads(parts, threads))
    assert sorted((part, item) for part, item, _ in found) == [
        (part, item) for part in range(12) for item in range(40)
    ]
    for number in range(12):
        assert [item for part, item, _ in found if part == number] == list(range(40))
        assert len({thread for part, _, thread in found if part == number}) == 1
    assert ({threading.get_ident()} == {thread for _, _, thread in found}) == (threads == 1)


def test_nothing_to_do():
    assert list(in_threads([], 4)) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_reaches_the_caller(threads):
    def broken():
        yield 1
        raise ZeroDivisionError("at all")

    with pytest.raises(ZeroDivisionError, match="at all"):
        list(in_threads([broken] * 3, threads))


def test_who_stops_early_is_not_kept_waiting():
    reached, go_on, ended = [], threading.Event(), threading.Event()

    def slow():
        try:
            for item in range(100):
                reached.append(item)
                yield item
                go_on.wait(30)
        finally:
            ended.set()

    with closing(in_threads([slow, slow], 2)) as items:
        next(items)
    assert len(reached) <= 2
    go_on.set()
    assert ended.wait(30)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and threading.active_count() > 1 and len(reached) > 4:
        time.sleep(0.01)
    assert len(reached) <= 4


def test_settings_of_the_caller_hold():
    def told():
        yield np.geterr()["divide"]

    with np.errstate(divide="raise"):
        assert list(in_threads([told] * 4, 2)) == ["raise"] * 4


def test_a_process_among_others_has_one_thread(monkeypatch):
    assert spare_threads() == cores()
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert spare_threads() == 1
