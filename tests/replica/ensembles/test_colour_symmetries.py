"""Permutations of the colours that leave their similarity as it is."""

from __future__ import annotations

import numpy as np
import pytest

from replica.ensembles.colour_symmetries import all_alike, mirror, symmetry


def circulant(*row: float) -> np.ndarray:
    return np.array([np.roll(row, i) for i in range(len(row))])


def two_groups(size: int) -> np.ndarray:
    return np.kron(np.eye(2), np.full((size, size), 0.5)) + 0.1 + 0.4 * np.eye(2 * size)


def of_pairs(values) -> np.ndarray:
    places = np.arange(len(values))
    return np.array(values)[places[:, None] ^ places]


ALIKE = {
    "circulant": circulant(1, 0.5, 0.2, 0.1, 0.2, 0.5),
    "groups": two_groups(4),
    "bits": of_pairs([1, 0.5, 0.4, 0.2, 0.3, 0.1, 0.1, 0.05]),
}


@pytest.mark.parametrize("U", ALIKE.values(), ids=ALIKE)
def test_symmetries_leave_the_similarity(U):
    assert all_alike(U, 1e-9)
    for y in range(1, len(U)):
        image = symmetry(U, 1e-9, {0: y})
        assert image[0] == y
        assert sorted(image) == list(range(len(U)))
        np.testing.assert_array_equal(U[np.ix_(image, image)], U)


@pytest.mark.parametrize("name", ["circulant", "groups"])
def test_mirrors_are_their_own_inverse(name):
    U = ALIKE[name]
    image = mirror(U, 1e-9, 2)
    assert image[2] == 2
    assert (image != np.arange(len(U))).any()
    np.testing.assert_array_equal(image[image], np.arange(len(U)))
    np.testing.assert_array_equal(U[np.ix_(image, image)], U)


def test_colours_that_differ_are_not_alike():
    U = np.eye(5)
    U[0, 1] = U[1, 0] = 0.3
    assert not all_alike(U, 1e-9)
    assert symmetry(U, 1e-9, {0: 1}) is not None
    assert symmetry(U, 1e-9, {0: 2}) is None
    assert mirror(of_pairs([1, 0.5, 0.4, 0.2]), 1e-9, 0) is None
    assert mirror(np.eye(2), 1e-9, 0) is None


def test_a_symmetry_hidden_by_a_permutation_is_found():
    """Nothing of a random one of 12 colours but its orbits tells the search where to go."""
    rng = np.random.default_rng(0)
    order = rng.permutation(12)
    U = circulant(1, 0.5, 0.2, 0.1, 0.1, 0.3, 0.2, 0.3, 0.1, 0.1, 0.2, 0.5)[np.ix_(order, order)]
    assert all_alike(U, 1e-9)
    assert mirror(U, 1e-9, 0) is not None
