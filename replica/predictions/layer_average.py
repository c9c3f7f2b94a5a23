"""Layers trained on independent sequences of one model, and what their average predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.immutable import Immutable
from replica.problem import Problem
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import TINY_OVERLAP, Accuracy
from replica.quadrature.temperature import Points
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import Conjugates
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Order, Solution, answer, public, vector
from replica.tables.columns import OBSERVABLES
from replica.validation import integer, invalid

#: The most layers, and those that stand for infinitely many, whose number is then extrapolated.
_MOST, _MANY = 1000, 256

#: Independent parts over which probabilities are averaged, and of each the most fields, the fewest,
#: and those of all layers together.
_PARTS, _FIELDS, _FEWEST, _TOGETHER = 8, 2**15, 2**11, 2**17


#: Columns of what layers differ in.
_DIFFERENCES = ("probability_loss", "logit_bias", "logit_variance")


@dataclass(frozen=True, eq=False)
class LayerAverage(Immutable):
    """The average of layers that are trained alike on independent sequences of one model.

    With several colour modes overlap, variance, bias and q are arrays, as in `Solution`.

    Attributes
    ----------
    layers : int or float
        K, or infinity.
    overlap : float or array
        w₁ᵀG w₂ of two such rows; q of the average is overlap + variance/K.
    variance, bias : float or array
        Of the logits over the training sequences, per component and in units of a field's noise:
        q - overlap, and the squared distance ρ - 2m + overlap of their mean from the true ones.
    q : float or array
        Own overlap of the average row.
    test_loss, error_rate, coupling_error : float
        Those of the average logits.
    temperature, calibrated_loss : float
        Their best temperature, and the test loss there (see `Solution`).
    probability_loss, probability_loss_error : float
        Cross-entropy of the average probabilities, and its standard error; NaN for other losses.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, layer_average, solve
    >>> five = layer_average(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5))), layers=5)
    >>> round(five.test_loss, 4), round(five.bias, 4), round(five.variance, 4)
    (0.9181, 0.0316, 0.6078)
    """

    layers: float
    overlap: Order
    variance: Order
    bias: Order
    q: Order
    test_loss: float
    error_rate: float
    coupling_error: float
    temperature: float
    calibrated_loss: float
    probability_loss: float
    probability_loss_error: float


def layer_average(solution: Solution, layers: float) -> LayerAverage:
    """Return what the average of layers with independent training sequences reaches.

    Each is trained on M = αL sequences of its own. Rows share the signal of the sequences and
    not their noise, so that their overlap is q at q̂ = 0 (THEORY.md, section 16); the average of
    their logits is a row with the same m and a smaller q. The average of their probabilities is
    another predictor, whose loss is averaged over random fields.

    Parameters
    ----------
    solution : Solution
        A converged solution: of one layer.
    layers : int or math.inf
        K, from 1 to 1000, or infinity.

    Returns
    -------
    LayerAverage
        Overlap, bias and variance of the logits, and losses of the average.

    Raises
    ------
    ValueError
        If the solution did not converge or is one of masks, its data have no common spectrum, or K
        is not allowed.

    Examples
    --------
    >>> import math
    >>> from replica import PottsTokens, Problem, layer_average, solve
    >>> one = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))
    >>> [round(layer_average(one, layers).test_loss, 4) for layers in (1, 5, math.inf)]
    [1.0434, 0.9181, 0.8848]
    """
    solved = answer(solution)
    count = check_layers(solved.problem, layers)
    saddle = SaddlePoint(solved.problem)
    rho = saddle.ensemble.spectrum.rho
    couplings, channel = saddle.couplings, saddle.channel
    hats = Conjugates(vector(solved.m_hat), vector(solved.q_hat), vector(solved.V_hat))
    silent = hats._replace(q=0.0 * hats.q)
    shared = saddle.overlaps(couplings.coordinates(silent, least=1e-300))
    one = saddle.overlaps(couplings.coordinates(hats))
    q = shared.q + (one.q - shared.q) / count
    norm2 = shared.norm2 + (one.norm2 - shared.norm2) / count
    # Where nothing is learnt there is no field either.
    seen = np.maximum(q, TINY_OVERLAP * (one.q > 0.0))
    test_loss = float(channel.test_loss(one.m, seen, Accuracy.FINE))
    calibrated = channel.calibrated(one.m, seen)
    mixed = math.nan, math.nan
    if solved.problem.loss == "cross-entropy":
        mixed = _mixed(channel.law, one.m, np.minimum(shared.q, one.q), one.q, count, test_loss)
    return LayerAverage(
        layers=count,
        overlap=public(shared.q),
        variance=public(one.q - shared.q),
        bias=public(rho - 2.0 * one.m + shared.q),
        q=public(q),
        test_loss=test_loss,
        error_rate=float(channel.error_rate(one.m, seen, Accuracy.FINE)),
        coupling_error=coupling_error(couplings.teacher_norm2, one.teacher_overlap, norm2),
        temperature=calibrated.temperature,
        calibrated_loss=calibrated.loss,
        probability_loss=mixed[0],
        probability_loss_error=mixed[1],
    )


def check_layers(problem: Problem, layers: Any, name: str = "layers") -> float:
    """Return K, or raise ValueError where it or an average of layers of a problem is not known."""
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for averages of layers")
    endless = isinstance(layers, float) and layers == math.inf
    # Data without a common spectrum refuse.
    _ = SaddlePoint(problem).ensemble.spectrum
    return math.inf if endless else integer(name, layers, 1, _MOST)


def average_line(solution: Solution, layers: float) -> dict[str, Any]:
    """Return the line of a table of the average of layers, in place of that of one solution.

    What is that of one layer alone, the training loss and V, is empty, and so is everything where
    the solution did not converge.
    """
    line = solution.line()
    if layers != 1:
        line |= dict.fromkeys(("train_loss", "V"))
    told = {"ensemble": layers, **line}
    if not solution.converged:
        kept = ("optimal_loss", "m") if layers == 1 else ("optimal_loss",)
        empty = [name for name in line if name in OBSERVABLES and name not in kept]
        return told | dict.fromkeys([*empty, *_DIFFERENCES])
    found = layer_average(solution, layers)
    observed = {
        "test_loss": found.test_loss,
        "excess_loss": found.test_loss - solution.optimal_loss,
        "error_rate": found.error_rate,
        "coupling_error": found.coupling_error,
        "q": found.q,
        "temperature": found.temperature,
        "calibrated_loss": found.calibrated_loss,
        "probability_loss": found.probability_loss,
        "logit_bias": found.bias,
        "logit_variance": found.variance,
    }
    known = {k: v for k, v in observed.items() if k in line or k in _DIFFERENCES}
    return told | {name: value if _told(value) else None for name, value in known.items()}


def _told(value: Order) -> bool:
    return bool(np.all(np.isfinite(value)))


def _mixed(
    law: FieldLaw, m: Vector, shared: Vector, q: Vector, layers: float, logit_loss: float
) -> tuple[float, float]:
    """Return the loss of average probabilities, and its standard error.

    That of the average logits is known: only the difference of the two is averaged over random
    noise of the layers.
    """
    if layers == 1:
        return logit_loss, 0.0
    spread = np.sqrt(q - shared)
    base = law.points(m, np.maximum(shared, TINY_OVERLAP * (q > 0.0)), Accuracy.FINE)
    rng = np.random.default_rng(0)
    parts = [
        np.mean([_difference(law, each, spread, layers, rng) for each in base])
        for _ in range(_PARTS)
    ]
    return logit_loss + float(np.mean(parts)), float(np.std(parts, ddof=1)) / math.sqrt(_PARTS)


def _difference(
    law: FieldLaw, base: Points, spread: Vector, layers: float, rng: np.random.Generator
) -> float:
    """Return the mean of ℓ(average probabilities) - ℓ(average logits), once for random noise."""
    endless = math.isinf(layers)
    count = _MANY if endless else int(layers)
    number = min(max(_TOGETHER // count, _FEWEST), _FIELDS)
    # Points as often as their weights ask for, in systematic order.
    sums = np.cumsum(base.weights)
    places = (np.arange(number) + rng.random()) / number * sums[-1]
    fields = base.fields[np.searchsorted(sums, places).clip(max=len(sums) - 1)]
    basis, mode = law.axes
    scaled = spread[mode][:, None] * basis
    halves = np.zeros((2, *fields.shape))
    noise = np.zeros_like(fields)
    for layer in range(count):
        # Noise of both signs in turn.
        if layer % 2 == 0:
            own = rng.standard_normal((len(fields), len(basis))) @ scaled
        else:
            own = -own if endless else rng.standard_normal((len(fields), len(basis))) @ scaled
        noise += own / count
        halves[(2 * layer) // count] += _softmax(fields + own)
    mean = halves.sum(axis=0) / count
    right = base.masked
    mixed = -np.log(mean[:, right])
    if endless:
        # What is left is of order 1/K: that of half the layers goes twice as far.
        half = -np.log(halves[:, :, right] / (count / 2)).mean(axis=0)
        mixed = 2.0 * mixed - half
        logits = fields
    else:
        logits = fields + noise
    return float(np.mean(mixed + np.log(_softmax(logits)[:, right])))


def _softmax(fields: Matrix) -> Any:
    p = np.exp(fields - fields.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
