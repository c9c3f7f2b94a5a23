"""Predicted and measured losses of rows of given sequences, and what lies between them.

    python tests/benchmarks/sequences.py FILE [--rows 20] [--seeds 10] [--parts 5]

Rows are spread evenly over the sites; training on sub-samples is compared with the prediction from
measured moments, by the coarsest quadrature, whose error is about 0.1 %. Sequences of a model that
is fitted to the file, written to another, show what relatives among the given ones do.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from replica import Problem, RowTokens, read_sequences
from replica.predictions.moment_error import Coarse
from replica.tables.relatives import distinct
from simulations.experiments.sequences import sequence_experiments

ALPHAS, LAMS = (1.0, 2.0, 4.0, 8.0), (0.1, 0.01)

Losses = dict[tuple[float, float], np.ndarray]


def predicted(rows: Sequence[RowTokens], parts: int = 0) -> tuple[Losses, Losses]:
    """Return test and training loss of every row, and their errors of measured moments."""
    found, errors = {}, {}
    for lam in LAMS:
        for alpha in ALPHAS:
            found[lam, alpha] = np.full((len(rows), 2), np.nan)
            errors[lam, alpha] = np.full((len(rows), 2), np.nan)
    for place, row in enumerate(rows):
        for lam in LAMS:
            coarse = None
            for alpha in ALPHAS:
                coarse = Coarse.near(Problem(alpha, lam, row), coarse)
                found[lam, alpha][place] = coarse.observables[:2]
                if parts:
                    errors[lam, alpha][place] = coarse.error(parts)[:2]
    return found, errors


def measured(rows: Sequence[RowTokens], seeds: int) -> Losses:
    """Return the same of trained rows, averaged over sub-samples."""
    problems = [Problem(a, lam, row) for lam in LAMS for a in ALPHAS for row in rows]
    lines = [x for task in sequence_experiments(problems, range(seeds)) for x in task.run()]
    place = {row.columns()["row"]: i for i, row in enumerate(rows)}
    found = {(lam, a): np.zeros((len(rows), 2)) for lam in LAMS for a in ALPHAS}
    for line in lines:
        here = found[line["lam"], line["alpha"]][place[line["row"]]]
        here += np.array([line["test_loss"], line["train_loss"]]) / seeds
    return found


def compare(name: str, theory: Losses, simulation: Losses, errors: Losses) -> None:
    """Print the deviations of the prediction, in per cent, for every λ and α.

    Means over rows are compared, and rows: the mean deviation, and that of the sum of the losses.
    """
    print(f"\n{name}: (prediction - measurement)/measurement in per cent, test and training loss")
    print("lam alpha | of the mean over rows | mean over rows of its size | moments | losses")
    for (lam, alpha), found in theory.items():
        real = simulation[lam, alpha]
        whole = 100 * (found.mean(axis=0) / real.mean(axis=0) - 1)
        rows = 100 * np.abs(found / real - 1).mean(axis=0)
        error = 100 * (errors[lam, alpha] / real).mean(axis=0)
        shown = [" ".join(f"{x:6.2f}" for x in each) for each in (whole, rows, error)]
        print(f"{lam:4} {alpha:4g} | " + " | ".join(shown), np.round(real.mean(axis=0), 4))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--parts", type=int, default=0)
    options = parser.parse_args()
    sequences = read_sequences(options.file)
    tokens = distinct(sequences.tokens)
    sites = range(0, tokens.shape[1], -(-tokens.shape[1] // options.rows))
    varied = [i for i in sites if len(np.unique(tokens[:, i])) > 1]
    rows = RowTokens.rows_from_tokens(tokens, varied, sequences.colors, name=sequences.name)
    theory, errors = predicted(rows, options.parts)
    print("predicted", flush=True)
    simulation = measured(rows, options.seeds)
    compare(sequences.name, theory, simulation, errors)
    for lam, alpha in ((0.1, 2.0), (0.01, 8.0)):
        print(f"\nrow, lam = {lam}, alpha = {alpha:g}: test and training loss, predicted, measured")
        for i, site in enumerate(varied):
            told = np.round([*theory[lam, alpha][i], *simulation[lam, alpha][i]], 4)
            print(site, *told, *np.round(errors[lam, alpha][i], 4))


if __name__ == "__main__":
    main()
