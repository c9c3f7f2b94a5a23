"""Large systems hear Ctrl-C, and nothing depends on the pieces in which they are computed."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

from replica import PottsTokens, Problem
from simulations import PottsModel, separable, simulate, train
from simulations.estimators.message_passing import approximate_message_passing
from simulations.kernels.aside import aside
from simulations.kernels.local_fields import colored_sums
from simulations.kernels.pieces import pieces
from simulations.kernels.second_moments import pair_sums
from simulations.sequences.sampler import Chains

#: Seconds of computing time within which Ctrl-C is to be heard.
SOON = 1.0

MIXED = [[1, 0.2, 0.2], [0.2, 1, 0.2], [0.2, 0.2, 1]]


def test_pieces_cover_everything_once():
    for count, additions, multiple in ((1000, 1e6, 16), (5, 1e12, 4), (7, 0.0, 1), (0, 1.0, 3)):
        parts = list(pieces(count, additions, multiple))
        assert [k for part in parts for k in range(count)[part]] == list(range(count))
        assert all((part.stop - part.start) % multiple == 0 for part in parts[:-1])


def results() -> list[np.ndarray]:
    """Whatever is computed in pieces, for systems that do not fit them."""
    found = []
    for similarity in (None, MIXED):
        model = PottsModel.random(PottsTokens(3, 1.0, similarity), 70, 0)
        for threads in (1, 2):
            chains = Chains(model, 37, 3, threads)
            found += [chains.run(11), chains.run(2)]
        tokens = chains.tokens
        for loss, rows in (("cross-entropy", None), ("squared-error", range(5))):
            found.append(train(tokens, 3, 0.1, loss, similarity, rows).weights)
        problem = Problem(1.3, 0.1, PottsTokens(3, 1.0, similarity))
        line = simulate(problem, sites=70, rows=67, test_samples=50)
        found.append(np.array([v for v in line.values() if isinstance(v, float)]))
    model = PottsModel.random(PottsTokens(3, 1.0), 70, 0)
    found.append(approximate_message_passing(model, tokens, 0.1, rows=range(9)).training.weights)
    return found


def test_pieces_change_no_bit(monkeypatch):
    whole = results()
    for piece in (1.0, 20_000.0):
        monkeypatch.setattr("simulations.kernels.pieces._PIECE", piece)
        monkeypatch.setattr("simulations.sequences.sampler._SWEEPS", 3)
        for one, other in zip(whole, results(), strict=True):
            np.testing.assert_array_equal(one, other)


def heard(work, after: float = 0.3) -> float:
    """Return the seconds of computing time from Ctrl-C, at `after`, to its effect."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGPROF, interrupt)
    start = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_PROF, after)
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.process_time() - start - after
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture(scope="module")
def large():
    """A model of 2000 sites, sequences and weights: each call below takes many seconds of it."""
    model = PottsModel.random(PottsTokens(3, 1.0), 2000, 0)
    tokens = np.random.default_rng(0).integers(0, 3, (6000, 2000), dtype=np.uint8)
    return model, tokens


@pytest.mark.parametrize("threads", [1, 2])
def test_the_sampler_hears_and_does_not_advance(large, threads):
    chains = Chains(large[0], 2000, 0, threads)
    before = chains.tokens
    assert heard(lambda: chains.run(60)) < SOON
    np.testing.assert_array_equal(chains.tokens, before)
    assert chains.sweeps == 0


@pytest.mark.parametrize(
    "work",
    [
        lambda model, tokens: pair_sums(tokens, np.arange(2000), np.eye(3)),
        lambda model, tokens: colored_sums(tokens, model.couplings, 3),
        lambda model, tokens: train(tokens[:, :300], 3, 0.0, rows=range(200), tolerance=1e-300),
        lambda model, tokens: separable(tokens[:900, :300], 0, 3),
    ],
    ids=["pair-sums", "fields", "train", "separable"],
)
def test_training_and_testing_hear(large, work):
    assert heard(lambda: work(*large)) < SOON


def test_what_is_done_aside_returns_and_raises_the_same():
    assert aside(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        aside(divmod, 7, 0)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(aside(threading.current_thread)))
    thread.start()
    thread.join()
    assert seen == [thread]
