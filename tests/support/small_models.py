from __future__ import annotations

import numpy as np

from simulations import PottsModel


def symmetric(rng: np.random.Generator, size: int, hollow: bool = False) -> np.ndarray:
    matrix = rng.standard_normal((size, size))
    matrix = (matrix + matrix.T) / 2
    if hollow:
        np.fill_diagonal(matrix, 0.0)
    return matrix


def random_model(
    seed: int, sites: int = 4, colors: int = 3, mixing: bool = True, pulled: bool = False
) -> PottsModel:
    rng = np.random.default_rng(seed)
    couplings = symmetric(rng, sites, hollow=True)
    similarity = symmetric(rng, colors) if mixing else None
    fields = rng.standard_normal((sites, colors)) if pulled else None
    return PottsModel(couplings, colors, 0.8, similarity, fields)
