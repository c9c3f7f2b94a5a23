"""Masked language modelling as in the paper: A and V from random values, by minibatches."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arguments import integer, non_negative, one_of, positive, real, refusal
from replica.commandline import progress
from simulations.attention import FactoredAttention
from simulations.checkpoint import load, save
from simulations.fields import Floats, Tokens, checked_tokens
from simulations.layers import FreeAttention, Layer, Parameters
from simulations.masking import masked_gradient
from simulations.optimisers import OPTIMISERS, SCHEDULES, Optimiser, rate_at
from simulations.potts import checked_colors


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        Passes over the training sequences; every pass masks one random site of each.
    batch : int
        Sequences per step.
    optimiser : str
        "adam" or "sgd".
    rate : float
        The largest learning rate.
    schedule : str
        "constant", "cosine" or "one-cycle" (see `simulations.optimisers.rate_at`).
    momentum : float
        Of the gradient, in [0, 1).
    decay : float
        Decoupled weight decay of all parameters.
    patience : int, optional
        Stop after so many epochs without a smaller held-out loss; None never stops early.
    seed : int
        Source of initial values, masks and the order of the sequences.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    epochs: int = 100
    batch: int = 50
    optimiser: str = "adam"
    rate: float = 0.01
    schedule: str = "one-cycle"
    momentum: float = 0.9
    decay: float = 0.0
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, minimum in (("epochs", 1), ("batch", 1), ("seed", 0)):
            integer(name, getattr(self, name), minimum)
        if self.patience is not None:
            integer("patience", self.patience, 1)
        one_of("optimiser", self.optimiser, OPTIMISERS)
        one_of("schedule", self.schedule, SCHEDULES)
        positive("rate", self.rate)
        non_negative("decay", self.decay)
        allowed = "a number from 0 to below 1"
        if not 0 <= real("momentum", self.momentum, allowed) < 1:
            raise refusal("momentum", self.momentum, allowed)


@dataclass(frozen=True, eq=False)
class Learning:
    """What training led to.

    Parameters
    ----------
    attention : FactoredAttention
        A and V of the epoch with the smallest held-out loss.
    parameters : dict of arrays
        The parameters behind them.
    train_losses, held_out_losses : arrays (epochs,)
        Loss per masked token: mean over the minibatches of an epoch, while the parameters
        change; and at its end on the held-out sequences, every site masked in turn.
    best : int
        The epoch of `attention`, from 0.
    status : str
        "epochs", all were done; "early", the held-out loss had stopped falling; "not-finite".
    """

    attention: FactoredAttention
    parameters: Parameters
    train_losses: Floats
    held_out_losses: Floats
    best: int
    status: str


def learn(
    tokens: Any,
    held_out: Any,
    colors: int,
    settings: Settings | None = None,
    layer: Layer | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 10,
    label: str | None = None,
) -> Learning:
    """Train attention by masked language modelling.

    Parameters
    ----------
    tokens, held_out : uint8 arrays (samples, sites)
        Sequences to train on, and others that decide which epoch is kept. The held-out loss of
        the kept epoch is a little too good: test on a third set.
    colors : int
        C.
    settings : Settings, optional
        How to train.
    layer : Layer, optional
        How A and V depend on the parameters; by default they are the parameters.
    checkpoint : path, optional
        An npz file that holds the state of the run. If it exists, the run goes on from there,
        and ends with the same digits as one that was never interrupted.
    every : int
        Epochs between two checkpoints.
    label : str, optional
        Show a progress bar with this label if stderr is a terminal.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the checkpoint is of another run.
    """
    colors = checked_colors(colors)
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise refusal("tokens", f"array {tokens.shape}", "an array (samples, sites)")
    tokens = checked_tokens(tokens, tokens.shape[1], colors)
    held_out = checked_tokens(held_out, tokens.shape[1], colors)
    if not len(held_out):
        raise refusal("held_out", "no sequence", "one sequence or more")
    every = integer("every", every, 1)
    run = _Run(tokens, held_out, colors, settings or Settings(), layer or FreeAttention())
    if checkpoint is not None and os.path.exists(checkpoint):
        run.restore(*load(checkpoint))
    left = run.epochs_left()
    epochs = left if label is None else progress(left, run.settings.epochs - run.epoch, label)
    for epoch in epochs:
        if checkpoint is not None and (epoch % every == 0 or run.status):
            save(checkpoint, *run.state())
    return run.result()


class _Run:
    def __init__(
        self, tokens: Tokens, held_out: Tokens, colors: int, settings: Settings, layer: Layer
    ) -> None:
        self.settings = settings
        self._tokens, self._held_out, self._layer = tokens, held_out, layer
        self._identity = {
            **asdict(settings),
            "layer": [layer.name, vars(layer)],
            "colors": colors,
            "tokens": _fingerprint(tokens),
            "held_out": _fingerprint(held_out),
        }
        self._rng = np.random.default_rng(settings.seed)
        self._parameters = layer.initial(tokens.shape[1], colors, self._rng)
        self._optimiser = Optimiser(
            settings.optimiser, self._parameters, settings.momentum, settings.decay
        )
        self._best = {key: value.copy() for key, value in self._parameters.items()}
        self._best_epoch = -1
        self._train_losses: list[float] = []
        self._held_out_losses: list[float] = []
        self.status = ""

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self._held_out_losses)

    def epochs_left(self) -> Iterator[int]:
        """Do one epoch after the other and yield how many are done."""
        while not self.status and self.epoch < self.settings.epochs:
            self._train_losses.append(self._one_epoch())
            loss = self._held_out_loss()
            if loss < min(self._held_out_losses, default=np.inf):
                self._best_epoch = self.epoch
                self._best = {key: value.copy() for key, value in self._parameters.items()}
            self._held_out_losses.append(loss)
            waited = self.epoch - 1 - self._best_epoch
            if not np.isfinite(loss):
                self.status = "not-finite"
            elif self.epoch == self.settings.epochs:
                self.status = "epochs"
            elif self.settings.patience is not None and waited >= self.settings.patience:
                self.status = "early"
            yield self.epoch

    def _one_epoch(self) -> float:
        samples, sites = self._tokens.shape
        order = self._rng.permutation(samples)
        masked = np.asarray(self._rng.integers(sites, size=samples))
        batch = self.settings.batch
        steps = int(-(-samples // batch))
        total = 0.0
        for step in range(steps):
            part: NDArray[np.int64] = order[step * batch : (step + 1) * batch]
            attention = self._layer.attention(self._parameters)
            slopes = np.empty_like(attention.attention), np.empty_like(attention.values)
            batch_tokens, batch_masked = self._tokens[part], masked[part]
            loss = masked_gradient(
                batch_tokens, batch_masked, attention.attention, attention.values, *slopes
            )
            total += loss * len(part)
            done = (self.epoch + step / steps) / self.settings.epochs
            rate = self.settings.rate * rate_at(self.settings.schedule, done)
            if not np.isfinite(loss):
                return float("nan")
            self._optimiser.step(self._layer.chain(self._parameters, *slopes), rate)
        return float(total / samples)

    def _held_out_loss(self) -> float:
        if not all(np.isfinite(value).all() for value in self._parameters.values()):
            return float("nan")
        attention = self._layer.attention(self._parameters)
        return attention.loss(self._held_out) / int(self._held_out.shape[1])

    def result(self) -> Learning:
        """Return what the run has led to."""
        return Learning(
            self._layer.attention(self._best),
            self._best,
            np.array(self._train_losses),
            np.array(self._held_out_losses),
            self._best_epoch,
            self.status,
        )

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return all that the next epoch depends on."""
        arrays: dict[str, NDArray[Any]] = {
            "train_losses": np.array(self._train_losses),
            "held_out_losses": np.array(self._held_out_losses),
        }
        groups = {"now": self._parameters, "best": self._best, "moment": self._optimiser.state}
        for group, members in groups.items():
            arrays |= {f"{group}.{key}": value for key, value in members.items()}
        plain = {
            "identity": self._identity,
            "generator": self._rng.bit_generator.state,
            "steps": self._optimiser.steps,
            "best_epoch": self._best_epoch,
            "status": self.status,
        }
        return arrays, plain

    def restore(self, arrays: dict[str, NDArray[Any]], plain: Any) -> None:
        """Take up the state of a checkpoint, or refuse one of another run."""
        known = plain.get("identity", {}) if isinstance(plain, dict) else {}
        for name, value in self._identity.items():
            if known.get(name) != value:
                allowed = f"of a run with {name} = {value!r}, not {known.get(name)!r}"
                raise refusal("checkpoint", "a file", allowed)
        self._train_losses = arrays["train_losses"].tolist()
        self._held_out_losses = arrays["held_out_losses"].tolist()
        groups = {"now": self._parameters, "best": self._best, "moment": self._optimiser.state}
        for group, members in groups.items():
            for key, value in members.items():
                value[...] = arrays[f"{group}.{key}"]
        self._rng.bit_generator.state = plain["generator"]
        self._optimiser.steps = plain["steps"]
        self._best_epoch = plain["best_epoch"]
        self.status = plain["status"]


def _fingerprint(tokens: Tokens) -> str:
    return hashlib.sha256(repr(tokens.shape).encode() + tokens.tobytes()).hexdigest()
