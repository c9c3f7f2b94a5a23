"""A status is its text wherever a text is asked for, and says what it means."""

from __future__ import annotations

import copy
import csv
import io
import json
import pickle

import numpy as np
import pytest

from replica import ConvergenceError, PottsTokens, Problem, Table, solve
from replica.saddle_point.status import Status

TEXTS = ["converged", "max-steps", "diverged", "not-finite", "below-threshold"]


@pytest.mark.parametrize(("status", "text"), list(zip(Status, TEXTS, strict=True)))
def test_a_status_is_its_text(status, text):
    assert status == text
    assert {status: 1}[text] == {text: 1}[status] == 1
    assert [str(status), f"{status}", f"{status:>20}", repr(status)] == [
        text, text, f"{text:>20}", repr(text),
    ]  # fmt: skip
    assert "%s" % status == "{}".format(status) == text  # noqa: UP031, UP032
    assert type(str(status)) is str
    assert json.dumps({status: [status]}) == json.dumps({text: [text]})
    assert json.dumps([status], indent=1) == json.dumps([text], indent=1)
    assert np.array([status]).tolist() == [text]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([status])
    assert stream.getvalue() == text
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(status, protocol)) is status
    assert copy.deepcopy(status) is status
    assert status.sentence


def test_a_solution_has_one_and_a_table_its_text():
    solution = solve(Problem(0.5, 0.0, PottsTokens(2, 1.0)), check=False)
    assert solution.status is Status.BELOW_THRESHOLD
    assert type(solution.line()["status"]) is str
    table = Table([solution.line()])
    assert (table["status"] == "below-threshold").all()
    assert len(table.where(status=Status.BELOW_THRESHOLD)) == 1
    assert pickle.loads(pickle.dumps(solution)).status is solution.status


def test_a_message_says_what_the_status_means():
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5))
    with pytest.raises(ConvergenceError) as stopped:
        solve(problem, max_steps=1)
    assert str(stopped.value).endswith(f"({Status.MAX_STEPS.sentence})")
