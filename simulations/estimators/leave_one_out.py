"""The test loss of trained rows from their training sequences alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.problem.data_model import LossName
from replica.validation import invalid, numbers
from simulations.estimators.dependence import Sums, probes_of
from simulations.estimators.minimiser import Training, objectives_of
from simulations.estimators.objective import Rows
from simulations.estimators.own_loss import OwnLoss
from simulations.estimators.readings import READINGS, Reading, readings
from simulations.estimators.response import Response, basis_of
from simulations.kernels.local_fields import local_fields
from simulations.kernels.one_thread import one_thread
from simulations.tokens import Floats, checked_tokens

#: det(1 - S H), which is the share of a sequence in its own prediction, that is none.
_PINNED = 1e-9


@dataclass(frozen=True, eq=False)
class LeftOut(Immutable):
    """What rows would predict of each training sequence, had it been left out.

    Every NAME_stderr is the standard error of NAME as an estimate of what these very rows reach on
    fresh sequences (see `leave_one_out`).

    Parameters
    ----------
    rows : int array (rows,)
        The sites.
    test_loss, test_loss_stderr : arrays (rows,)
        Mean loss of the training sequences, each left out.
    error_rate, error_rate_stderr : arrays (rows,)
        How often the largest logit is not that of the token.
    temperature, temperature_stderr : arrays (rows,)
        T of which softmax(z/T) predicts best, infinite where logits help nothing, with an error to
        first order in that of 1/T; NaN for other losses than the cross-entropy.
    means : dict
        The means of these over the rows, NAME and NAME_stderr by name. Rows share their sequences:
        the errors are not those of independent rows. Of temperatures 1/T is averaged.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, leave_one_out, sample, train
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 60, seed=1)
    >>> left = leave_one_out(train(tokens, 3, lam=0.1, rows=[0, 1]), tokens, 3, lam=0.1)
    >>> left.rows, left.test_loss.shape, sorted(left.means)[:2]
    (array([0, 1]), (2,), ['error_rate', 'error_rate_stderr'])
    """

    rows: NDArray[np.int64]
    test_loss: Floats
    test_loss_stderr: Floats
    error_rate: Floats
    error_rate_stderr: Floats
    temperature: Floats
    temperature_stderr: Floats
    means: dict[str, float] = field(repr=False)


@one_thread
def leave_one_out(
    training: Training,
    tokens: Any,
    colors: int,
    lam: float,
    loss: LossName | OwnLoss = "cross-entropy",
    similarity: Any = None,
    weights: Any = None,
) -> LeftOut:
    """Return test loss, error rate and temperature of trained rows without held-out sequences.

    Leaving sequence μ out moves its logits from h to

        h + V g,   V = (1 - S H)^{-1} S,   S = Xᵀ A^{-1} X,   A = Σ_ν X_ν H_ν X_νᵀ + L λ,

    with its inputs X (h = Xᵀw), g and H first and second derivatives of its loss in h. This is
    Newton's step from the minimum of all sequences to that without μ: exact for the squared error,
    and up to 1/L for any loss, sequences and similarity. One matrix of the size of a row is
    factored per row, not one per sequence.

    The logits of a sequence left out are those of a fresh one, so that their mean loss estimates
    the test loss of the rows. Its error has two parts, for a mean over M sequences

        (1/M²) [Σ_μ (ℓ_μ - ℓ̄)² + Σ_{μ≠ν} δ_μν δ_νμ],   δ_μν = -∂ℓ_μ·X_μᵀ A^{-1} X_ν g_ν,

    the spread of the losses, and a dependence: each has the other among its training sequences,
    which changes the loss by δ. In both factors the sequences are left out themselves.
    For error rates the derivative of the step is one of finite width.

    Parameters
    ----------
    training : Training
        Rows that `train` returned for the same arguments.
    tokens : uint8 array (samples, sites)
        The sequences that they were trained on.
    colors, lam, loss, similarity
        As in `train`.
    weights : array (samples,), optional
        Weights of the sequences in the means, of which training knows nothing.

    Returns
    -------
    LeftOut
        One entry per row: NaN where there is no minimiser, or where it predicts some sequence
        exactly whatever its token, as without weight decay and with few sequences.

    Raises
    ------
    ValueError
        If an argument is not allowed, or rows and sequences do not fit together.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, leave_one_out, measure, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 30, seed=0)
    >>> tokens, fresh = sample(model, 60, seed=1), sample(model, 1000, seed=2)
    >>> rows = train(tokens, 3, lam=0.1)
    >>> left = leave_one_out(rows, tokens, 3, lam=0.1).means
    >>> losses = measure(model, rows, tokens, fresh, "cross-entropy").test_loss
    >>> bool(abs(left["test_loss"] - losses.mean()) < 4 * left["test_loss_stderr"])
    True
    """
    if not isinstance(training, Training):
        raise invalid("training", training, "a Training, such as train() returns")
    bias = training.bias is not None
    tokens, sites = checked_tokens(tokens, None, colors, least=2), training.weights.shape[1]
    if tokens.shape[1] != sites:
        raise invalid("training", f"one of {sites} sites", f"one of {tokens.shape[1]}, as tokens")
    rows = objectives_of(tokens, colors, lam, loss, similarity, training.rows, bias)
    return left_out(rows, training, _shares(weights, len(rows.tokens)))


def left_out(
    rows: Rows, training: Training, shares: Floats | None = None, letters: int | None = None
) -> LeftOut:
    """Return the same of checked arguments, for the first `letters` colours (all if None)."""
    samples, count = len(rows.tokens), len(rows.rows)
    share = np.full(samples, 1 / samples) if shares is None else shares
    probes = probes_of(samples)
    total = {name: Sums(np.zeros(samples), *np.zeros((2, *probes.shape))) for name in READINGS}
    cells: dict[str, Floats] = {name: np.full(count, np.nan) for name in _cells()}
    for column in range(count):
        if training.statuses[column] in ("diverged", "not-finite"):
            continue
        for reading, sums in _of_row(rows, training, column, share, probes, letters):
            name = reading.name
            cells[name][column] = reading.value
            cells[f"{name}_stderr"][column] = reading.scale * sums.error(share)
            total[name] = total[name].plus(sums, 1 / count)
    means = {}
    for name in READINGS:
        value, scale = _mean(name, cells[name])
        means[name] = value
        means[f"{name}_stderr"] = scale * total[name].error(share)
    return LeftOut(rows.rows, **cells, means=means)


def means_of(parts: Sequence[LeftOut]) -> dict[str, float]:
    """Return the means over rows of which each part has sequences of its own, with errors."""
    if not parts:
        return {}
    counts = np.array([len(part.rows) for part in parts])
    found: dict[str, float] = {}
    for name in READINGS:
        values = np.array([part.means[name] for part in parts])
        errors = np.array([part.means[f"{name}_stderr"] for part in parts])
        found[name], scale = _mean(name, values, counts)
        if name == "temperature":
            # What a part without any temperature adds to 1/T is zero.
            errors = np.where(np.isinf(values), 0.0, errors / values**2)
        found[f"{name}_stderr"] = scale * float(np.linalg.norm(counts * errors) / counts.sum())
    return found


def _mean(name: str, values: Floats, weights: Floats | None = None) -> tuple[float, float]:
    """Return a mean over rows, of temperatures that of 1/T, and its change with what is averaged.

    It is NaN where one of them is, or where no row has a finite temperature.
    """
    if name != "temperature":
        return float(np.average(values, weights=weights)), 1.0 + 0.0 * float(values.sum())
    with np.errstate(divide="ignore"):
        cold = float(np.average(1 / values, weights=weights))
    T = 1 / cold if 0 < cold < np.inf else np.nan
    return T, T**2


def _of_row(
    rows: Rows,
    training: Training,
    column: int,
    share: Floats,
    probes: Floats,
    letters: int | None,
) -> list[tuple[Reading, Sums]]:
    """Return the readings of one row, none where it cannot leave some sequence out."""
    sites, basis = slice(0, rows.sites), basis_of(rows)
    tokens, seen = rows.tokens[:, sites], rows.seen(np.array([column]))[:, 0]
    weights, values = training.weights[[column]], rows.values
    fields = local_fields(np.ascontiguousarray(tokens), weights, values)[:, 0]
    point = np.zeros(rows.tokens.shape[1])
    point[sites] = training.weights[column]
    if training.bias is not None:
        bias = training.bias[column]
        fields = fields + bias
        # Of what the loss does not see the last component is zero.
        point[rows.sites :] = (bias - (bias[-1] if rows.bias < rows.colors else 0))[: rows.bias]
    force = rows.loss.gradient(fields[:, None], seen[:, None])[:, 0] @ basis.T
    bend = basis @ rows.loss.curvature(fields, seen) @ basis.T
    try:
        response = Response(rows, column, point)
    except np.linalg.LinAlgError:
        return []
    own = response.own()
    free = np.eye(len(basis)) - own @ bend
    if not np.all(np.linalg.det(free) > _PINNED):
        return []
    # What a force on the sequence does to it when it is left out, and by it to others.
    pushed = _solved(free.transpose(0, 2, 1), force)
    moved = fields + np.einsum("mab,mb->ma", own, pushed) @ basis
    pushes = response.inputs(pushed)
    far = response.solve(pushes.T @ (share[:, None] * probes))
    found = []
    for reading in readings(rows.loss, moved, seen, share, letters):
        slope = _solved(free.transpose(0, 2, 1), reading.slopes @ basis.T)
        pulls = response.inputs(slope)
        # δ_μμ, which is no part of the sum.
        same = -np.einsum("ma,mab,mb->m", slope, own, pushed)[:, None]
        forward = -pulls @ far - same * (share[:, None] * probes)
        backward = -share[:, None] * (pushes @ response.solve(pulls.T @ probes))
        backward -= share[:, None] * same * probes
        found.append((reading, Sums(reading.terms, forward, backward)))
    return found


def _solved(matrices: Floats, vectors: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrices, vectors[..., None])[..., 0], dtype=float)


def _cells() -> list[str]:
    return [cell for name in READINGS for cell in (name, f"{name}_stderr")]


def _shares(weights: Any, samples: int) -> Floats | None:
    if weights is None:
        return None
    allowed = f"{samples} weights, positive"
    given = numbers("weights", weights, allowed)
    if given.shape != (samples,) or not np.all(given > 0):
        raise invalid("weights", f"array {given.shape}", allowed)
    return np.asarray(given / given.sum())
