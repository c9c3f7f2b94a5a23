"""Normal noise along paths: Sobol points for what varies most, pseudo-random numbers beyond."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from replica.arrays import Matrix

#: Dimensions of Sobol points, beyond which they are no better than random ones.
_MOST_SOBOL = 512

#: Points for each dimension that is stretched to exact moments.
_POINTS_EACH = 4


def path_noise(paths: int, dimensions: int, seed: tuple[int, ...]) -> Matrix:
    """Return normal numbers (paths, dimensions), in pairs of opposite sign.

    As many of the first dimensions as there are points for have exactly unit covariance, which
    leaves averages of quadratic functions of them without an error.

    Parameters
    ----------
    paths : int
        A power of 2, 4 or greater.
    dimensions : int
        The most important ones first.
    seed : tuple of int
        Of these paths alone.
    """
    # scipy.stats takes longer to import than most curves to solve.
    from scipy.stats import qmc

    half, rng = paths // 2, np.random.default_rng(seed)
    x = np.empty((half, dimensions))
    some = min(dimensions, _MOST_SOBOL)
    uniform = qmc.Sobol(some, seed=rng).random_base2(half.bit_length() - 1)
    x[:, :some] = ndtri(np.clip(uniform, 1e-16, 1 - 1e-16))
    x[:, some:] = rng.standard_normal((half, dimensions - some))
    exact = min(some, half // _POINTS_EACH)
    first = x[:, :exact]
    x[:, :exact] = first @ np.linalg.inv(np.linalg.cholesky(first.T @ first / half)).T
    return np.concatenate([x, -x])
