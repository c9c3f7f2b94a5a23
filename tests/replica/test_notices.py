"""Warnings name the line of the user, however the package came to them."""

from __future__ import annotations

import warnings
from functools import cached_property

import numpy as np
import pytest

from replica import (
    FewCouplingsWarning,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    RowTokens,
    sweep_rows,
)
from replica.errors import Notice
from replica.execution.executor import told
from replica.execution.threads import in_threads
from replica.notices import tell

PAIR = np.zeros((60, 60))
PAIR[0, 1] = PAIR[1, 0] = 1.0


def heard(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return caught


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_a_sweep(threads):
    # Ensembles are kept, and tell but once: rows that no other test has.
    rows = RowTokens.rows_from_couplings(PAIR, [0, 1], 3, 2.0 + 1e-3 * threads)
    problem = Problem(1.0, 0.1, rows[0])
    caught = heard(lambda: sweep_rows(problem, rows, [1.0], workers=threads))
    assert FewCouplingsWarning in {warning.category for warning in caught}
    assert {warning.filename for warning in caught} == {__file__}


def test_a_class_and_what_another_process_sent():
    (potts,) = heard(lambda: PottsTokens(2, 1.99))
    (sent,) = heard(lambda: told(([], [(Notice, "from afar")])))
    assert (potts.category, sent.category) == (ParamagnetWarning, Notice)
    assert potts.filename == sent.filename == __file__


@pytest.mark.parametrize("threads", [1, 2])
def test_each_line_is_told_once(threads):
    """As by Python's own filter, also of threads, whose own lines lead nowhere."""

    class Lazy:
        @cached_property
        def value(self):
            tell("once", Notice)
            return 1

    def part():
        yield Lazy().value

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            assert list(in_threads([part] * 4, threads)) == [1] * 4
    assert [warning.filename for warning in caught].count(__file__) == len(caught) > 0
    assert threads == 1 or len(caught) == 1
