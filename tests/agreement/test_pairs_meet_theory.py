"""Symmetry and precision of whole attention matrices, trained and predicted.

Every test compares means over systems with the theory, to 4.5 standard errors of these means with a
few systems and what 1/L may add: less than one in a thousand fails by chance, for fixed seeds.
"""

from __future__ import annotations

import numpy as np
import pytest

from replica import PottsTokens, Problem, RowTokens, pair_law, pair_precision, solve
from simulations import PottsModel, attention_map, measured_precision, sample, simulate_many

PROBLEM = Problem(2.0, 0.1, PottsTokens(2, 1.5))


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
def test_symmetrised_errors_and_precision_of_an_ensemble(loss):
    problem = PROBLEM.at(loss=loss)
    seeds = 12
    short, long = (
        simulate_many([problem], [sites], range(seeds), test_samples=2, whole_matrix=True)
        for sites in (40, 80)
    )
    law = pair_law(solve(problem))
    # The errors of both lengths, the gain by symmetry, and the pairs: 2 x(2L) - x(L).
    for name, expected in (
        ("symmetrised_error", law.symmetrised_error),
        ("gain", law.coupling_error - law.symmetrised_error),
        ("precision", pair_precision(problem).precision),
    ):
        one, two = (_column(table, name) for table in (short, long))
        value = 2 * two.mean() - one.mean()
        error = np.sqrt((4 * two.var(ddof=1) + one.var(ddof=1)) / seeds)
        assert abs(value - expected) < 4.5 * error, name
        assert error < 0.1 * law.coupling_error


def _column(table, name):
    if name == "gain":
        return table["coupling_error"] - table["symmetrised_error"]
    return table[name]


def test_contacts_of_a_sparse_model_are_found_as_predicted():
    sites, colors, beta, alpha = 40, 2, 1.0, 3.0
    rng = np.random.default_rng(1)
    J = np.zeros((sites, sites))
    ring = rng.permutation(sites)
    J[ring, np.roll(ring, 1)] = rng.choice((-1.0, 1.0), sites) * rng.uniform(0.2, 0.6, sites)
    J = J + J.T
    model, top = PottsModel(J, colors, beta), [0.03, 0.06, 0.15]
    problem = Problem(alpha, 0.1, RowTokens.from_couplings(J, 0, colors, beta), "squared-error")
    seeds = 24
    maps = [
        attention_map(sample(model, round(alpha * sites), seed), colors, 0.1, "squared-error")
        for seed in range(seeds)
    ]
    for corrected in (False, True):
        expected = pair_precision(problem, top=top, corrected=corrected)
        assert expected.precision[0] > 3 * expected.contacts
        for share, precision in zip(top, expected.precision, strict=True):
            found = [
                measured_precision(each.attention, J, top=share, corrected=corrected)
                for each in maps
            ]
            error = np.std(found, ddof=1) / seeds**0.5
            assert abs(np.mean(found) - precision) < 4.5 * error + 0.5 / sites
