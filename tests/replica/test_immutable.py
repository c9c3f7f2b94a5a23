"""Results cannot be changed, not in their arrays and mappings, and not after pickling either."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from replica import (
    CustomTokens,
    PottsTokens,
    Problem,
    bayes_bound,
    few_samples,
    solve,
    state_evolution,
    sweep,
)
from replica.immutable import Immutable

SIMILAR = PottsTokens(4, 2.0, [np.roll([1, 0.5, 0, 0.5], i).tolist() for i in range(4)])
PLAIN = Problem(2.0, 0.1, PottsTokens(3, 1.5))
RESULTS = {
    "solution": lambda: solve(PLAIN.at(data=SIMILAR, loss="squared-error")),
    "bound": lambda: bayes_bound(1.0, SIMILAR),
    "evolution": lambda: state_evolution(PLAIN, 2),
    "asymptote": lambda: few_samples(PLAIN),
    "data": lambda: CustomTokens.from_spectrum([1, 2], [1, 1], [1, 1], 3),
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_results_are_read_only(make):
    made = make()
    copies = pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)
    for result in (made, *copies, dataclasses.replace(made)):
        held = [getattr(result, field.name) for field in dataclasses.fields(result)]
        arrays = [value for value in held if isinstance(value, np.ndarray)]
        for array in arrays:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        mappings = [value for value in held if isinstance(value, dict)]
        for mapping in mappings:
            for change in (
                lambda d: d.update(m=0),
                lambda d: d.pop("m"),
                lambda d: d.__setitem__("m", 0),
                lambda d: d.__delitem__("m"),
                lambda d: d.__ior__({"m": 0}),
            ):
                with pytest.raises(TypeError, match="immutable"):
                    change(mapping)
        assert arrays or mappings


def test_what_was_handed_in_stays_writable():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Held(Immutable):
        array: np.ndarray

    mine = np.zeros(2)
    assert not Held(mine).array.flags.writeable
    assert mine.flags.writeable


def test_a_mapping_becomes_a_dict_again():
    assert dataclasses.asdict(few_samples(PLAIN))["orders"]["m"] == 2


def test_the_solutions_of_a_curve_are_its_own():
    curve = sweep(PLAIN, [1.0, 2.0])
    with pytest.raises(AttributeError):
        curve.solutions = ()
    assert len(curve.solutions) == 2
