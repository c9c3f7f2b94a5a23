"""Replica theory of factored attention trained by masked language modelling.

>>> from replica import PottsTokens, Problem, solve, sweep
>>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
>>> round(solve(problem).test_loss, 6)
1.043426
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from replica.asymptotics import Asymptote, few_samples, many_samples
    from replica.baselines import Baseline, mean_field_baseline
    from replica.bounds import BayesBound, bayes_bound
    from replica.curve import Curve, sweep
    from replica.data import (
        CustomTokens,
        DataModel,
        GaussianTokens,
        IndependentTokens,
        PottsTokens,
        cavity_covariance,
    )
    from replica.errors import ConvergenceError, ParamagnetWarning, UncachedWarning
    from replica.evolution import StateEvolution, state_evolution
    from replica.potential import free_energy
    from replica.problem import Loss, Problem
    from replica.replicon import Stability, stability
    from replica.solution import Solution
    from replica.solver import solve
    from replica.tables import Table
    from replica.threshold import existence_threshold
    from replica.weight_decay import optimal_lam

# Numba and scipy are imported with the first name that needs them.
_HOMES = {
    "Asymptote": "asymptotics",
    "Baseline": "baselines",
    "BayesBound": "bounds",
    "ConvergenceError": "errors",
    "Curve": "curve",
    "CustomTokens": "data",
    "DataModel": "data",
    "GaussianTokens": "data",
    "IndependentTokens": "data",
    "Loss": "problem",
    "ParamagnetWarning": "errors",
    "PottsTokens": "data",
    "Problem": "problem",
    "Solution": "solution",
    "Stability": "replicon",
    "StateEvolution": "evolution",
    "Table": "tables",
    "UncachedWarning": "errors",
    "bayes_bound": "bounds",
    "cavity_covariance": "data",
    "existence_threshold": "threshold",
    "few_samples": "asymptotics",
    "free_energy": "potential",
    "many_samples": "asymptotics",
    "mean_field_baseline": "baselines",
    "optimal_lam": "weight_decay",
    "solve": "solver",
    "stability": "replicon",
    "state_evolution": "evolution",
    "sweep": "curve",
}

__all__ = [
    "Asymptote",
    "Baseline",
    "BayesBound",
    "ConvergenceError",
    "Curve",
    "CustomTokens",
    "DataModel",
    "GaussianTokens",
    "IndependentTokens",
    "Loss",
    "ParamagnetWarning",
    "PottsTokens",
    "Problem",
    "Solution",
    "Stability",
    "StateEvolution",
    "Table",
    "UncachedWarning",
    "bayes_bound",
    "cavity_covariance",
    "existence_threshold",
    "few_samples",
    "free_energy",
    "many_samples",
    "mean_field_baseline",
    "optimal_lam",
    "solve",
    "stability",
    "state_evolution",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("replica-attention")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"replica.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
