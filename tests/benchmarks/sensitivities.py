"""Derivatives of random solutions of every data model against differences of solutions.

Arguments: the number of solutions (50), and the models (all).
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from drawn_problems import MODELS, OBSERVABLES, Differences, drawn, values

from replica import sensitivities, solve
from replica.quadrature.rule import Accuracy
from replica.saddle_point.solver import _TOLERANCES

POINTS = int(sys.argv[1]) if len(sys.argv) > 1 else 50


def main() -> None:
    """Print the largest deviation, relative to the derivative, or to 1e-3 f/θ where it is less.

    Beyond its error is a derivative that is off by more than three times its own and that of the
    differences.
    """
    warnings.simplefilter("ignore")
    models = sys.argv[2:] or MODELS
    print("model, points, largest deviation, where, largest error of the differences,", end=" ")
    print("beyond errors, largest ratio to them, solve (ms), derivatives (ms)")
    for model in models:
        rng = np.random.default_rng(20)
        worst, where, referee, solving, deriving = 0.0, "", 0.0, 0.0, 0.0
        beyond: list[float] = []
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
                # What a search leaves of its gap changes along a parameter, too.
                with patch.dict(_TOLERANCES, {Accuracy.FINE: 1e-14}):
                    apart = Differences(problem, name)
                    exact, rounding = apart.five_point(1.0), apart.error()
                ours = np.concatenate([np.ravel(found[each][name]) for each in OBSERVABLES])
                doubt = np.concatenate([np.ravel(found.errors[each][name]) for each in OBSERVABLES])
                floor = 1e-3 * np.abs(values(solution)) / here
                scale = np.maximum(np.maximum(np.abs(exact), floor), 1e-300)
                off = np.nan_to_num(np.abs(ours - exact) / scale)
                allowed = 3 * np.nan_to_num((doubt + rounding) / scale) + 1e-10
                beyond.extend((off / allowed).tolist())
                referee = max(referee, float(np.nanmax(rounding / scale)))
                if off.max() > worst:
                    worst, where = float(off.max()), f"d/d{name} of {problem}"
        each = 1e3 / POINTS
        count = sum(share > 1 for share in beyond)
        print(
            f"{model}, {POINTS}, {worst:.1e}, {where}, {referee:.1e}, {count} of {len(beyond)}, ",
            end="",
        )
        print(f"{max(beyond):.1f}, {each * solving:.1f}, {each * deriving:.1f}", flush=True)


if __name__ == "__main__":
    main()
