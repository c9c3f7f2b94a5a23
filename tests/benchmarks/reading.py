"""What a solution says, against systems: python tests/benchmarks/reading.py PART ...

Parts: calibration, ensembles, inverse, left-out, refits, errors, growth; family FILE for sequences.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
import warnings

import numpy as np

from replica import (
    PottsTokens,
    Problem,
    RowTokens,
    layer_average,
    read_sequences,
    reliability,
    required_alpha,
    solve,
    sweep,
)
from simulations import PottsModel, leave_one_out, measure, sample, simulate_many, train
from simulations import reliability as measured_reliability
from simulations.sequences.systems import Size, systems

#: Systems of two lengths, from which the limit is extrapolated, and seeds of each.
LENGTHS, SEEDS = (60, 120), 48
LAMBDAS = (0.02, 0.1, 0.5)


def limit(small: np.ndarray, large: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 2 x(2L) - x(L) and its standard error, from values by seed at the two lengths."""
    means = [np.mean(each, axis=0) for each in (small, large)]
    errors = [np.std(each, axis=0, ddof=1) / np.sqrt(len(each)) for each in (small, large)]
    return 2 * means[1] - means[0], np.hypot(2 * errors[1], errors[0])


def calibration() -> None:
    """Temperature, calibrated loss and reliability, three colours and three weight decays."""
    names = "test_loss", "temperature", "calibrated_loss"
    print("C, lam, quantity, measured, error, theory, z")
    for colors in (2, 3, 5):
        data, bins = PottsTokens(colors, colors / 2), 10
        found: dict = {}
        for sites, seed in itertools.product(LENGTHS, range(SEEDS)):
            samples = 2 * sites
            size = Size(sites, samples, 1000, sites, 60)
            (system,) = systems(data, size, (seed, sites, samples))
            model, tokens, fresh = system.model, system.train_tokens, system.test_tokens
            for lam in LAMBDAS:
                rows = train(tokens, colors, lam)
                seen = measure(model, rows, tokens, fresh, "cross-entropy")
                told = measured_reliability(model, rows, fresh, bins)
                T = 1 / np.mean(1 / seen.temperature)
                line = [seen.test_loss.mean(), T, seen.calibrated_loss.mean()]
                line += [told.calibration_error]
                bars = np.nan_to_num([told.share, told.share * told.right])
                found.setdefault((lam, sites), []).append((line, bars))
        for lam in LAMBDAS:
            solution = solve(Problem(2.0, lam, data))
            predicted = reliability(solution, bins=bins)
            theory = [getattr(solution, name) for name in names] + [predicted.calibration_error]
            parts = [found[lam, sites] for sites in LENGTHS]
            value, error = limit(*([x[0] for x in part] for part in parts))
            for k, name in enumerate((*names, "calibration error")):
                z = (value[k] - theory[k]) / error[k]
                print(f"{colors}, {lam}, {name}, {value[k]:.4f}, {error[k]:.4f}, "
                      f"{theory[k]:.4f}, {z:+.1f}", flush=True)  # fmt: skip
            # P(right | confidence) is a ratio: what hits exceed those predicted, by seed.
            for k in np.flatnonzero(predicted.share > 0.02):
                right = predicted.right[k]
                off = [[bars[1][k] - right * bars[0][k] for _, bars in part] for part in parts]
                value, error = (each / predicted.share[k] for each in limit(*off))
                print(f"{colors}, {lam}, right at {predicted.confidence[k]:.3f}, "
                      f"{right + value:.4f}, {error:.4f}, {right:.4f}, {value / error:+.1f}",
                      flush=True)  # fmt: skip


def ensembles() -> None:
    """Averages of K layers, three colours, at two sample ratios."""
    names = ("test_loss", "error_rate", "q", "temperature", "probability_loss", "logit_bias",
             "logit_variance")  # fmt: skip
    print("C, alpha, K, quantity, measured, error, theory, z")
    for colors, alpha in ((3, 1.0), (3, 2.0), (2, 2.0)):
        problem = Problem(alpha, 0.1, PottsTokens(colors, colors / 2))
        solution, by_layers = solve(problem), {}
        for layers in (1, 2, 5, 20):
            seeds = range(SEEDS // 2 if layers < 20 else SEEDS // 4)
            lines = [
                simulate_many([problem], [sites], seeds, test_samples=1000, ensemble=layers)
                for sites in LENGTHS
            ]
            found = layer_average(solution, layers)
            for name in names:
                if name not in lines[0].columns:
                    continue
                value, error = limit(*(table[name] for table in lines))
                by_layers[layers, name] = value, error
                theory = getattr(found, name.removeprefix("logit_"))
                _tell(f"{colors}, {alpha}, {layers}, {name}", value, error, theory)
        # Infinity: by the parabola in 1/K through K = 2, 5 and 20.
        points = np.array([2, 5, 20])
        weights = np.linalg.inv(np.vander(1 / points, increasing=True))[0]
        found = layer_average(solution, math.inf)
        for name in ("test_loss", "error_rate", "q", "probability_loss"):
            each = np.array([by_layers[layers, name] for layers in points])
            value, error = weights @ each[:, 0], np.linalg.norm(weights * each[:, 1])
            _tell(f"{colors}, {alpha}, inf, {name}", value, error, getattr(found, name))


def inverse() -> None:
    """Sample ratios from the losses there, on both sides of a peak; what no ratio reaches."""
    print("problem, alpha, found, relative difference")
    data = PottsTokens(3, 1.5)
    worst = 0.0
    for loss, lam in (("cross-entropy", 0.1), ("cross-entropy", 1e-3), ("squared-error", 1e-4)):
        curve = sweep(Problem(1.0, lam, data, loss), np.geomspace(0.1, 40, 100))
        losses = curve["excess_loss"]
        for alpha in (0.2, 1.0, 3.0, 10.0, 30.0):
            excess = float(solve(Problem(alpha, lam, data, loss)).excess_loss)
            above = np.flatnonzero(losses >= excess)
            last = curve["alpha"][above[-1]] if above.size else 0.0
            found = required_alpha(Problem(1.0, lam, data, loss), excess_loss=excess)
            reached = float(solve(Problem(found, lam, data, loss)).excess_loss)
            side = "same" if last <= alpha * 1.05 else f"beyond the peak, after {last:.3g}"
            off = abs(reached / excess - 1)
            worst = max(worst, off)
            print(f"{loss} {lam:g}, {alpha}, {found:.8g}, {off:.1e}, {side}", flush=True)
    print(f"largest: {worst:.1e}")
    for wanted in ({"excess_loss": 1e-9}, {"test_loss": 0.8}, {"error_rate": 0.1}):
        try:
            print(required_alpha(Problem(1.0, 0.1, data, "cross-entropy"), **wanted))
        except ValueError as error:
            print(f"{wanted}: {error}")


def refits() -> None:
    """Each of 200 sequences left out, by refitting and by one step: 12 rows of L = 100."""
    print("data, lam, loss, exact - inside, step - exact, error, scatter, largest")
    model = PottsModel.random(PottsTokens(3, 1.5), 100, 0)
    _refits("potts", sample(model, 200, 1), 3, (0.02, 0.1, 0.5), range(4))


def _refits(label: str, tokens: np.ndarray, colors: int, lams: tuple, rows: range) -> None:
    from simulations.estimators.leave_one_out import _of_row
    from simulations.estimators.minimiser import objectives_of

    M, shown = len(tokens), np.eye(colors)
    for lam in lams:
        whole = train(tokens, colors, lam, rows=rows)
        objectives = objectives_of(tokens, colors, lam, "cross-entropy", None, rows, False)
        exact = np.empty((len(rows), M))
        for left in range(M):
            rest = train(np.delete(tokens, left, axis=0), colors, lam, rows=rows)
            z = np.einsum("rj,ja->ra", rest.weights, shown[tokens[left]])
            exact[:, left] = _loss(z, tokens[left, rows])
        steps, inside = np.empty_like(exact), np.empty_like(exact)
        for column, row in enumerate(rows):
            share = np.full(M, 1 / M)
            steps[column] = _of_row(objectives, whole, column, share, np.eye(M), None)[0][0].terms
            z = np.einsum("j,mja->ma", whole.weights[column], shown[tokens])
            inside[column] = _loss(z, tokens[:, row])
        off = (steps - exact).mean(axis=0)
        print(
            f"{label}, {lam}, {exact.mean():.4f}, {(exact - inside).mean():.4f}, "
            f"{off.mean():+.5f}, {off.std(ddof=1) / np.sqrt(M):.5f}, "
            f"{(steps - exact).std():.4f}, {np.abs(steps - exact).max():.3f}",
            flush=True,
        )


def _loss(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (
        np.log(np.exp(z).sum(axis=-1)) - np.take_along_axis(z, y[..., None].astype(int), -1)[..., 0]
    )


def left_out() -> None:
    """Left-out losses against fresh sequences, as columns of tables; time as ratio to training."""
    print("C, alpha, lam, L, quantity, left out, difference from fresh, error")
    pairs = ("test_loss", "error_rate", "temperature")
    for colors, alpha, lam in ((2, 2, 0.1), (3, 1, 0.1), (3, 2, 0.02), (3, 2, 0.1), (3, 5, 0.1),
                               (5, 2, 0.1)):  # fmt: skip
        problem = Problem(alpha, lam, PottsTokens(colors, colors / 2))
        for sites in (40, 80):
            table = simulate_many([problem], [sites], range(16), rows=20, leave_one_out=True)
            for name in pairs:
                off = table[f"loo_{name}"] - table[name]
                left = table[f"loo_{name}"].mean()
                print(f"{colors}, {alpha}, {lam}, {sites}, {name}, {left:.4f}, "
                      f"{off.mean():+.4f}, {off.std(ddof=1) / 4:.4f}", flush=True)  # fmt: skip
    print("C, L, M, rows, training (ms), left out (ms), ratio")
    for colors, sites, samples, rows in ((2, 100, 200, 100), (3, 100, 200, 1), (3, 100, 200, 100),
                                         (3, 200, 800, 200), (20, 100, 400, 20)):  # fmt: skip
        tokens = sample(PottsModel.random(PottsTokens(colors, 0.2 * colors), sites, 0), samples, 1)
        how = tokens, colors, 0.1
        training = train(*how, rows=range(rows))
        times = []
        for work in (lambda: train(*how, rows=range(rows)), lambda: leave_one_out(training, *how)):  # noqa: B023
            work()
            runs = []
            for _ in range(3):
                start = time.process_time()
                work()
                runs.append(time.process_time() - start)
            times.append(1e3 * min(runs))
        print(f"{colors}, {sites}, {samples}, {rows}, {times[0]:.1f}, {times[1]:.1f}, "
              f"{times[1] / times[0]:.1f}", flush=True)  # fmt: skip


def errors() -> None:
    """Distances from fresh sequences in stated errors: their root mean square should be one."""
    print("C, alpha, lam, loss, quantity, rms z of rows, of means, sets")
    cases = ((3, 2, 0.1, "cross-entropy"), (3, 2, 0.01, "cross-entropy"),
             (2, 1, 0.1, "cross-entropy"), (3, 1, 0.05, "squared-error"))  # fmt: skip
    for colors, alpha, lam, loss in cases:
        sites, sets = 60, 60
        z: dict = {}
        model = PottsModel.random(PottsTokens(colors, colors / 2), sites, 3)
        fresh = sample(model, 4000, 10**6)
        for seed in range(sets):
            tokens = sample(model, alpha * sites, seed)
            rows = train(tokens, colors, lam, loss, rows=range(6))
            found = leave_one_out(rows, tokens, colors, lam, loss)
            seen = measure(model, rows, tokens, fresh, loss)
            for name in ("test_loss", "error_rate", "temperature"):
                if np.isnan(found.means[name]):
                    continue
                truth, error = getattr(seen, name), getattr(found, f"{name}_stderr")
                z.setdefault(name, []).append((getattr(found, name) - truth) / error)
                mean = 1 / np.mean(1 / truth) if name == "temperature" else truth.mean()
                off = (found.means[name] - mean) / found.means[f"{name}_stderr"]
                z.setdefault(f"mean {name}", []).append(off)
        for name in ("test_loss", "error_rate", "temperature"):
            if name in z:
                rms = [np.sqrt(np.mean(np.square(z[key]))) for key in (name, f"mean {name}")]
                label = f"{colors}, {alpha}, {lam}, {loss}, {name}"
                print(f"{label}, {rms[0]:.2f}, {rms[1]:.2f}, {sets}", flush=True)


def growth() -> None:
    """Where the curve goes at more data, from the moments of one data set of known truth."""
    print("C, L, data sets, times the data, from the data, error, true curve")
    for colors, sites, ratio in ((3, 40, 8.0), (3, 40, 20.0), (2, 60, 6.0)):
        model = PottsModel.random(PottsTokens(colors, colors / 2), sites, 5)
        rows, times = range(0, sites, sites // 8), np.array([1, 2, 5, 10])
        known = RowTokens.rows_from_couplings(model.couplings, rows, colors, colors / 2)
        true = [
            np.mean([solve(Problem(ratio * k, 0.1, row)).test_loss for row in known]) for k in times
        ]
        found = []
        for seed in range(4):
            tokens = sample(model, round(ratio * sites), 6 + seed)
            alphas = ratio * np.array([0.15, 0.25, 0.4, 0.55, 0.78])
            losses = [
                [solve(Problem(alpha, 0.1, row)).test_loss for alpha in alphas]
                for row in RowTokens.rows_from_tokens(tokens, rows, colors)
            ]
            curve = np.polyfit(1 / alphas, np.mean(losses, axis=0), 3)
            found.append(np.polyval(curve, 1 / (ratio * times)))
        errors = np.std(found, axis=0, ddof=1) / 2
        for k, value, error, exact in zip(times, np.mean(found, axis=0), errors, true, strict=True):
            label = f"{colors}, {sites}, 4 of {ratio:g} L, {k}"
            print(f"{label}, {value:.4f}, {error:.4f}, {exact:.4f}", flush=True)


def family(path: str) -> None:
    """Left-out losses of sequences of a file against all the others."""
    read = read_sequences(path)
    tokens = np.unique(read.tokens, axis=0)
    colors, rows = int(tokens.max()) + 1, range(0, tokens.shape[1], 14)
    data = RowTokens.rows_from_tokens(tokens, rows, colors, name="family")
    print("alpha, lam, quantity, left out, rest, difference, error over seeds, rms z of rows")
    for alpha, lam in ((1.5, 0.1), (4.0, 0.1), (4.0, 0.01)):
        problems = [Problem(alpha, lam, row) for row in data]
        table = simulate_many(problems, [], range(8), leave_one_out=True)
        seeds = table["seed"]
        for name in ("test_loss", "error_rate"):
            left, rest = table[f"loo_{name}"], table[name]
            off = np.array([(left - rest)[seeds == s].mean() for s in np.unique(seeds)])
            z = (left - rest) / table[f"loo_{name}_stderr"]
            print(f"{alpha}, {lam}, {name}, {np.nanmean(left):.4f}, {rest.mean():.4f}, "
                  f"{np.nanmean(off):+.4f}, {np.nanstd(off, ddof=1) / np.sqrt(len(off)):.4f}, "
                  f"{np.sqrt(np.nanmean(z**2)):.2f}", flush=True)  # fmt: skip
    _refits("family", tokens[:: len(tokens) // 200][:200], colors, (0.1,), range(60, 62))


def _tell(label: str, value: float, error: float, theory: float) -> None:
    print(f"{label}, {value:.4f}, {error:.4f}, {theory:.4f}, {(value - theory) / error:+.1f}",
          flush=True)  # fmt: skip


def main() -> None:
    """Run the parts that are named."""
    warnings.simplefilter("ignore")
    parts = {
        "calibration": calibration,
        "ensembles": ensembles,
        "inverse": inverse,
        "left-out": left_out,
        "refits": refits,
        "errors": errors,
        "growth": growth,
    }
    start = time.process_time()
    if sys.argv[1:2] == ["family"]:
        family(sys.argv[2])
    else:
        for name in sys.argv[1:] or parts:
            parts[name]()
    print(f"{time.process_time() - start:.0f} s of processor time")


if __name__ == "__main__":
    main()
