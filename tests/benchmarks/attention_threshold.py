"""Where a planted pattern begins to stand out, in finite systems and predicted.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/attention_threshold.py [PART ...]

Parts: squared (the matrix of the squared error, and the covariance of the sites) and softmax (of
shorter systems).

The squared overlap of the extreme eigenvector with the pattern is of order 1/L below the threshold,
1 above and L^(-1/3) in a window of the width L^(-1/3) around it: L^(1/3) overlap grows with L above
and falls below. Its slope in log L, of all lengths, is zero at α_c, by a straight line in α; the
error is the spread over systems drawn with replacement.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq

from replica import PottsTokens, Problem, attention_spectrum
from simulations import PottsModel, attention_map, sample
from simulations.estimators.attention_map import regression_map

#: θ/L v vᵀ in couplings that are weak enough for twenty sweeps to forget where they began.
DATA, LAM, SWEEPS = PottsTokens(2, 0.6, spike=1.5), 0.1, 20

#: α in units of the one of the theory, and systems of each length.
AROUND = (0.6, 0.8, 1.0, 1.2, 1.4)
SYSTEMS = {50: 1000, 100: 600, 200: 240, 400: 80}
TRAINED = {50: 600, 100: 300, 200: 120}

#: How often systems are drawn with replacement.
DRAWS = 200


def overlap(matrix: np.ndarray, pattern: np.ndarray) -> float:
    """Return that of the eigenvector of the largest eigenvalue."""
    last = len(matrix) - 1
    (vector,) = eigh(matrix, subset_by_index=[last, last])[1].T
    return float((vector @ pattern) ** 2 / len(matrix))


def overlaps(loss: str, sites: int, seed: int, alphas: np.ndarray) -> list[list[float]]:
    """Return those of (A + Aᵀ)/2 and of the covariance at every α, of one system."""
    model = PottsModel.random(DATA, sites, seed)
    longest = round(alphas.max() * sites)
    tokens = sample(model, longest, np.random.SeedSequence((seed, sites)), SWEEPS)
    found = []
    for alpha in alphas:
        some = tokens[: round(alpha * sites)]
        x = some - 0.5
        moments = 2.0 * x.T @ x
        if loss == "squared-error":
            A = regression_map(moments, sites * LAM).attention
        else:
            A = attention_map(some, DATA.colors, LAM, loss).attention
        found.append([overlap(A + A.T, model.pattern), overlap(moments, model.pattern)])
    return found


def crossing(measured: dict[int, np.ndarray], alphas: np.ndarray) -> float:
    """Return the α at which L^(1/3) overlap does not depend on L."""
    log = np.log(list(measured))[:, None]
    scaled = [np.cbrt(sites) * each for sites, each in measured.items()]
    means = np.array([each.mean(axis=0) for each in scaled])
    weights = np.array([len(each) / each.var(axis=0) for each in scaled])
    weights /= weights.sum(axis=0)
    far = log - (weights * log).sum(axis=0)
    squares = (weights * far**2).sum(axis=0)
    rise, start = np.polyfit(alphas, (weights * far * means).sum(axis=0) / squares, 1)
    return float(-start / rise)


def told(name: str, measured: dict[int, np.ndarray], alphas: np.ndarray, theory: float) -> None:
    """Print mean overlaps, and the crossing beside the threshold of the theory."""
    for sites, each in measured.items():
        scaled = np.cbrt(sites) * each
        errors = scaled.std(axis=0, ddof=1) / len(each) ** 0.5
        cells = [f"{m:.3f}({e:.3f})" for m, e in zip(scaled.mean(axis=0), errors, strict=True)]
        print(f"{name}, L = {sites}: L^(1/3) overlap", *cells, flush=True)
    rng = np.random.default_rng(0)
    drawn = [
        crossing({L: x[rng.integers(len(x), size=len(x))] for L, x in measured.items()}, alphas)
        for _ in range(DRAWS)
    ]
    place, error = crossing(measured, alphas), np.std(drawn)
    print(f"{name}: alpha_c = {place:.3f} ± {error:.3f} (theory {theory:.3f}, "
          f"{(place - theory) / error:+.1f})", flush=True)  # fmt: skip


def theory_of(loss: str) -> float:
    """Return α_c: that of the answer, or where the threshold in θ is the pattern's."""
    if loss == "squared-error":
        return attention_spectrum(Problem(1.0, LAM, DATA, loss)).alpha_threshold

    def beyond(alpha: float) -> float:
        return attention_spectrum(Problem(alpha, LAM, DATA, loss)).spike_threshold - DATA.spike

    return float(brentq(beyond, 1.5, 3.0, xtol=1e-4))


def measure(loss: str, systems: dict[int, int]) -> None:
    theory, pca = theory_of(loss), theory_of("squared-error")
    alphas, found = theory * np.array(AROUND), {}
    for sites, seeds in systems.items():
        found[sites] = np.array([overlaps(loss, sites, seed, alphas) for seed in range(seeds)])
    told(loss, {sites: each[..., 0] for sites, each in found.items()}, alphas, theory)
    told("principal component", {sites: each[..., 1] for sites, each in found.items()}, alphas, pca)


def squared() -> None:
    measure("squared-error", SYSTEMS)


def softmax() -> None:
    measure("cross-entropy", TRAINED)


PARTS = {part.__name__: part for part in (squared, softmax)}


def main() -> None:
    for name in sys.argv[1:] or list(PARTS):
        start = time.process_time()
        PARTS[name]()
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
