"""Predicted and measured losses of rows of given sequences, in the mean and row by row.

    python tests/benchmarks/sequences.py FILE [--rows 20] [--seeds 10] [--parts 4] [--out CSV]

Rows are spread evenly over the sites. Predictions are by the coarsest quadrature, whose error is
about 0.1 %, and those at the largest α have the error of their moments, by a jackknife. The table
that --out names is one that `replica-figures tokens FILE --table CSV` draws. Sequences of a model
that is fitted to FILE (see `--refit`) show what relatives and other laws do:

    python tests/benchmarks/sequences.py FILE --refit OUT
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from replica import Problem, RowTokens, Table, read_sequences
from replica.predictions.finite_length import of_means
from replica.predictions.moment_error import Coarse
from replica.quadrature.rule import Accuracy
from replica.saddle_point.saddle_point import SaddlePoint
from replica.tables.relatives import distinct
from simulations import PottsModel, average_seeds, sample, train
from simulations.experiments.sequences import sequence_experiments

ALPHAS, LAMS = (1.0, 2.0, 4.0, 8.0), (0.1, 0.01)

NAMES = "test_loss", "train_loss", "error_rate"


def predicted(rows: Sequence[RowTokens], parts: int) -> list[dict[str, Any]]:
    """Return lines of the theory."""
    lines = []
    for row in rows:
        for lam in LAMS:
            coarse = None
            for alpha in ALPHAS:
                problem = Problem(alpha, lam, row)
                coarse = Coarse.near(problem, coarse)
                found = dict(zip(NAMES, coarse.observables, strict=True))
                found["finite_test_loss"] = found["test_loss"] + added(coarse)
                errors = coarse.error(parts) if parts and alpha == ALPHAS[-1] else [np.nan] * 3
                found |= {f"{n}_stderr": e for n, e in zip(NAMES, errors, strict=True)}
                status = "converged" if np.isfinite(found["test_loss"]) else "max-steps"
                lines.append({"source": "theory", **problem.columns(), **found, "status": status})
    return lines


def added(coarse: Coarse) -> float:
    """Return what the scatter of class means adds to the test loss."""
    saddle, x = SaddlePoint(coarse.problem), np.array(coarse.x)
    couplings, order, hats = saddle.couplings, saddle.overlaps(x), saddle.conjugates(x)
    return of_means(saddle, couplings, order, hats, Accuracy.COARSE)


def trained(rows: Sequence[RowTokens], seeds: int) -> list[dict[str, Any]]:
    """Return lines of rows trained on sub-samples."""
    problems = [Problem(a, lam, row) for lam in LAMS for a in ALPHAS for row in rows]
    return [x for task in sequence_experiments(problems, range(seeds)) for x in task.run()]


def compare(table: Table) -> None:
    """Print how far predictions are from measurements, in per cent, for every λ and α."""
    theory = {point(x): x for x in table.where(source="theory").lines()}
    simulation = {point(x): x for x in average_seeds(table.where(source="simulation")).lines()}
    print("prediction less measurement, per cent; every entry for test and training loss")
    print("lam alpha  measured          mean loss      rows, size     rows, median   moments    "
          "      test loss of order 1/L: mean, rows")  # fmt: skip
    for lam in LAMS:
        for alpha in ALPHAS:
            points = [p for p in simulation if p[1:] == (lam, alpha)]
            shown = []
            for name in NAMES[:2]:
                said = np.array([theory[p][name] for p in points])
                real = np.array([simulation[p][name] for p in points])
                error = np.array([theory[p][f"{name}_stderr"] or np.nan for p in points])
                off = 100 * (said / real - 1)
                whole = 100 * (said.mean() / real.mean() - 1)
                size = np.abs(off).mean(), np.median(np.abs(off))
                shown.append([real.mean(), whole, *size, 100 * error.mean() / real.mean()])
            numbers = zip(*shown, strict=True)
            print(f"{lam:4} {alpha:4g} ", *(f"{a:7.4f} {b:7.4f}" for a, b in numbers), end=" ")
            said = np.array([theory[p]["finite_test_loss"] for p in points])
            real = np.array([simulation[p]["test_loss"] for p in points])
            rows = np.abs(said / real - 1).mean()
            print(f"{100 * (said.mean() / real.mean() - 1):7.4f} {100 * rows:7.4f}")
    for name in NAMES[:2]:
        print(f"\n{name} row by row at lam, alpha = 0.1, 2 and 0.01, 8: predicted, measured")
        for row in sorted({p[0] for p in simulation}):
            pairs = [(row, 0.1, 2.0), (row, 0.01, 8.0)]
            print(row, *(f"{x[p][name]:.4f}" for p in pairs for x in (theory, simulation)))


def point(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells the points of a table apart."""
    return line["row"], line["lam"], line["alpha"]


def refit(tokens: np.ndarray, alphabet: Sequence[str], path: str) -> None:
    """Write as many sequences of a Potts model with fields that is fitted to these.

    Some sequences of uniform letters keep fields finite where a letter is never seen.
    """
    count, sites = tokens.shape
    uniform = np.random.default_rng(0).integers(len(alphabet), size=(count // 50, sites))
    both = np.concatenate([tokens, uniform.astype(np.uint8)])
    fitted = train(both, len(alphabet), 1.0, bias=True, tolerance=1e-5)
    couplings = (fitted.weights + fitted.weights.T) / 2
    model = PottsModel(couplings, len(alphabet), 1.0, fields=fitted.bias)
    drawn = sample(model, count, 1, burn_in=200)
    lines = ("".join(alphabet[token] for token in one) for one in drawn)
    Path(path).write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Print the comparison, or write other sequences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    for name, number in (("rows", 20), ("seeds", 10), ("parts", 4)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--out")
    parser.add_argument("--refit")
    options = parser.parse_args()
    sequences = read_sequences(options.file)
    tokens = distinct(sequences.tokens)
    if options.refit:
        refit(tokens, sequences.alphabet, options.refit)
        return
    sites = range(0, tokens.shape[1], -(-tokens.shape[1] // options.rows))
    varied = [i for i in sites if len(np.unique(tokens[:, i])) > 1]
    rows = RowTokens.rows_from_tokens(tokens, varied, sequences.colors, name=sequences.name)
    simulation = trained(rows, options.seeds)
    table = Table([*predicted(rows, options.parts), *simulation])
    if options.out:
        table.to_csv(options.out)
    compare(table)


if __name__ == "__main__":
    main()
