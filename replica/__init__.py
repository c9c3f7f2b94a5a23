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
    from replica.errors import ConvergenceError, ParamagnetWarning, UncachedWarning
    from replica.predictions.asymptotics import Asymptote, few_samples, many_samples
    from replica.predictions.bayes_bound import BayesBound, bayes_bound
    from replica.predictions.free_energy import free_energy
    from replica.predictions.mean_field_baseline import Baseline, mean_field_baseline
    from replica.predictions.optimal_lam import optimal_lam
    from replica.predictions.stability import Stability, stability
    from replica.predictions.state_evolution import StateEvolution, state_evolution
    from replica.problem import (
        CustomTokens,
        DataModel,
        GaussianTokens,
        IndependentTokens,
        Loss,
        PottsTokens,
        Problem,
        cavity_covariance,
    )
    from replica.saddle_point.existence_threshold import existence_threshold
    from replica.saddle_point.solution import Solution
    from replica.saddle_point.solver import solve
    from replica.saddle_point.sweep import Curve, sweep
    from replica.tables import Table

# Numba and scipy are imported with the first name that needs them.
_HOMES = {
    "Asymptote": "predictions.asymptotics",
    "Baseline": "predictions.mean_field_baseline",
    "BayesBound": "predictions.bayes_bound",
    "ConvergenceError": "errors",
    "Curve": "saddle_point.sweep",
    "CustomTokens": "problem",
    "DataModel": "problem",
    "GaussianTokens": "problem",
    "IndependentTokens": "problem",
    "Loss": "problem",
    "ParamagnetWarning": "errors",
    "PottsTokens": "problem",
    "Problem": "problem",
    "Solution": "saddle_point.solution",
    "Stability": "predictions.stability",
    "StateEvolution": "predictions.state_evolution",
    "Table": "tables",
    "UncachedWarning": "errors",
    "bayes_bound": "predictions.bayes_bound",
    "cavity_covariance": "problem",
    "existence_threshold": "saddle_point.existence_threshold",
    "few_samples": "predictions.asymptotics",
    "free_energy": "predictions.free_energy",
    "many_samples": "predictions.asymptotics",
    "mean_field_baseline": "predictions.mean_field_baseline",
    "optimal_lam": "predictions.optimal_lam",
    "solve": "saddle_point.solver",
    "stability": "predictions.stability",
    "state_evolution": "predictions.state_evolution",
    "sweep": "saddle_point.sweep",
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
