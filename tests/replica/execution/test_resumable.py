"""What a journal lacks is run, and is on disk before anybody counts it."""

import pytest

from replica.execution import resumable
from replica.execution.resumable import finished, recorded
from replica.execution.task import Failure
from replica.tables import Table
from replica.tables.journal import Journal


def line(alpha, status="converged"):
    return {"source": "theory", "alpha": alpha, "status": status}


def alpha(found):
    return found["alpha"]


@pytest.fixture
def journal(tmp_path):
    with Journal("out", tmp_path / "table.csv", "replica", {}, []) as opened:
        yield opened


def on_disk(journal):
    return Table.from_csv(journal.path).lines() if journal.path.stat().st_size else ()


def test_a_task_that_raised_has_lines_that_say_so(monkeypatch):
    def outcomes(tasks, workers, scheduler):
        assert (workers, scheduler) == (3, "tcp://host:1")
        yield 1, Failure("ValueError: no")
        yield 0, [line(tasks[0])]

    monkeypatch.setattr(resumable, "outcomes", outcomes)
    found = finished([1.0, 2.0], lambda task, error: [line(task, error)], 3, "tcp://host:1")
    assert list(found) == [[line(2.0, "ValueError: no")], [line(1.0)]]


@pytest.mark.parametrize("together", [0.0, 3600.0])
def test_lines_are_on_disk_when_they_are_yielded_and_failed_ones_never(journal, together):
    results = [[line(1.0), line(2.0)], [line(3.0, "failed: no")], [line(4.0)]]
    yielded = []
    for lines in recorded(results, {2.0}, alpha, journal, together):
        yielded += lines
        written = {found["alpha"] for found in on_disk(journal)}
        assert {found["alpha"] for found in yielded} - {3.0} <= written
        assert together or len(written) == len({found["alpha"] for found in yielded} - {3.0})
    assert [found["alpha"] for found in yielded] == [1.0, 3.0, 4.0]
    assert [found["alpha"] for found in on_disk(journal)] == [1.0, 4.0]


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("together", [0.0, 3600.0])
def test_what_came_before_an_end_is_written(journal, end, together):
    def results():
        yield [line(1.0)]
        yield [line(2.0)]
        raise end

    with pytest.raises(end):
        list(recorded(results(), (), alpha, journal, together))
    assert [found["alpha"] for found in on_disk(journal)] == [1.0, 2.0]


def test_a_caller_who_leaves_keeps_what_was_yielded(journal):
    running = recorded(([line(float(n))] for n in range(5)), (), alpha, journal)
    next(running), next(running)
    running.close()
    assert [found["alpha"] for found in on_disk(journal)] == [0.0, 1.0]


def test_without_a_journal_lines_are_yielded_alone():
    results = [[line(1.0)], [line(2.0, "failed: no")]]
    assert list(recorded(results, (), alpha)) == results
