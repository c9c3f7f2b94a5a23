"""Grids whose curves start from one another, in whatever threads and processes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import replica.saddle_point.stretches
import replica.saddle_point.sweep
from replica import (
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    existence_threshold,
    solve,
    sweep,
    sweep_rows,
)
from replica.cli import main
from replica.saddle_point.neighbours import Neighbours
from replica.saddle_point.stretches import stretches
from replica.tables.journal import Journal

PROBLEM = Problem(1.0, 0.1, PottsTokens(3, 1.5))
NAMES = ("m", "q", "V", "test_loss", "train_loss", "error_rate", "coupling_error")


@pytest.fixture
def rows():
    J = np.random.default_rng(0).standard_normal((24, 24)) / 24**0.5
    J = np.triu(J, 1) + np.triu(J, 1).T
    return RowTokens.rows_from_couplings(J, None, colors=3, beta=1.2)


@pytest.fixture
def starts(monkeypatch):
    """The problems that are solved, with whether their search started from a neighbour."""
    known, solve_from = [], replica.saddle_point.sweep.solve_from

    def told(problem, state):
        known.append((problem, state is not None))
        return solve_from(problem, state)

    monkeypatch.setattr(replica.saddle_point.sweep, "solve_from", told)
    return known


def check_alone(curve, at_most):
    """Compare with cold solves, and ask for as few evaluations as a share of theirs."""
    alone = [solve(solution.problem) for solution in curve.solutions]
    for name in NAMES:
        np.testing.assert_allclose(
            curve[name], [getattr(each, name) for each in alone], rtol=3e-10, err_msg=name
        )
    assert sum(curve["evaluations"]) < at_most * sum(each.evaluations for each in alone)


@pytest.mark.parametrize(
    ("problem", "alphas", "grid", "at_most"),
    [
        (PROBLEM, [1.3], {"beta": np.linspace(0.3, 2.4, 40)}, 0.6),
        (PROBLEM, [0.5, 6.0], {"lam": np.geomspace(1e-3, 10, 32)}, 0.75),
        (PROBLEM, [0.7, 0.9, 1.2], {"lam": [0.1, 0.5], "beta": np.linspace(1.0, 1.2, 8)}, 0.8),
        (PROBLEM.at(data=PottsTokens(2, 1.0)), np.geomspace(0.5, 5, 12),
         {"beta": np.linspace(0.8, 1.0, 16)}, 0.6),
        (PROBLEM.at(loss="squared-error"), [1.0, 2.0], {"beta": np.linspace(1.0, 2.0, 24)}, 1.0),
    ],
    ids=["couplings", "weight decays", "two parameters", "two colours", "squared error"],
)  # fmt: skip
def test_curves_that_start_from_one_another_end_where_each_alone_does(
    problem, alphas, grid, at_most
):
    check_alone(sweep(problem, alphas, **grid), at_most)


def test_rows_of_a_model_start_from_one_another(rows):
    check_alone(sweep_rows(PROBLEM, rows, np.geomspace(0.8, 4, 6)), 0.9)


def test_a_neighbour_that_failed_hands_nothing_on(starts):
    """At λ = 0 and these α the weaker couplings have a minimiser, and the stronger have none."""
    weak, strong = (np.linspace(*ends, 8) for ends in ((0.1, 0.6), (1.6, 1.9)))
    exists = [True, True, True, False, False, True, False, False] * 2
    betas = np.where(exists, np.resize(weak, 16), np.resize(strong, 16))
    curve = sweep(Problem(1.0, 0.0, PottsTokens(2, 1.0)), [2.6], beta=betas, workers=1)
    assert existence_threshold(PottsTokens(2, 0.6)) < 2.6 < existence_threshold(PottsTokens(2, 1.6))
    assert (curve["status"] == "converged").tolist() == exists
    # Stretches of two curves: the second starts from the first where that has a state.
    assert [from_one for _, from_one in starts] == [i % 2 == 1 and exists[i - 1] for i in range(16)]
    check_alone(type(curve)(s for s in curve.solutions if s.converged), 1.0)


def test_what_is_no_neighbour_hands_nothing_on(starts):
    """Other numbers of colours, losses and masks."""
    sweep(
        PROBLEM, [2.0], workers=1, masking=[None, Masking(0.1)],
        loss=["cross-entropy", "squared-error"], colors=[2, 3, 4, 5],
    )  # fmt: skip
    assert len(starts) == 16
    assert not any(from_one for _, from_one in starts)


def test_a_curve_alone_is_extrapolated_as_ever():
    neighbours = Neighbours()
    for alpha in (1.0, 1.1, 1.2):
        problem = PROBLEM.at(alpha=alpha)
        state = neighbours.start(problem)
        assert (state is None) == (alpha == 1.0)
        _, after = replica.saddle_point.sweep.solve_from(problem, state)
        neighbours.add(problem, after)
    close = neighbours.start(PROBLEM.at(alpha=1.3))
    _, found = replica.saddle_point.sweep.solve_from(PROBLEM.at(alpha=1.3), None)
    assert np.abs(close.x - found.x).max() < 1e-3


@pytest.mark.parametrize(
    ("curves", "points"), [(0, 5), (1, 130), (7, 100), (8, 100), (100, 100), (100, 30), (500, 1)]
)
def test_stretches_hold_every_point_once_and_depend_on_the_grid_alone(curves, points):
    grid = [[(c, p) for p in range(points)] for c in range(curves)]
    parts = stretches(grid, 50)
    assert sorted(p for part in parts for p in part) == [p for curve in grid for p in curve]
    assert all(part == sorted(part) for part in parts)
    assert all(len(part) <= 120 for part in parts)
    if curves < 16:
        assert all(len({c for c, _ in part}) == 1 and len(part) <= 50 for part in parts)
    else:
        assert 8 <= len(parts) <= 100


def test_numbers_do_not_depend_on_threads():
    grid = {"alpha": [0.6, 1.4, 3.0], "beta": np.linspace(0.5, 2.0, 20)}
    one, several = (sweep(PROBLEM, **grid, workers=workers) for workers in (1, 3))
    assert one.lines() == several.lines() == sweep(PROBLEM, **grid).lines()


@pytest.mark.parametrize("workers", [0, 1.5, "2"])
def test_threads_are_counted(workers):
    with pytest.raises(ValueError, match=f"workers = {workers!r} "):
        sweep(PROBLEM, [1.0], workers=workers)


def test_a_loss_of_the_users_is_asked_by_one_thread(monkeypatch):
    class Half:
        """Half the squared error of uncentred logits' differences."""

        name = "half"

        def __init__(self):
            self.threads = set()

        def value(self, h):
            self.threads.add(threading.get_ident())
            d = h - h.mean(axis=-1, keepdims=True)
            e = np.eye(h.shape[-1])[0] - 1 / h.shape[-1]
            return 0.5 * ((d - e) ** 2).sum(axis=-1)

        def prox(self, omega, V):
            mean = omega.mean(axis=-1, keepdims=True)
            e = np.eye(omega.shape[-1])[0] - 1 / omega.shape[-1]
            return mean + (omega - mean + V * e) / (1 + V)

        def optimum(self, p):
            return 0.5 * (1 - (p**2).sum(axis=-1))

    monkeypatch.setattr(replica.saddle_point.stretches, "spare_threads", lambda: 2)
    loss = Half()
    grid = sweep(PROBLEM.at(loss=loss, data=PottsTokens(2, 1.0)), [2.0], beta=[0.5, 1.0])
    assert grid.converged
    assert loss.threads == {threading.get_ident()}


@pytest.mark.parametrize(
    "how",
    [(), ("--workers", "1"), pytest.param(("--workers", "2"), marks=pytest.mark.slow)],
    ids=["threads", "one", "processes"],
)
def test_a_stopped_grid_ends_in_the_same_table(tmp_path, monkeypatch, how):
    words = ["sweep", "--colors", "2", "--beta", "0.4:1.2:16", "--lam", "0.1", "--alpha", "1:3:5"]
    whole, out = tmp_path / "whole.csv", tmp_path / "grid.csv"
    assert main([*words, "--out", str(whole), "--workers", "1"]) == 0
    append, left = Journal.append, iter(range(7))

    def stopped(self, lines):
        for line in list(lines):
            if next(left, None) is None:
                raise KeyboardInterrupt
            append(self, [line])

    monkeypatch.setattr(Journal, "append", stopped)
    assert main([*words, "--out", str(out)]) == 130
    monkeypatch.setattr(Journal, "append", append)
    assert main([*words, "--out", str(out), *how]) == 0
    assert out.read_bytes() == whole.read_bytes()
