"""Stochastic gradient methods with state that can be written down, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Literal, get_args

import numpy as np

from replica.validation import one_of
from simulations.tokens import Floats

OptimiserName = Literal["adam", "sgd"]
OPTIMISERS: tuple[OptimiserName, ...] = get_args(OptimiserName)

RateShape = Literal["constant", "cosine", "one-cycle"]
SCHEDULES: tuple[RateShape, ...] = get_args(RateShape)

Parameters = dict[str, Floats]


class Optimiser:
    """Adam (Kingma & Ba, arXiv:1412.6980) or SGD with momentum, both with decoupled decay.

    The decay shrinks every parameter by the factor 1 - rate · decay per step (Loshchilov &
    Hutter, arXiv:1711.05101).

    Parameters
    ----------
    name : str
        "adam" or "sgd".
    parameters : dict of arrays
        What is optimised; changed in place by `step`.
    momentum : float
        Of the gradient; Adam's β_1.
    decay : float
        Weight decay.
    undecayed : collection of str
        The names of parameters that do not decay.
    """

    _SECOND, _EPSILON = 0.999, 1e-8

    def __init__(
        self,
        name: str,
        parameters: Parameters,
        momentum: float,
        decay: float,
        undecayed: Collection[str] = (),
    ) -> None:
        self._adam = one_of("optimiser", name, OPTIMISERS) == "adam"
        self._parameters = parameters
        self._momentum, self._decay = momentum, decay
        self._undecayed = undecayed
        self.steps = 0
        moments = ("first", "second") if self._adam else ("first",)
        #: The moments of the gradient, by name; part of a checkpoint.
        self.state: Parameters = {
            f"{moment}.{key}": np.zeros_like(value)
            for moment in moments
            for key, value in parameters.items()
        }

    def step(self, gradient: Parameters, rate: float) -> None:
        """Move the parameters against the gradient."""
        self.steps += 1
        for key, value in self._parameters.items():
            slope, first = gradient[key], self.state[f"first.{key}"]
            first *= self._momentum
            if self._adam:
                second = self.state[f"second.{key}"]
                first += (1 - self._momentum) * slope
                second *= self._SECOND
                second += (1 - self._SECOND) * slope**2
                mean = first / (1 - self._momentum**self.steps)
                spread = np.sqrt(second / (1 - self._SECOND**self.steps))
                move = mean / (spread + self._EPSILON)
            else:
                first += slope
                move = first
            if key not in self._undecayed:
                value *= 1 - rate * self._decay
            value -= rate * move


def rate_at(schedule: RateShape, progress: float) -> float:
    """Return the learning rate, in units of its largest, when `progress` of all steps are done.

    "constant"; "cosine", from 1 to 0; "one-cycle", up from 0.04 within the first 30 % and then
    down to 0, both along cosines.
    """
    if one_of("schedule", schedule, SCHEDULES) == "constant":
        return 1.0
    if schedule == "cosine":
        return 0.5 + 0.5 * math.cos(math.pi * progress)
    if progress < 0.3:
        return 0.52 - 0.48 * math.cos(math.pi * progress / 0.3)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - 0.3) / 0.7)
