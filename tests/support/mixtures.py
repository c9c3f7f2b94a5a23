"""Rows described by moments: random ones, and Potts rows whose moments are known exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica import CustomTokens, RowTokens


class Mixture(NamedTuple):
    """Frequencies, means and covariances of a row's inputs, one covariance for each token."""

    frequencies: np.ndarray
    means: np.ndarray
    covariance: np.ndarray

    def row(self) -> RowTokens:
        return RowTokens.from_moments(*self)


def random_mixture(colors: int, inputs: int, seed: int, common: float = 0.6) -> Mixture:
    """Unequal frequencies and covariances, and means with a common part of length √inputs."""
    rng = np.random.default_rng(seed)
    frequencies = rng.dirichlet(np.full(colors, 4.0))
    means = rng.standard_normal((colors, inputs, colors)) / np.sqrt(inputs)
    means = means + common * rng.standard_normal((inputs, colors))
    covariance = np.empty((colors, inputs, colors, inputs, colors))
    for of_class in covariance:
        A, B = (rng.standard_normal((size, size)) for size in (colors, inputs))
        along = np.eye(inputs) + 0.7 * B @ B.T / inputs
        own = rng.uniform(0.05, 0.3, size=(inputs, colors))
        of_class[:] = np.einsum("jk,cd->jckd", along, A @ A.T / (2 * colors))
        of_class.reshape(inputs * colors, -1)[np.diag_indices(inputs * colors)] += own.ravel()
    return Mixture(frequencies, means, covariance)


def potts_row(colors: int, sites: int, seed: int) -> tuple[Mixture, np.ndarray, CustomTokens]:
    """Exact moments of a row whose colours are alike, its true row, and its spectrum.

    The spectrum has an eigenvalue for each of the L sites; that of the masked one is nothing.
    """
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((sites, sites)) / np.sqrt(sites)
    J = np.triu(J, 1) + np.triu(J, 1).T
    b = 0.5
    G = np.linalg.inv(colors * ((1 + b * b) * np.eye(sites - 1) - b * J[1:, 1:]))
    row = b * colors * J[0, 1:]
    projector = np.eye(colors) - 1 / colors
    means = np.einsum("j,ac->ajc", G @ row, projector)
    covariance = np.einsum("jk,cd->jckd", G, projector)
    values, vectors = np.linalg.eigh(G)
    spectrum = CustomTokens.from_spectrum(
        [*values, 1e-13], np.ones(sites), [*(vectors.T @ row) ** 2, 0.0], colors
    )
    return Mixture(np.full(colors, 1 / colors), means, covariance), row, spectrum
