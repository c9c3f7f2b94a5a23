"""What every training by epochs shares: history, early stopping, checkpoints, progress."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arguments import integer, refusal
from replica.commandline import progress
from simulations.checkpoint import load, save
from simulations.fields import Floats, Tokens, checked_tokens
from simulations.settings import Settings

#: Arrays by name, by what they are.
Groups = dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True, eq=False)
class History:
    """How a training went.

    Attributes
    ----------
    train_losses, held_out_losses : arrays (epochs,)
        Loss per masked token: mean over the minibatches of an epoch, while the parameters
        change; and at its end on the held-out sequences, every site masked in turn.
    best : int
        The epoch with the smallest held-out loss, whose result is kept; from 0.
    status : str
        "epochs", all were done; "early", the held-out loss had stopped falling; "not-finite".
    """

    train_losses: Floats
    held_out_losses: Floats
    best: int
    status: str


class Run(ABC):
    """A training under way; a subclass knows the model and how one epoch changes it.

    Parameters
    ----------
    tokens, held_out : uint8 arrays (samples, sites)
        Sequences to train on, and those that decide which epoch is kept.
    settings : Settings
        How to train.
    identity : mapping
        What else determines the run, as JSON can hold it.
    """

    def __init__(
        self, tokens: Tokens, held_out: Tokens, settings: Settings, identity: Mapping[str, Any]
    ) -> None:
        self.settings = settings
        self.tokens, self.held_out = tokens, held_out
        self.rng = np.random.default_rng(settings.seed)
        self.train_losses: list[float] = []
        self.held_out_losses: list[float] = []
        self.best: dict[str, NDArray[Any]] = {}
        self.best_epoch = -1
        self.status = ""
        self._identity = {
            **asdict(settings),
            **identity,
            "tokens": _fingerprint(tokens),
            "held_out": _fingerprint(held_out),
        }

    def history(self) -> dict[str, Any]:
        """Return the attributes of `History`."""
        return {
            "train_losses": np.array(self.train_losses),
            "held_out_losses": np.array(self.held_out_losses),
            "best": self.best_epoch,
            "status": self.status,
        }

    @abstractmethod
    def one_epoch(self) -> float:
        """Do the epoch number `epoch` and return its mean training loss per masked token."""

    @abstractmethod
    def held_out_loss(self) -> float:
        """Return the loss per masked token of the held-out sequences, NaN if it is not finite."""

    @abstractmethod
    def groups(self) -> Groups:
        """Return the arrays that the next epoch depends on; those of the model are "now"."""

    @abstractmethod
    def take(self, groups: Groups) -> None:
        """Take up what `groups` returned."""

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return len(self.held_out_losses)

    def keep(self) -> None:
        """Keep a copy of the present model as the best."""
        self.best = {key: np.array(value) for key, value in self.groups()["now"].items()}

    def batches(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw the order of the sequences in an epoch and the masked site of each sequence."""
        samples, sites = self.tokens.shape
        order = self.rng.permutation(samples)
        return order, np.asarray(self.rng.integers(sites, size=samples))

    def epochs_left(self) -> Iterator[int]:
        """Do one epoch after the other and yield how many are done."""
        while not self.status and self.epoch < self.settings.epochs:
            self.train_losses.append(self.one_epoch())
            loss = self.held_out_loss()
            if loss < min(self.held_out_losses, default=np.inf):
                self.best_epoch = self.epoch
                self.keep()
            self.held_out_losses.append(loss)
            waited = self.epoch - 1 - self.best_epoch
            if not np.isfinite(loss):
                self.status = "not-finite"
            elif self.epoch == self.settings.epochs:
                self.status = "epochs"
            elif self.settings.patience is not None and waited >= self.settings.patience:
                self.status = "early"
            yield self.epoch

    def finish(
        self, checkpoint: str | os.PathLike[str] | None, every: int, label: str | None
    ) -> None:
        """Do all epochs that are left.

        Parameters
        ----------
        checkpoint : path, optional
            Where the state is kept; if the file exists, the run goes on from there.
        every : int
            Epochs between two checkpoints.
        label : str, optional
            Show a progress bar with this label if stderr is a terminal.
        """
        every = integer("every", every, 1)
        if checkpoint is not None and os.path.exists(checkpoint):
            self._restore(*load(checkpoint))
        left = self.epochs_left()
        epochs = left if label is None else progress(left, self.settings.epochs - self.epoch, label)
        for epoch in epochs:
            if checkpoint is not None and (epoch % every == 0 or self.status):
                save(checkpoint, *self._state())

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {
            "train_losses": np.array(self.train_losses),
            "held_out_losses": np.array(self.held_out_losses),
        }
        for group, members in {**self.groups(), "best": self.best}.items():
            arrays |= {f"{group}.{key}": value for key, value in members.items()}
        plain = {
            "identity": self._identity,
            "generator": self.rng.bit_generator.state,
            "best_epoch": self.best_epoch,
            "status": self.status,
        }
        return arrays, plain

    def _restore(self, arrays: dict[str, NDArray[Any]], plain: Any) -> None:
        known = plain.get("identity") if isinstance(plain, dict) else None
        known = known if isinstance(known, dict) else {}
        for name, value in self._identity.items():
            if known.get(name) != value:
                allowed = f"of a run with {name} = {value!r}, not {known.get(name)!r}"
                raise refusal("checkpoint", "a file", allowed)
        try:
            self._take_all(arrays, plain)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise refusal("checkpoint", "a file", f"a whole checkpoint ({reason})") from None

    def _take_all(self, arrays: dict[str, NDArray[Any]], plain: dict[str, Any]) -> None:
        self.train_losses = arrays["train_losses"].tolist()
        self.held_out_losses = arrays["held_out_losses"].tolist()
        stored: Groups = {"best": {}}
        for name, value in arrays.items():
            group, _, key = name.partition(".")
            if key:
                stored.setdefault(group, {})[key] = value
        for group, members in self.groups().items():
            for key, value in members.items():
                if stored[group][key].shape != np.shape(value):
                    raise ValueError(f"{group}.{key} has shape {stored[group][key].shape}")
        self.best = stored.pop("best")
        self.take(stored)
        self.rng.bit_generator.state = plain["generator"]
        self.best_epoch = plain["best_epoch"]
        self.status = plain["status"]


def checked_sequences(tokens: Any, held_out: Any, colors: int) -> tuple[Tokens, Tokens]:
    """Return sequences to train on and held-out ones as uint8 arrays, or refuse."""
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise refusal("tokens", f"array {tokens.shape}", "an array (samples, sites)")
    tokens = checked_tokens(tokens, tokens.shape[1], colors)
    held_out = checked_tokens(held_out, tokens.shape[1], colors)
    if not len(held_out):
        raise refusal("held_out", "no sequence", "one sequence or more")
    return tokens, held_out


def _fingerprint(tokens: Tokens) -> str:
    return hashlib.sha256(repr(tokens.shape).encode() + tokens.tobytes()).hexdigest()
