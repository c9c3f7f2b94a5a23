"""Where a planted pattern begins to stand out, in finite systems and predicted.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/attention_threshold.py [PART ...]

Parts: squared (the matrix of the squared error, and the covariance of the sites) and softmax (of
shorter systems), across the threshold; above, from where the pattern stands out.

*Across.* The squared overlap of the extreme eigenvector with the pattern is of order 1/L below the
threshold, 1 above and L^(-1/3) in a window of the width L^(-1/3) around it: L^(1/3) overlap grows
with L above and falls below. Its slope in log L, of all lengths, is zero at α_c, by a straight line
in α; the error is the spread over systems drawn with replacement.

*Above.* Where an eigenvector of G of the eigenvalue g stands out of S = (1/L) Σ x xᵀ, with the
eigenvalue s and the squared overlap o, o s = g (αn - α_c n) (THEORY.md, section 19): each system
measures α_c = α - o s/(n g) at every α beyond it. o is that with the eigenvector of J, g the
variance of other sequences along it, and means are extrapolated by a straight line in 1/L.
"""

from __future__ import annotations

import numpy as np
from parts import run_parts
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

#: Patterns that J shows well, α in units of the threshold, and systems of each length.
SHOWN, STRENGTHS, ABOVE = PottsTokens(2, 0.4), (3.0, 2.0), (1.75, 2.5, 3.5)
MANY = {100: 600, 200: 300, 400: 100}

#: Sequences that tell the variance along the pattern, and the sweeps of these weak couplings.
OTHERS, FEWER = 1000, 12

#: How often systems are drawn with replacement.
DRAWS = 200


def overlaps(loss: str, sites: int, seed: int, alphas: np.ndarray) -> list[list[float]]:
    """Return those of (A + Aᵀ)/2 and of the covariance with v at every α, of one system."""
    model = PottsModel.random(DATA, sites, seed)
    longest = round(alphas.max() * sites)
    tokens = sample(model, longest, np.random.SeedSequence((seed, sites)), SWEEPS)
    found = []
    for alpha in alphas:
        some = tokens[: round(alpha * sites)]
        moments = second_moments(some)
        if loss == "squared-error":
            A = regression_map(moments, sites * LAM).attention
        else:
            A = attention_map(some, DATA.colors, LAM, loss).attention
        found.append([overlap(leading(each)[1], model.pattern) for each in (A + A.T, moments)])
    return found


def second_moments(tokens: np.ndarray) -> np.ndarray:
    """Return S L of two colours."""
    x = tokens - 0.5
    return 2.0 * x.T @ x


def leading(matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the largest eigenvalue and its eigenvector."""
    last = len(matrix) - 1
    values, vectors = eigh(matrix, subset_by_index=[last, last])
    return float(values[0]), vectors[:, 0]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one @ other) ** 2 / (one @ one) / (other @ other))


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


def theory_of(loss: str, data: PottsTokens = DATA) -> float:
    """Return α_c: that of the answer, or where the threshold in θ is the pattern's."""
    least = attention_spectrum(Problem(1.0, LAM, data, "squared-error")).alpha_threshold
    if loss == "squared-error":
        return least

    def beyond(alpha: float) -> float:
        return attention_spectrum(Problem(alpha, LAM, data, loss)).spike_threshold - data.spike

    return float(brentq(beyond, least, 2.0 * least, xtol=1e-4))


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


def thresholds(data: PottsTokens, sites: int, seed: int, alphas: np.ndarray) -> list[list[float]]:
    """Return α - o s/(n g) at every α, with the overlap of (A + Aᵀ)/2 and of the covariance."""
    model = PottsModel.random(data, sites, seed)
    samples = OTHERS + round(alphas.max() * sites)
    tokens = sample(model, samples, np.random.SeedSequence((seed, sites)), FEWER)
    true = leading(model.couplings)[1]
    g = true @ second_moments(tokens[:OTHERS]) @ true / OTHERS
    found = []
    for alpha in alphas:
        moments = second_moments(tokens[OTHERS : OTHERS + round(alpha * sites)])
        value, vector = leading(moments)
        A = regression_map(moments, sites * LAM).attention
        seen = overlap(leading(A + A.T)[1], true), overlap(vector, true)
        found.append([alpha - o * value / sites / g for o in seen])
    return found


def limit(means: np.ndarray, errors: np.ndarray, far: np.ndarray) -> tuple[float, float]:
    """Return the value at 0 of a weighted straight line, and its error."""
    lines = np.stack([np.ones_like(far), far], -1)
    inverse = np.linalg.inv(lines.T @ (lines / errors[:, None] ** 2))
    return float((inverse @ lines.T @ (means / errors**2))[0]), float(inverse[0, 0] ** 0.5)


def above() -> None:
    """Print thresholds of all lengths at every α, and the limit of their mean over α."""
    far = 1.0 / np.array(list(MANY))
    for spike in STRENGTHS:
        data = SHOWN.at(spike=spike)
        theory = theory_of("squared-error", data)
        alphas = theory * np.array(ABOVE)
        found = [
            np.array([thresholds(data, sites, seed, alphas) for seed in range(seeds)])
            for sites, seeds in MANY.items()
        ]
        for column, name in enumerate(("squared error", "principal component")):
            for k, ratio in (*enumerate(ABOVE), (slice(None), "all")):
                some = [each[:, k, column].reshape(len(each), -1).mean(axis=1) for each in found]
                means = np.array([each.mean() for each in some])
                errors = np.array([each.std(ddof=1) / len(each) ** 0.5 for each in some])
                place, error = limit(means, errors, far)
                raw = " ".join(f"{m:.3f}({e:.3f})" for m, e in zip(means, errors, strict=True))
                print(f"{name}, theta = {spike}, alpha/alpha_c = {ratio}: {raw}; "
                      f"alpha_c = {place:.3f} ± {error:.3f} (theory {theory:.3f}, "
                      f"{(place - theory) / error:+.1f})", flush=True)  # fmt: skip


PARTS = {part.__name__: part for part in (squared, softmax, above)}


if __name__ == "__main__":
    run_parts(PARTS)
