"""How a training by epochs is done."""

from __future__ import annotations

from dataclasses import dataclass

from replica.immutable import keep
from replica.problem import Masking
from replica.validation import integer, invalid, non_negative, one_of, positive, real
from simulations.epochs.optimisers import OPTIMISERS, SCHEDULES, OptimiserName, RateShape


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        Passes over the training sequences, which mask one random site of each.
    batch : int
        Sequences per step.
    optimiser : str
        "adam" or "sgd".
    rate : float
        The largest learning rate.
    schedule : str
        "constant", "cosine" or "one-cycle" (see `simulations.epochs.optimisers.rate_at`).
    momentum : float
        Of the gradient, in [0, 1).
    decay : float
        Decoupled weight decay of all parameters.
    patience : int, optional
        Stop after so many epochs without a smaller held-out loss; None never stops early.
    seed : int
        Source of initial values, masks and the order of the sequences.
    masking : Masking, optional
        Hide a share of all tokens at once instead, of which each is predicted from what is left to
        see. A step follows the gradient of the mean loss per masked token: the losses of a batch
        over the mean number of its masks. K draws of static masks take turns by epochs.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import Masking
    >>> from simulations import Settings
    >>> Settings(epochs=20, rate=0.02, masking=Masking(0.15)).optimiser
    'adam'
    """

    epochs: int = 100
    batch: int = 50
    optimiser: OptimiserName = "adam"
    rate: float = 0.01
    schedule: RateShape = "one-cycle"
    momentum: float = 0.9
    decay: float = 0.0
    patience: int | None = None
    seed: int = 0
    masking: Masking | None = None

    def __post_init__(self) -> None:
        for name, minimum in (("epochs", 1), ("batch", 1), ("seed", 0)):
            self._keep(name, integer(name, getattr(self, name), minimum))
        if self.patience is not None:
            self._keep("patience", integer("patience", self.patience, 1))
        one_of("optimiser", self.optimiser, OPTIMISERS)
        one_of("schedule", self.schedule, SCHEDULES)
        if not isinstance(self.masking, Masking | None):
            raise invalid("masking", self.masking, "None or a Masking")
        self._keep("rate", positive("rate", self.rate))
        self._keep("decay", non_negative("decay", self.decay))
        allowed = "a number from 0 to below 1"
        momentum = real("momentum", self.momentum, allowed)
        if not 0 <= momentum < 1:
            raise invalid("momentum", self.momentum, allowed)
        self._keep("momentum", momentum)

    def _keep(self, name: str, value: float) -> None:
        # As a number of Python's, which a checkpoint can hold.
        keep(self, **{name: value})
