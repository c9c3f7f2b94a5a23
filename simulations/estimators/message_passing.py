"""Approximate message passing for rows of the attention at V = U = I."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.problem.data_model import LossName
from replica.validation import integer, invalid, non_negative, positive, real
from simulations.estimators.cavity import CavitySpectra, token_precision
from simulations.estimators.certificate import lacks_minimiser, near, near_by_hessian
from simulations.estimators.losses import loss_named
from simulations.estimators.minimiser import StatusName, Training
from simulations.estimators.objective import Loss, Rows
from simulations.kernels.local_fields import colored_sums, gathered
from simulations.kernels.one_thread import one_thread
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, Tokens, checked_sites, checked_tokens

#: A variance from here on, at λ = 0, grows without end: there is no unique minimiser.
_RUNAWAY = 1e6

#: How much less the gradient must be where it did not prove a row to be the minimiser.
_FURTHER = 0.1


@dataclass(frozen=True, eq=False)
class MessagePassing(Immutable):
    """Rows that message passing arrived at, and its course.

    Parameters
    ----------
    training : Training
        The last rows, with residuals and statuses as for the minimiser; `evaluations` counts
        iterations. "diverged" are rows of λ = 0 that have no finite minimiser and, of the squared
        error, those whose minimiser is not unique.
    m, q, V : arrays (steps + 1, rows)
        Overlaps w*ᵀGw and wᵀGw, with the cavity covariance G of the model, and the local
        variance, after every iteration; entry 0 belongs to w = 0. Once all rows have
        converged the course ends.
    train_loss : array (steps + 1, rows)
        Mean of ℓ(y, prox(ω)) over the training sequences.
    residuals : array (steps + 1, rows)
        Norm of the gradient of the training objective, relative to that at w = 0.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, approximate_message_passing, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.0), 40, seed=0)
    >>> found = approximate_message_passing(model, sample(model, 80, seed=1), lam=0.1, rows=[0, 1])
    >>> found.status, found.q.shape == found.m.shape
    ('converged', True)
    """

    training: Training
    m: Floats
    q: Floats
    V: Floats
    train_loss: Floats
    residuals: Floats

    @property
    def status(self) -> StatusName:
        """The worst status of the rows."""
        return self.training.status


@one_thread
def approximate_message_passing(
    model: PottsModel,
    tokens: Any,
    lam: float,
    loss: LossName = "cross-entropy",
    rows: Any = None,
    steps: int = 200,
    tolerance: float = 1e-8,
    damping: float = 0.0,
) -> MessagePassing:
    """Minimise Σ_μ ℓ(s_i^μ, Σ_j w_j s_j^μ) + (L λ / 2) |w|² by message passing from w = 0.

    The tokens are correlated, with the covariance G that the couplings of the model imply, and
    G decides the step of every iteration; the true row enters the reported overlaps alone. In
    the limit of long sequences the t-th iterate has the overlaps of the t-th step of
    `replica.state_evolution`, and any fixed point is the minimiser that `train` finds (see
    MESSAGE_PASSING.md).

    Parameters
    ----------
    model : PottsModel
        The model of the sequences, U = I.
    tokens : uint8 array (samples, sites)
        Training sequences.
    lam : float
        λ, 0 or greater.
    loss : str
        "cross-entropy" or "squared-error".
    rows : sequence of int, optional
        The sites i; None is all.
    steps : int
        The most iterations.
    tolerance : float
        A row has converged when the norm of its gradient, relative to that at w = 0, is below
        this, and its last change and its proven distance from the minimiser, relative to |w|,
        below its root (see `train`). Iterations end when all have.
    damping : float
        Share of the last iterate that is kept, from 0 to less than 1. State evolution needs 0.

    Returns
    -------
    MessagePassing
        The last iterate as a Training, and the overlaps of every iterate.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the couplings are beyond the paramagnet.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, approximate_message_passing, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.0), 40, seed=0)
    >>> tokens = sample(model, 80, seed=1)
    >>> passing = approximate_message_passing(model, tokens, lam=0.1, rows=[0])
    >>> minimum = train(tokens, 3, lam=0.1, rows=[0])
    >>> bool(np.allclose(passing.training.weights, minimum.weights, atol=1e-5))
    True
    """
    if not isinstance(model, PottsModel):
        raise invalid("model", model, "a PottsModel")
    tokens = checked_tokens(tokens, model.sites, model.colors, least=1)
    lam, tolerance = non_negative("lam", lam), positive("tolerance", tolerance)
    chosen, steps = loss_named(loss), integer("steps", steps, 1)
    allowed = "a number from 0 to less than 1"
    if not 0 <= real("damping", damping, allowed) < 1:
        raise invalid("damping", damping, allowed)
    sites = checked_sites(rows, model.sites)
    spectra = CavitySpectra(token_precision(model), sites)
    passing = _Passing(model, tokens, lam, chosen, sites, spectra)
    course = [passing.measured()]
    # What overflows is told by the statuses.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(steps):
            if passing.settled(tolerance):
                break
            passing.step(damping)
            course.append(passing.measured())
        statuses = passing.statuses(tolerance)
    residuals = passing.residuals
    taken = np.full(len(sites), len(course) - 1)
    weights = np.ascontiguousarray(passing.weights.T)
    training = Training(weights, sites, residuals, taken, statuses)
    return MessagePassing(training, *(np.array(part) for part in zip(*course, strict=True)))


class _Passing:
    """The state of an iteration: rows w, fields ω = X w - V g₋, forces g and their variance V.

    Arrays over sites have the shape (sites, rows), those over tokens (samples, rows, colors).
    """

    def __init__(
        self,
        model: PottsModel,
        tokens: Tokens,
        lam: float,
        loss: Loss,
        rows: NDArray[np.int64],
        spectra: CavitySpectra,
    ) -> None:
        self._tokens, self._lam, self._loss = tokens, lam, loss
        self._own, self._spectra = (rows, np.arange(len(rows))), spectra
        self._seen = np.eye(model.colors)[tokens[:, rows]]
        teacher = np.ascontiguousarray(model.teacher[rows].T)
        self._answer = spectra.covariance(teacher)
        self.weights, self._change = np.zeros_like(teacher), np.zeros_like(teacher)
        self._variance = np.zeros(len(rows))
        self._scale = np.ones(len(rows))
        self.residuals = self._scale
        # At w = 0 there is neither a field nor a spread of it.
        self._look(np.zeros_like(self._seen))
        # What cancels there leaves rounding errors: then w = 0 is the minimiser.
        noise = np.finfo(float).eps * len(tokens) / np.sqrt(model.sites)
        self._scale = np.where(self.residuals > noise, self.residuals, np.inf)
        self.residuals = self.residuals / self._scale
        decay = model.sites * lam
        self._rows = Rows(loss, tokens, np.eye(model.colors), decay, rows)
        self._proven = np.isinf(self._scale)
        self._lost = np.zeros(len(rows), dtype=bool)
        self._goals = np.ones(len(rows))

    def measured(self) -> tuple[Floats, ...]:
        """Return m, q, V, the training loss at the proximal fields, and the residuals."""
        m = np.sum(self._answer * self.weights, axis=0)
        q = np.sum(self._spectra.covariance(self.weights) * self.weights, axis=0)
        fields = self._fields + self._variance[:, None] * self._force
        loss = self._loss.expected(fields, self._seen).mean(axis=0)
        return m, q, self._variance, loss, self.residuals

    def settled(self, tolerance: float) -> bool:
        """Tell whether further iterations are of no use."""
        over = ~np.isfinite(self.residuals) | self._runs_away | self._lost
        if not np.all(over | self._proven | self._arrived(tolerance)):
            return False
        self._prove(tolerance)
        return bool(np.all(over | self._lost | self._proven))

    def statuses(self, tolerance: float) -> NDArray[np.object_]:
        """Return how every row ended."""
        self._goals[:], self._proven = 1.0, np.isinf(self._scale)
        self._prove(tolerance)
        statuses = np.where(self._proven, "converged", "max-steps").astype(object)
        statuses[~np.isfinite(self.residuals)] = "not-finite"
        if self._loss.attained:
            statuses[self._runs_away] = "diverged"
        elif self._lam == 0:
            for r in np.nonzero(~self._proven & ~self._lost)[0]:
                self._lost[r] = lacks_minimiser(self._rows, self.weights[:, r], int(r))
            statuses[self._lost] = "diverged"
        return statuses

    @property
    def _runs_away(self) -> NDArray[np.bool_]:
        """Which rows have no unique minimiser to arrive at."""
        return (self._lam == 0) & ~(self._variance <= _RUNAWAY)

    def _arrived(self, tolerance: float) -> NDArray[np.bool_]:
        """Which rows neither have a gradient any more nor move."""
        moved, length = (np.linalg.norm(each, axis=0) for each in (self._change, self.weights))
        still: NDArray[np.bool_] = moved <= np.sqrt(tolerance) * length
        return (self.residuals < tolerance * self._goals) & still

    def _prove(self, tolerance: float) -> None:
        """Find out which of the rows that arrived are near a minimiser; others must go on."""
        asked = self._arrived(tolerance) & ~self._proven & ~self._runs_away
        if not asked.any():
            return
        slopes = self._gradient * len(self.weights)
        self._proven |= asked & near(self._rows, self.weights, slopes, tolerance)
        for r in np.nonzero(asked & ~self._proven)[0]:
            self._proven[r] = near_by_hessian(self._rows, self.weights[:, r], int(r), tolerance)
            if not self._proven[r]:
                if self._lam == 0 and self._goals[r] == 1:
                    self._lost[r] = lacks_minimiser(self._rows, self.weights[:, r], int(r))
                self._goals[r] *= _FURTHER

    def step(self, damping: float) -> None:
        """Go from w to (λ + V̂ G)^{-1} (Xᵀg/L + V̂ G w), and see what the tokens answer."""
        size, stiffness = len(self.weights), self._stiffness
        pull = self._spectra.precision(self._gathered(self._force)) + stiffness * self.weights
        fresh = self._spectra.solve(pull, self._lam, stiffness)
        variance = self._spectra.trace(self._lam, stiffness) / size
        self._change = fresh - self.weights
        self.weights = self.weights + (1 - damping) * self._change
        self._variance = damping * self._variance + (1 - damping) * variance
        self._look(self._force)

    def _look(self, last: Floats) -> None:
        sums = colored_sums(self._tokens, self.weights.T, self._seen.shape[-1])
        sums = sums - sums.mean(axis=-1, keepdims=True)
        self._fields = sums - self._variance[:, None] * last
        self._force, response = self._loss.force(self._fields, self._seen, self._variance)
        # V̂ = -(1/L) Σ_μ tr ∂g/∂ω, of the sequences themselves.
        self._stiffness = response.sum(axis=0) / len(self.weights)
        slope, _ = self._loss.force(sums, self._seen, np.zeros_like(self._variance))
        self._gradient = self._lam * self.weights - self._gathered(slope)
        self.residuals = np.sqrt(np.sum(self._gradient**2, axis=0)) / self._scale

    def _gathered(self, answer: Floats) -> Floats:
        """Return Xᵀg/L, zero at the masked sites."""
        sums = gathered(self._tokens, answer)
        sums[self._own] = 0.0
        return sums / len(sums)
