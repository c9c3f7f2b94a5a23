"""The spectrum of the whole attention matrix: its density and its edges, measured and predicted.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/attention_edges.py [PART ...]

Parts: density (systems of 1000 sites beside the distribution), hard (as many observations as sites,
where the covariance reaches zero), and edges-1, edges-2, edges-3, of Gaussian tokens and of two and
three colours. The extreme eigenvalues of finite systems are inside the edges by Tracy and Widom's
law, whose scale follows from the density next to the edge, and by terms of order 1/L: means over
systems less its mean are extrapolated by a straight line in 1/L. An atom of directions that no
sequence has shown is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from parts import run_parts
from scipy.linalg import solve_triangular

from replica import GaussianTokens, PottsTokens, Problem, attention_spectrum
from simulations import PottsModel, attention_map, sample
from simulations.estimators.attention_map import regression_map
from simulations.sequences.gaussian import random_precision

#: Ratios of sequences to sites, the weight decay, and data by their number of colours.
ALPHAS, LAM = (0.7, 2.0, 3.5), 0.1
DATA = {1: GaussianTokens(2.5, 1, True), 2: PottsTokens(2, 1.2), 3: PottsTokens(3, 1.5)}

#: Systems of each length where there are as many observations as sites.
HARD = {250: 32, 500: 16, 1000: 8}

#: Mean and standard deviation of Tracy and Widom's law of symmetric matrices, inwards.
MEAN, DEVIATION = 1.2065336, 1.2680340

#: Systems of each length: Gaussian tokens cost the least.
GAUSSIAN = {125: 800, 250: 300, 500: 80, 1000: 12}
SAMPLED = {125: 100, 250: 24, 500: 2}


def density(sites: int = 1000) -> None:
    """Kolmogorov's distance of the eigenvalues, and the ends beside those of the largest."""
    print(f"L = {sites}: distance of the distributions; ends, measured less predicted in widths")
    for colors, data in DATA.items():
        for alpha, moments in drawn(data, sites, ALPHAS, 1):
            problem = Problem(alpha, LAM, data, "squared-error")
            compare(f"C = {colors}, alpha = {alpha}", problem, regression_map(moments, sites * LAM))
    data = DATA[2]
    for alpha in (0.5, 2.0):
        tokens = sample(PottsModel.random(data, 400, 3), round(alpha * 400), 4)
        found = attention_map(tokens, 2, LAM)
        compare(f"softmax, L = 400, alpha = {alpha}", Problem(alpha, LAM, data), found)


def hard() -> None:
    """Print the distance at αn = 1, of A and of 1 - R/p, whose p does not scatter over the sites.

    The density diverges like a root at the lower end, 1 - 1/pλ. Scatter of the variance t = O(1/L)
    moves eigenvalues there by t^(2/3), and t^(1/3) of them beyond the end: the distance of A falls
    as L^(-1/3), that of 1 - R/p as 1/L.
    """
    data, alpha, found = DATA[3], 0.5, {}
    theory = attention_spectrum(Problem(alpha, LAM, data, "squared-error"))
    for sites, seeds in HARD.items():
        both = []
        for seed in range(seeds):
            ((_, moments),) = drawn(data, sites, (alpha,), seed)
            values = regression_map(moments, sites * LAM).eigenvalues
            covariance = np.linalg.eigvalsh(moments) / sites
            unscattered = 1.0 - 1.0 / (theory.diagonal * (np.maximum(covariance, 0.0) + LAM))
            both.append([distance(each, theory, sites) for each in (values, unscattered)])
        found[sites] = np.array(both)
        means, errors = found[sites].mean(axis=0), found[sites].std(axis=0, ddof=1) / seeds**0.5
        print(f"L = {sites}: A {means[0]:.4f} ± {errors[0]:.4f}, times L^(1/3) "
              f"{means[0] * np.cbrt(sites):.3f}; 1 - R/p {means[1]:.4f} ± {errors[1]:.4f}",
              flush=True)  # fmt: skip


def compare(name: str, problem: Problem, found) -> None:
    theory = attention_spectrum(problem)
    values, sites = found.eigenvalues, len(found.attention)
    if theory.atom_share:
        values = values[values >= theory.edges[0, 0] - 0.02 * np.ptp(theory.edges)]
    ends = np.array([values[0], values[-1]]) - theory.edges.ravel()[[0, -1]]
    ends /= np.ptp(theory.edges)
    far = distance(values, theory, sites)
    print(f"{name:<32} {far:.4f}  {ends[0]:+.4f} {ends[1]:+.4f}", flush=True)


def distance(values: np.ndarray, theory, sites: int) -> float:
    """Return Kolmogorov's distance of the largest of as many eigenvalues as there are sites."""
    below = np.interp(values, theory.eigenvalues, theory.cumulative)
    steps = np.arange(sites - len(values), sites) / sites
    return float(max(np.abs(below - steps).max(), np.abs(below - steps - 1 / sites).max()))


def drawn(data, sites: int, alphas: Iterable[float], seed: int):
    """Yield every α and S L, of the first sequences of one system."""
    draw = gaussian_components if isinstance(data, GaussianTokens) else token_components
    components = draw(data, sites, round(max(alphas) * sites), seed)
    for alpha in alphas:
        some = components[:, : round(alpha * sites)]
        yield alpha, sum(x.T @ x for x in some).astype(float)


def gaussian_components(data: GaussianTokens, sites: int, samples: int, seed: int):
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(random_precision(data.shift, sites, rng))
    return solve_triangular(root.T, rng.standard_normal((sites, samples))).T[None]


def token_components(data: PottsTokens, sites: int, samples: int, seed: int):
    tokens = sample(PottsModel.random(data, sites, seed), samples, np.random.SeedSequence((seed,)))
    return np.stack([(tokens == a) - np.float32(1 / data.colors) for a in range(data.colors)])


def ends(problem: Problem, moments: np.ndarray) -> np.ndarray:
    """Return the extreme eigenvalues of (A + Aᵀ)/2, but for the atom."""
    values = regression_map(moments, len(moments) * LAM).eigenvalues
    observed = problem.alpha * max(problem.data.colors - 1, 1)
    unseen = max(len(moments) - round(observed * len(moments)), 0)
    return values[[unseen, -1]]


def edge_scale(spectrum, side: int) -> float:
    """Return the unit of Tracy and Widom's law, times L^(2/3): c^(-2/3) of the density c √t/π."""
    edge = spectrum.edges.ravel()[-side]
    some = slice(-12, -1) if side else slice(1, 12)
    t = np.abs(spectrum.eigenvalues[some] - edge)
    square = np.pi**2 * np.polyfit(t, spectrum.density[some] ** 2 / t, 2)[-1]
    return float(square ** (-1 / 3))


def edges(colors: int) -> None:
    """Print the extreme eigenvalues of all lengths less their means, and their limit."""
    data, found = DATA[colors], {}
    for sites, seeds in (GAUSSIAN if colors == 1 else SAMPLED).items():
        found[sites] = np.array([
            [ends(Problem(alpha, LAM, data, "squared-error"), moments)
             for alpha, moments in drawn(data, sites, ALPHAS, seed)]
            for seed in range(seeds)
        ])  # fmt: skip
    far = 1.0 / np.array(list(found), float)
    lines = np.stack([np.ones_like(far), far], -1)
    for k, alpha in enumerate(ALPHAS):
        spectrum = attention_spectrum(Problem(alpha, LAM, data, "squared-error"))
        theory = spectrum.edges.ravel()
        for side, edge in enumerate(theory[[0, -1]]):
            scale = (-1) ** side * edge_scale(spectrum, side) * far ** (2 / 3)
            some = [each[:, k, side] for each in found.values()]
            means = np.array([each.mean() for each in some])
            counts = np.array([len(each) for each in some])
            errors = DEVIATION * np.abs(scale) / np.sqrt(counts)
            means -= MEAN * scale
            inverse = np.linalg.inv(lines.T @ (lines / errors[:, None] ** 2))
            limit, error = (inverse @ lines.T @ (means / errors**2))[0], inverse[0, 0] ** 0.5
            width, depth = np.ptp(theory), 1.0 - edge
            raw = " ".join(f"{gap:+.2%}" for gap in (means - edge) / width)
            print(f"C = {colors}, alpha = {alpha}, edge {edge:.4f}: {raw}; limit, of the width "
                  f"{(limit - edge) / width:+.2%} ± {error / width:.2%}, of 1 - edge "
                  f"{(limit - edge) / depth:+.2%} ± {error / depth:.2%}", flush=True)  # fmt: skip


PARTS = {"density": density, "hard": hard} | {f"edges-{c}": partial(edges, c) for c in DATA}


if __name__ == "__main__":
    run_parts(PARTS)
