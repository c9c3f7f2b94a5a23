"""Derivatives of random solutions of every data model against differences of solutions.

Arguments: the number of solutions (50), and the models (all).
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from drawn_problems import MODELS, OBSERVABLES, differences, drawn, values

from replica import sensitivities, solve

POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 50


def main() -> None:
    """Print the largest deviation, relative to the derivative, or to 1e-3 f/θ where it is less."""
    warnings.simplefilter("ignore")
    models = sys.argv[2:] or MODELS
    print("model, points, largest deviation, where, beyond own error, solve (ms), derivatives (ms)")
    for model in models:
        rng = np.random.default_rng(20)
        worst, where, beyond, solving, deriving = 0.0, "", 0, 0.0, 0.0
        for _ in range(POINTS):
            problem = drawn(model, rng)
            start = time.process_time()
            solution = solve(problem)
            middle = time.process_time()
            found = sensitivities(solution)
            end = time.process_time()
            solving, deriving = solving + middle - start, deriving + end - middle
            for name in found.parameters:
                here = getattr(problem, name, None) or getattr(problem.data, name)
                exact = differences(problem, name)
                ours = np.concatenate([np.ravel(found[each][name]) for each in OBSERVABLES])
                doubt = np.concatenate([np.ravel(found.errors[each][name]) for each in OBSERVABLES])
                floor = 1e-3 * np.abs(values(solution)) / here
                scale = np.maximum(np.maximum(np.abs(exact), floor), 1e-300)
                off = np.nan_to_num(np.abs(ours - exact) / scale)
                beyond += int((off > 3 * np.nan_to_num(doubt / scale) + 1e-8).sum())
                if off.max() > worst:
                    worst, where = float(off.max()), f"d/d{name} of {problem}"
        each = 1e3 / POINTS
        print(f"{model}, {POINTS}, {worst:.1e}, {where}, {beyond}, ", end="")
        print(f"{each * solving:.1f}, {each * deriving:.1f}", flush=True)


if __name__ == "__main__":
    main()
