"""Speed of the sampler and of the exact minimiser beside plain programs, as Markdown tables.

    python tests/benchmarks/bench_simulations.py [--quick] [--part sampler | minimiser]

PyTorch is compared with if it can be imported. Everything but the column "2 threads" runs on
one thread; times are CPU seconds of this process, the best of some repetitions, after
compilation.
"""

from __future__ import annotations

# ruff: noqa: E402, NPY002
import argparse
import contextlib
import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
import warnings
from collections.abc import Callable

import numba
import numpy as np
from scipy import optimize

from replica.problem import PottsTokens
from simulations import Chains, PottsModel, sample, train
from simulations.kernels.heat_bath import TILE, exponential
from simulations.kernels.simd import add_one

#: Sites, colours and beta of the sampler's table; sites, colours and samples of the other's.
#: Twenty colours are frozen at beta = C / 2 = 10 and mix at 4.
SIZES = [
    (sites, colors, beta)
    for colors, beta in ((2, 1.0), (5, 2.5), (20, 10.0), (20, 4.0))
    for sites in (100, 300, 1000)
]
PROBLEMS = [(100, 2, 200), (200, 3, 800), (300, 20, 1200)]
LAM, TOLERANCE = 0.1, 1e-6


@numba.njit(error_model="numpy")
def plain_heat_bath(tokens, couplings, colors, sweeps, seed):
    """The straightforward sampler: fields in double precision, changed where a token changes."""
    np.random.seed(seed)
    chains, sites = tokens.shape
    fields = np.empty((colors, sites))
    sums = np.empty(colors)
    for chain in range(chains):
        state = tokens[chain]
        fields[:] = 0.0
        for i in range(sites):
            for j in range(sites):
                fields[state[i], j] += couplings[i, j]
        for _ in range(sweeps):
            for i in range(sites):
                top = fields[0, i]
                for a in range(1, colors):
                    top = max(top, fields[a, i])
                total = 0.0
                for a in range(colors):
                    total += np.exp(fields[a, i] - top)
                    sums[a] = total
                threshold = np.random.random() * total
                new = 0
                while new < colors - 1 and sums[new] <= threshold:
                    new += 1
                old = state[i]
                if new != old:
                    state[i] = new
                    for j in range(sites):
                        fields[new, j] += couplings[i, j]
                        fields[old, j] -= couplings[i, j]


@numba.njit(error_model="numpy")
def add_tiles(fields, rows, rounds):
    for _ in range(rounds):
        for place in range(0, len(fields), TILE):
            add_one(fields, place, rows, place, TILE)


@numba.njit(error_model="numpy", fastmath={"contract"})
def exponentials(x, rounds):
    for _ in range(rounds):
        for k in range(len(x)):
            x[k] = exponential(x[k]) - np.float32(1)


def cpu(work: Callable[[], object], repetitions: int) -> float:
    best = np.inf
    for _ in range(repetitions):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def wall(work: Callable[[], object], repetitions: int) -> float:
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def elementary() -> tuple[float, float]:
    """Return the seconds of one added coupling and of one exponential, both from the L1 cache."""
    fields, rows = np.zeros(32 * TILE, np.float32), np.zeros(32 * TILE, np.float32)
    x = np.full(320, -0.1, np.float32)
    add_tiles(fields, rows, 1)
    exponentials(x, 1)
    adding = cpu(lambda: add_tiles(fields, rows, 20_000), 5) / (20_000 * len(fields))
    return adding, cpu(lambda: exponentials(x, 20_000), 5) / (20_000 * len(x))


def sampler_table(quick: bool) -> None:
    adding, exponentiating = elementary()
    print(f"Added coupling {1e12 * adding:.0f} ps, exponential {1e12 * exponentiating:.0f} ps.")
    print()
    print(
        "| L | C | beta | plain | this | ratio | limit | 2 threads | scaling "
        "| τ energy | τ overlap |"
    )
    print("|---" * 11 + "|")
    repetitions = 1 if quick else 3
    for sites, colors, beta in SIZES:
        model = PottsModel.random(PottsTokens(colors, beta), sites, 0)
        count = 64
        work = 2e5 if quick else 3e6 if colors < 20 else 1.5e6
        sweeps = max(20, int(work / (count * sites)))
        updates = count * sites * sweeps
        # Both start from states that the chains have reached after some sweeps.
        one, two = Chains(model, count, 1), Chains(model, count, 1, threads=2)
        one.run(30)
        two.run(30)
        tokens = one.tokens
        plain_heat_bath(tokens[:1].copy(), model.teacher, colors, 1, 0)
        plain = updates / cpu(
            lambda m=model, t=tokens, c=colors, s=sweeps: plain_heat_bath(
                t.copy(), m.teacher, c, s, 0
            ),
            repetitions,
        )
        here = updates / cpu(lambda o=one, s=sweeps: o.run(s), repetitions)
        alone = updates / wall(lambda o=one, s=sweeps: o.run(s), repetitions)
        both = updates / wall(lambda t=two, s=sweeps: t.run(s), repetitions)
        limit = 1 / (sites * adding + colors * exponentiating)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watched = Chains(model, 32, 2)
            watched.run(60)
            found = watched.diagnose(50 if quick else 300)
        bound = "" if found.enough and found.agree else "> "
        print(
            f"| {sites} | {colors} | {beta:g} "
            f"| {plain / 1e6:.1f} | {here / 1e6:.1f} | {here / plain:.2f} "
            f"| {limit / 1e6:.0f} | {both / 1e6:.1f} | {both / alone:.2f} "
            f"| {bound}{found.energy_time:.1f} | {bound}{found.overlap_time:.1f} |",
            flush=True,
        )
    print()


class Reached(Exception):
    """The gradient is small enough."""


def dense(tokens: np.ndarray, colors: int) -> np.ndarray:
    """Return the one-hot sequences as a matrix ((sample, colour), site)."""
    one_hot = np.eye(colors)[tokens].transpose(0, 2, 1)
    return np.ascontiguousarray(one_hot.reshape(-1, tokens.shape[1]))


def with_scipy(tokens: np.ndarray, colors: int) -> float:
    """All rows by scipy's L-BFGS-B, with the gradient by numpy's matrix products."""
    samples, sites = tokens.shape
    inputs = dense(tokens, colors)
    targets = inputs.reshape(samples, colors, sites)
    own = np.arange(sites)
    scale, latest = [], np.empty(0)

    def objective(x):
        weights = x.reshape(sites, sites)
        logits = (inputs @ weights).reshape(samples, colors, sites)
        top = logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits - top)
        total = exponentials.sum(axis=1, keepdims=True)
        value = np.sum(top + np.log(total)) - np.sum(logits * targets)
        residual = (exponentials / total - targets).reshape(-1, sites)
        slope = inputs.T @ residual + sites * LAM * weights
        slope[own, own] = 0.0
        nonlocal latest
        latest = slope
        scale.append(np.linalg.norm(slope))
        return value + 0.5 * sites * LAM * np.sum(weights**2), slope.ravel()

    def stop(x):
        if np.linalg.norm(latest) < TOLERANCE * scale[0]:
            raise Reached

    options = {"ftol": 0.0, "gtol": 0.0, "maxiter": 2000, "maxfun": 4000, "maxcor": 10}
    start = time.process_time()
    with contextlib.suppress(Reached):
        optimize.minimize(
            objective,
            np.zeros(sites**2),
            jac=True,
            method="L-BFGS-B",
            callback=stop,
            options=options,
        )
    taken = time.process_time() - start
    return taken if np.linalg.norm(latest) < 10 * TOLERANCE * scale[0] else np.nan


def with_torch(tokens: np.ndarray, colors: int, method: str, steps: int = 300) -> float:
    """All rows by an optimiser of PyTorch, in double precision and full batches."""
    import torch

    torch.set_num_threads(1)
    samples, sites = tokens.shape
    inputs = torch.tensor(dense(tokens, colors))
    targets = torch.tensor(tokens.astype(np.int64))
    weights = torch.zeros((sites, sites), dtype=torch.float64, requires_grad=True)
    mask = 1 - torch.eye(sites, dtype=torch.float64)

    def loss():
        logits = (inputs @ (weights * mask)).reshape(samples, colors, sites)
        value = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return value + 0.5 * sites * LAM * torch.sum(weights**2)

    scale = 0.0

    def closure():
        nonlocal scale
        optimiser.zero_grad()
        value = loss()
        value.backward()
        norm = float(torch.linalg.vector_norm(weights.grad))
        scale = scale or norm
        if norm < TOLERANCE * scale:
            raise Reached
        return value

    start = time.process_time()
    try:
        if method == "LBFGS":
            optimiser = torch.optim.LBFGS(
                [weights], max_iter=2000, max_eval=4000, history_size=10,
                tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe",
            )  # fmt: skip
            optimiser.step(closure)
        else:
            optimiser = torch.optim.Adam([weights], lr=0.05, betas=(0.9, 0.99))
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 1e-6 ** (1 / steps))
            for _ in range(steps):
                optimiser.step(closure)
                schedule.step()
    except Reached:
        return time.process_time() - start
    return np.nan


def minimiser_table(quick: bool) -> None:
    try:
        import torch  # noqa: F401

        torch_found = True
    except ImportError:
        torch_found = False
    names = ["this", "scipy L-BFGS-B + numpy"]
    names += ["PyTorch LBFGS", "PyTorch Adam"] if torch_found else []
    print("| L | C | M | " + " | ".join(names) + " | ratio to LBFGS |")
    print("|---" * (len(names) + 4) + "|")
    for sites, colors, samples in PROBLEMS[:2] if quick else PROBLEMS:
        model = PottsModel.random(PottsTokens(colors, 0.5 * colors), sites, 0)
        tokens = sample(model, samples, 1)
        train(tokens, colors, LAM, rows=[0, 1], tolerance=TOLERANCE)
        repetitions = 5 if sites <= 200 else 2
        times = [cpu(lambda t=tokens, c=colors: train(t, c, LAM, tolerance=TOLERANCE), repetitions)]
        times.append(with_scipy(tokens, colors))
        if torch_found:
            times.append(min(with_torch(tokens, colors, "LBFGS") for _ in range(repetitions)))
            times.append(best_adam(tokens, colors))
        shown = " | ".join("not reached" if np.isnan(t) else f"{t:.3g}" for t in times)
        ratio = f"{times[2] / times[0]:.1f}" if torch_found else "-"
        print(f"| {sites} | {colors} | {samples} | {shown} | {ratio} |", flush=True)
    print()


def best_adam(tokens: np.ndarray, colors: int) -> float:
    """The shortest schedule, of two, that ends below the tolerance."""
    for steps in (150, 300):
        taken = with_torch(tokens, colors, "Adam", steps)
        if not np.isnan(taken):
            return taken
    return np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a glance, within a minute")
    parser.add_argument("--part", choices=("sampler", "minimiser"), help="one table only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.part != "minimiser":
        print("## Sampler: million site updates per second\n")
        sampler_table(options.quick)
    if options.part != "sampler":
        print("## Exact optimum: CPU seconds to a relative gradient norm of 1e-6, all rows\n")
        minimiser_table(options.quick)


if __name__ == "__main__":
    main()
