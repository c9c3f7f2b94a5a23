"""The whole attention matrix: pattern, symmetry and pairs, trained and predicted.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/attention_map.py [PART ...]

Parts: identity, pattern, symmetry, pairs. Every line of pattern, symmetry and
pairs is 2 x(2L) - x(L) of systems of two lengths with its standard error over seeds, the theory of
L → ∞, and their distance in standard errors; those of a given model are of its own length.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import numpy as np
from parts import run_parts

from replica import (
    PottsTokens,
    Problem,
    RowTokens,
    attention_spectrum,
    pair_law,
    pair_precision,
    solve,
)
from simulations import (
    PottsModel,
    attention_map,
    measured_precision,
    sample,
    simulate_many,
    train,
)

LOSSES = ("squared-error", "cross-entropy")

#: Lengths, and seeds of each.
LENGTHS = ((100, 48), (200, 24))

#: Colours, β, α and λ of systems with a pattern, and its strengths.
PLANTED = ((2, 1.0, 3.0, 0.1), (3, 1.5, 2.0, 0.1))
STRENGTHS = (1.5, 1.7)


def told(name: str, values: Iterable[tuple[float, float, float]]) -> list[float]:
    """Print measured values, errors and theory, and return the distances."""
    cells, distances = [], []
    for value, error, theory in values:
        distances.append((value - theory) / error)
        cells.append(f"{value:.4f} ± {error:.4f} ({theory:.4f}, {distances[-1]:+.1f})")
    print(f"{name:<44}", *cells, sep="  ", flush=True)
    return distances


def limit(short: np.ndarray, long: np.ndarray) -> tuple[float, float]:
    """Return 2 x(2L) - x(L) and its standard error."""
    errors = [each.std(ddof=1) / len(each) ** 0.5 for each in (short, long)]
    return float(2 * long.mean() - short.mean()), float(np.hypot(2 * errors[1], errors[0]))


def identity() -> list[float]:
    """Rows of one inverse beside rows that are trained."""
    print("C, L, alpha, lam: largest difference, relative to the largest entry")
    for colors, sites, alpha, lam in ((2, 200, 2.0, 0.0), (3, 200, 0.4, 0.1), (5, 120, 1.0, 1e-3)):
        model = PottsModel.random(PottsTokens(colors, 0.5 * colors), sites, 0)
        tokens = sample(model, round(alpha * sites), 1)
        rows = train(tokens, colors, lam, "squared-error").weights
        gap = np.abs(attention_map(tokens, colors, lam, "squared-error").attention - rows).max()
        print(f"{colors} {sites} {alpha} {lam}: {gap / np.abs(rows).max():.1e}")
        assert gap < 1e-8 * np.abs(rows).max()
    return []


def systems(problem: Problem, lengths=LENGTHS):
    """Return tables of the two lengths."""
    tables = []
    for sites, seeds in lengths:
        table = simulate_many([problem], [sites], range(seeds), test_samples=2, whole_matrix=True)
        assert all(status == "converged" for status in table["status"])
        tables.append(table)
    return tables


def pattern() -> list[float]:
    """Outlier and overlap of (A + Aᵀ)/2 and of the covariance."""
    print("outlier, overlap, outlier and overlap of the principal component")
    distances = []
    for (colors, beta, alpha, lam), loss in ((p, loss) for p in PLANTED for loss in LOSSES):
        for spike in STRENGTHS:
            problem = Problem(alpha, lam, PottsTokens(colors, beta, spike=spike), loss)
            theory, tables = attention_spectrum(problem), systems(problem)
            names = ("outlier", "overlap", "pca_outlier", "pca_overlap")
            values = [
                (*limit(*(table[name] for table in tables)), getattr(theory, name))
                for name in names
            ]
            distances += told(f"C = {colors}, {loss}, theta = {spike}", values)
    return distances


def symmetry() -> list[float]:
    """The coupling error, what symmetry takes from it, the error after it, and precision."""
    print("coupling error, gain by symmetry, symmetrised error, precision")
    distances = []
    for loss in LOSSES:
        for colors, beta, alpha, lam in (
            (2, 1.5, 2.0, 0.1),
            (3, 1.5, 1.0, 0.1),
            (3, 1.5, 4.0, 0.1),
            (5, 2.0, 2.0, 0.1),
        ):
            problem = Problem(alpha, lam, PottsTokens(colors, beta), loss)
            tables, law = systems(problem), pair_law(solve(problem))
            names = ("coupling_error", "gain", "symmetrised_error", "precision")
            expected = (
                law.coupling_error,
                law.coupling_error - law.symmetrised_error,
                law.symmetrised_error,
                pair_precision(problem).precision,
            )
            values = [
                (*limit(*(column(table, name) for table in tables)), theory)
                for name, theory in zip(names, expected, strict=True)
            ]
            distances += told(f"{loss}, C = {colors}, alpha = {alpha}", values)
    return distances


def column(table, name: str) -> np.ndarray:
    if name == "gain":
        return table["coupling_error"] - table["symmetrised_error"]
    return table[name]


def pairs() -> list[float]:
    """Precision of the strongest pairs: an ensemble, and one model of three neighbours a site."""
    shares, distances = (0.01, 0.02, 0.05, 0.1), []
    print("precision at the shares", *shares)
    for loss in LOSSES:
        for alpha in (1.0, 4.0):
            problem = Problem(alpha, 0.1, PottsTokens(3, 1.5), loss)
            found = []
            for sites, seeds in LENGTHS:
                maps = [of_seed(problem, sites, seed) for seed in range(seeds)]
                found.append([
                    [measured_precision(A, J, 0.05, share) for share in shares] for A, J in maps
                ])  # fmt: skip
            theory = pair_precision(problem, top=shares).precision
            values = [
                (*limit(*(np.array(each)[:, k] for each in found)), theory[k])
                for k in range(len(shares))
            ]
            distances += told(f"{loss}, gaussian, alpha = {alpha}", values)
    sites, colors, beta, lam, seeds = 100, 3, 1.2, 0.1, 40
    J = sparse(sites, np.random.default_rng(0))
    model, row = PottsModel(J, colors, beta), RowTokens.from_couplings(J, 0, colors, beta)
    for loss in LOSSES:
        for alpha in (1.0, 3.0):
            maps = [
                attention_map(sample(model, round(alpha * sites), seed), colors, lam, loss)
                for seed in range(seeds)
            ]
            for symmetrised, corrected in ((False, False), (True, False), (True, True)):
                how = {"symmetrised": symmetrised, "corrected": corrected}
                theory = pair_precision(Problem(alpha, lam, row, loss), top=shares, **how)
                found = np.array([
                    [measured_precision(m.attention, J, top=share, **how) for share in shares]
                    for m in maps
                ])  # fmt: skip
                errors = found.std(axis=0, ddof=1) / seeds**0.5
                name = f"{loss}, sparse, alpha = {alpha}, {symmetrised:d}{corrected:d}"
                values = zip(found.mean(axis=0), errors, theory.precision, strict=True)
                distances += told(name, values)
    return distances


def of_seed(problem: Problem, sites: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    data = problem.data
    model = PottsModel.random(data, sites, seed)
    tokens = sample(model, round(problem.alpha * sites), np.random.SeedSequence((seed, sites)))
    found = attention_map(tokens, data.colors, problem.lam, problem.loss)
    return found.attention, model.couplings


def sparse(sites: int, rng: np.random.Generator) -> np.ndarray:
    """Couplings of either sign to three neighbours: those of a ring, and of a matching."""
    ring, J = rng.permutation(sites), np.zeros((sites, sites))
    J[ring, np.roll(ring, 1)] = rng.choice((-1.0, 1.0), sites)
    one, two = ring.reshape(2, -1)
    J[one, two] += rng.choice((-1.0, 1.0), sites // 2)
    J = np.triu(J + J.T, 1) * rng.uniform(0.3, 1.0, (sites, sites)) / 3**0.5
    return J + J.T


PARTS: dict[str, Callable[[], list[float]]] = {
    part.__name__: part for part in (identity, pattern, symmetry, pairs)
}


def main(argv: list[str] | None = None) -> int:
    distances = [distance for found in run_parts(PARTS, argv) for distance in found]
    if distances:
        found = np.array(distances)
        print(f"{len(found)} numbers, root of the mean square distance "
              f"{np.sqrt(np.mean(found**2)):.2f}, largest {np.abs(found).max():.1f}")  # fmt: skip
    return int(bool(distances) and np.abs(distances).max() > 4)


if __name__ == "__main__":
    sys.exit(main())
