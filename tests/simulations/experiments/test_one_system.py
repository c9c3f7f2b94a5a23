"""What is measured of one system is a line of a table, and an object like a solution."""

from __future__ import annotations

import copy
import pickle

import pytest

from replica import PottsTokens, Problem, Table
from simulations import simulate


def test_a_measurement_is_a_line_and_an_object():
    found = simulate(Problem(2.0, 0.5, PottsTokens(2, 0.5), "squared-error"), 8)
    assert found.test_loss == found["test_loss"] == Table([found])["test_loss"][0]
    assert found.converged
    assert found.rows == 8
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(twin) is type(found)
        assert dict(twin) == dict(found)
    with pytest.raises(AttributeError, match="no 'tset_loss'; what is known is source"):
        found.tset_loss  # noqa: B018
    with pytest.raises(TypeError, match="immutable"):
        found["test_loss"] = 0.0
    assert ["test_loss", repr(found.test_loss)] in [
        line.split() for line in str(found).splitlines()
    ]
    assert "converged: 8 rows of 8 sites" in found._repr_html_()
