"""What tells one simulated system from others."""

from __future__ import annotations

from typing import Any

from replica.problem import Problem


def identity(
    problem: Problem, sites: int, samples: int, seed: int, without: str = ""
) -> dict[str, Any]:
    """Return what tells the line of a system from others in a table.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    sites, samples, seed : int
        L, M and the realisation.
    without : str, optional
        The parameter that the line finds, or that nothing on it depends on.

    Returns
    -------
    dict
        `source` and the columns of the problem and the system, by name.
    """
    system = {"sites": sites, "samples": samples, "seed": seed}
    return {"source": "simulation", **problem.columns(without), **system}
