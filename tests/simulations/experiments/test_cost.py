"""What a run is told to cost, against runs."""

import time

import pytest

from replica import PottsTokens, Problem
from simulations.experiments.cost import memory, seconds
from simulations.experiments.experiment import Experiment


def experiment(sites=100, test_samples=200, **options):
    problem = Problem(2.0, 0.1, PottsTokens(3, 1.5))
    return Experiment((problem,), sites, test_samples=test_samples, **options)


def spent(task):
    def once():
        start = time.process_time()
        task.run()
        return time.process_time() - start

    return min(once() for _ in range(2))


@pytest.mark.parametrize(
    "options",
    [pytest.param({"leave_one_out": True}, marks=pytest.mark.slow), {"ensemble": 10}],
    ids=["left-out", "layers"],
)
def test_what_an_option_adds_is_told_right_to_a_factor_of_three(options):
    """Ratios of processor times in one process, the lesser of two runs, 6 to 10."""
    plain, more = experiment(), experiment(**options)
    measured = spent(more) / spent(plain)
    assert measured / 3 < seconds(more) / seconds(plain) < 3 * measured
    assert memory(experiment(1500, **options)) > memory(experiment(1500))


def test_layers_cost_as_many_samplings_and_trainings():
    """Beside them there is little, with few fresh sequences."""
    one, five = (seconds(experiment(120, 2, ensemble=layers)) for layers in (1, 5))
    assert 4.5 < five / one < 5.5


def test_leaving_out_costs_every_row_and_every_problem_alike():
    def added(rows, count=1):
        problems = tuple(Problem(2.0, 0.1 * (i + 1), PottsTokens(3, 1.5)) for i in range(count))
        plain, more = (
            seconds(Experiment(problems, 60, rows=rows, leave_one_out=left))
            for left in (False, True)
        )
        return more - plain

    assert added(20) == pytest.approx(20 * added(1))
    assert added(20, 3) == pytest.approx(3 * added(20))
