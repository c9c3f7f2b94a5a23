"""Random couplings of every ensemble, and that the Gaussian ones of a seed stay what they were."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from replica import PottsTokens, Problem
from replica.problem.coupling_laws import OrthogonalCouplings
from simulations import PottsModel, simulate
from simulations.sequences.random_couplings import random_couplings


def test_gaussian_couplings_of_a_seed_stay():
    upper = np.triu(np.random.default_rng(4).standard_normal((9, 9)) / 3, k=1)
    model = PottsModel.random(PottsTokens(3, 1.0), 9, 4)
    assert_array_equal(model.couplings, upper + upper.T)


def test_hopfield_couplings_are_those_of_drawn_patterns():
    X = np.random.default_rng(4).standard_normal((10, 5))
    J = PottsModel.random(PottsTokens(3, 0.5, couplings="hopfield:0.5"), 10, 4).couplings
    assert_allclose(J, X @ X.T / 10 - np.diag((X**2).sum(axis=1) / 10), atol=1e-15)


@pytest.mark.parametrize("sites", [40, 41])
def test_orthogonal_couplings_are_reflections_but_for_their_diagonal(sites):
    J = random_couplings(OrthogonalCouplings(), sites, np.random.default_rng(1))
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((sites, sites // 2)))[0]
    reflected = J @ basis - basis
    # What is missing is the diagonal, the same for every vector.
    diagonal = reflected / basis
    assert_allclose(diagonal, np.broadcast_to(diagonal[:, :1], diagonal.shape), atol=1e-9)
    assert_allclose(np.sort(np.linalg.eigvalsh(J - np.diag(diagonal[:, 0]))),
                    [-1.0] * (sites - sites // 2) + [1.0] * (sites // 2), atol=1e-9)  # fmt: skip


def test_systems_of_another_ensemble_are_other_systems():
    lines = [
        simulate(Problem(1.0, 0.1, PottsTokens(2, 0.4, couplings=name)), 12, rows=2, burn_in=5)
        for name in ("gaussian", "orthogonal", "hopfield:1", "hopfield:1")
    ]
    assert len({line["test_loss"] for line in lines}) == 3
    assert [line.get("couplings") for line in lines[:3]] == [None, "orthogonal", "hopfield:1"]


def test_what_other_couplings_do_not_have_is_refused():
    data = PottsTokens(2, 0.4, couplings="hopfield:0.01")
    with pytest.raises(ValueError, match=r"^sites = 12 is not allowed: .* hopfield:0.01 has a pat"):
        PottsModel.random(data, 12)
    with pytest.raises(ValueError, match=r"^estimator = 'amp' is not allowed: "):
        simulate(Problem(1.0, 0.1, data), 12, estimator="amp")
