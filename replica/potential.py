"""The free energy, whose stationarity conditions are the saddle-point equations."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.channel import Accuracy
from replica.couplings import Conjugates, Overlaps
from replica.problem import Problem
from replica.saddle_point import SaddlePoint
from replica.solution import Order, Solution, answer


def free_energy(solution: Solution) -> float:
    """Return the training objective per site and row, α train_loss + (λ/2) |w|².

    It is the extremum Φ of THEORY.md at the solution's order parameters; at λ = 0 it is α
    times the training loss.

    Parameters
    ----------
    solution : Solution
        A converged solution.

    Returns
    -------
    float
        Φ, in the unit of the loss.

    Raises
    ------
    ValueError
        If the solution did not converge.
    """
    s = answer(solution)
    order = Overlaps(_vector(s.m), _vector(s.q), _vector(s.V), np.nan, np.nan)
    conjugates = Conjugates(_vector(s.m_hat), _vector(s.q_hat), _vector(s.V_hat))
    return free_energy_at(s.problem, order, conjugates)


def free_energy_at(problem: Problem, order: Overlaps, conjugates: Conjugates) -> float:
    """Return Φ at any order parameters, stationary or not.

    Φ = α E[envelope] - ½ (<S²/D>_* + <Q/D>) + Σ_k (m m̂ - ½ q V̂ + ½ V q̂), with the Moreau
    envelope ℓ(h) + |h - ω|²/(2V) at h = prox(ω).
    """
    saddle = SaddlePoint(problem)
    spectrum = saddle.spectrum
    average = saddle.averages(order, Accuracy.FINER)
    envelope = average.loss + 0.5 * float(order.V @ average.energy)
    scaled = spectrum.scales[:, None] * spectrum.covariances
    D = problem.lam + conjugates.V @ scaled
    S = conjugates.m @ scaled
    Q = conjugates.q @ scaled
    couplings = spectrum.teacher @ (S * S / D) + spectrum.weights @ (Q / D)
    products = order.m @ conjugates.m + 0.5 * (order.V @ conjugates.q - order.q @ conjugates.V)
    return float(problem.alpha * envelope - 0.5 * couplings + products)


def _vector(value: Order) -> Vector:
    # A copy, as kernels would be compiled once more for arrays that are read-only.
    return np.array(value, dtype=float, ndmin=1)
