"""What all training in epochs shares: history, early stopping, checkpoints, progress."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replica.commandline.progress import progress
from replica.validation import integer, invalid, unmasked
from simulations.epochs.checkpoint import alone, load, save
from simulations.epochs.masks import Hidden, check_any, hidden_at, hidden_shares
from simulations.epochs.settings import Settings
from simulations.tokens import Floats, Tokens, checked_tokens

#: Arrays by name, by what they are.
Groups = dict[str, dict[str, NDArray[Any]]]


#: Why a training has ended; nothing while it has not.
EndName = Literal["epochs", "early", "not-finite", ""]


@dataclass(frozen=True, eq=False)
class History:
    """How a training went; `simulations.Learning` says what the attributes are."""

    train_losses: Floats
    held_out_losses: Floats
    best: int
    status: EndName


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
        if settings.masking is not None:
            check_any(settings.masking, tokens.shape, settings.seed, settings.epochs)
        self.rng = np.random.default_rng(settings.seed)
        self.train_losses: list[float] = []
        self.held_out_losses: list[float] = []
        self.best: dict[str, NDArray[Any]] = {}
        self._identity = {
            "version": metadata.version("replica-attention"),
            **asdict(settings),
            "masking": None if settings.masking is None else str(settings.masking),
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
        """Do the epoch number `epoch` and return its mean training loss per masked token.

        NaN where it masked none.
        """

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

    @property
    def best_epoch(self) -> int:
        """The first epoch with the smallest held-out loss, -1 if none was finite."""
        losses = np.array(self.held_out_losses)
        if not np.isfinite(losses).any():
            return -1
        return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))

    @property
    def status(self) -> EndName:
        """Why the training has ended (see `Learning`), or nothing."""
        if not np.isfinite(self.held_out_losses).all():
            return "not-finite"
        if self.epoch >= self.settings.epochs:
            return "epochs"
        waited = self.epoch - 1 - self.best_epoch
        if self.settings.patience is not None and waited >= self.settings.patience:
            return "early"
        return ""

    def keep(self) -> None:
        """Keep a copy of the present model as the best."""
        self.best = {key: np.array(value) for key, value in self.groups()["now"].items()}

    def batches(self) -> tuple[NDArray[np.int64], Hidden]:
        """Draw the order of the sequences in an epoch and the masks of each sequence."""
        samples, sites = self.tokens.shape
        order, masking = self.rng.permutation(samples), self.settings.masking
        if masking is not None:
            return order, hidden_shares(masking, (samples, sites), self.settings.seed, self.epoch)
        return order, hidden_at(np.asarray(self.rng.integers(sites, size=samples)), sites)

    @property
    def masks(self) -> float:
        """The mean number of masked tokens per sequence."""
        masking = self.settings.masking
        return 1.0 if masking is None else masking.rate * self.tokens.shape[1]

    def epochs_left(self) -> Iterator[int]:
        """Do one epoch after the other and yield how many are done."""
        while not self.status:
            self.train_losses.append(self.one_epoch())
            self.held_out_losses.append(self.held_out_loss())
            if self.best_epoch == self.epoch - 1:
                self.keep()
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
            Show a progress bar with this label, away from a terminal a line every half minute;
            notebooks show one anyway.

        Raises
        ------
        ValueError
            If the checkpoint is of another run or version, is not whole, cannot be written, or
            has another process at work on it.
        """
        every = integer("every", every, 1)
        self._resume(checkpoint)
        if self.status:  # it may stand where nothing can be written
            return
        with nullcontext() if checkpoint is None else alone(checkpoint):
            self._resume(checkpoint)  # another process may have gone on
            left, count = self.epochs_left(), self.settings.epochs - self.epoch
            for epoch in progress(left, count, label):
                if checkpoint is not None and (epoch % every == 0 or self.status):
                    save(checkpoint, self._arrays(), self._plain())

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {
            "train_losses": np.array(self.train_losses, float),
            "held_out_losses": np.array(self.held_out_losses, float),
        }
        for group, members in {**self.groups(), "best": self.best}.items():
            arrays |= {f"{group}.{key}": np.asarray(value) for key, value in members.items()}
        return arrays

    def _plain(self) -> dict[str, Any]:
        generator = self.rng.bit_generator.state
        return {"identity": self._identity, "generator": generator, "epoch": self.epoch}

    def _resume(self, checkpoint: str | os.PathLike[str] | None) -> None:
        if checkpoint is None or not os.path.exists(checkpoint):
            return
        arrays, plain = load(checkpoint)
        known = plain.get("identity") if isinstance(plain, dict) else None
        known = known if isinstance(known, dict) else {}
        for name, value in self._identity.items():
            if known.get(name) != value:
                allowed = f"of a run with {name} = {value!r}, not {known.get(name)!r}"
                raise invalid("checkpoint", str(checkpoint), allowed)
        try:
            self._take_all(arrays, plain)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise invalid("checkpoint", str(checkpoint), f"a whole one ({reason})") from None

    def _take_all(self, arrays: dict[str, NDArray[Any]], plain: dict[str, Any]) -> None:
        if plain.keys() != self._plain().keys():
            raise ValueError(f"it tells {', '.join(plain)}")
        epochs = integer("epoch", plain["epoch"], 1)
        here = self._arrays()
        if arrays.keys() != here.keys():
            raise ValueError(f"{min(arrays.keys() ^ here.keys())} is missing or unknown")
        for name, value in here.items():
            shape = (epochs,) if name in ("train_losses", "held_out_losses") else value.shape
            if (arrays[name].dtype, arrays[name].shape) != (value.dtype, shape):
                raise ValueError(f"{name} is an array {arrays[name].shape} of {arrays[name].dtype}")
        self.train_losses = arrays["train_losses"].tolist()
        *before, last = arrays["held_out_losses"].tolist()
        self.held_out_losses = before
        if self.status:
            raise ValueError(f"{epochs} epochs, though it had ended before: {self.status}")
        self.held_out_losses.append(last)
        self.rng.bit_generator.state = plain["generator"]
        if self.rng.bit_generator.state != plain["generator"]:
            raise ValueError("the state of the generator is none")
        self.best = {key: arrays[f"best.{key}"] for key in self.best}
        self.take(
            {
                group: {key: arrays[f"{group}.{key}"] for key in members}
                for group, members in self.groups().items()
            }
        )


def checked_sequences(tokens: Any, held_out: Any, colors: int) -> tuple[Tokens, Tokens]:
    """Return sequences to train on and held-out ones as uint8 arrays, or refuse."""
    tokens = unmasked("tokens", tokens, "an array (samples, sites)")
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise invalid("tokens", f"array {tokens.shape}", "an array (samples, sites)")
    tokens = checked_tokens(tokens, tokens.shape[1], colors)
    held_out = checked_tokens(held_out, tokens.shape[1], colors, "held_out")
    if not len(held_out):
        raise invalid("held_out", "no sequence", "one sequence or more")
    return tokens, held_out


def _fingerprint(tokens: Tokens) -> str:
    return hashlib.sha256(repr(tokens.shape).encode() + tokens.tobytes()).hexdigest()
