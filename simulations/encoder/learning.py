"""Masked language modelling with a transformer encoder, on the sequences of factored attention."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid
from simulations.encoder.encoder import Encoder, Weights
from simulations.encoder.optional_jax import loaded
from simulations.epochs.masks import Hidden, checked_hidden
from simulations.epochs.optimisers import rate_at
from simulations.epochs.run import Groups, History, Run, checked_sequences
from simulations.epochs.settings import Settings
from simulations.kernels.local_fields import log_sum_exp
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, Tokens, checked_tokens

#: What `learn_encoder` does unless told otherwise.
SETTINGS = Settings(epochs=30, batch=64, rate=2e-3, decay=0.01)

#: Sequences, each with every site masked in turn, that are predicted at one time.
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """A transformer encoder with its parameters.

    Parameters
    ----------
    encoder : Encoder
        The architecture.
    weights : dict of arrays
        The parameters, as `Encoder.init` names them.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Encoder, PottsModel, Settings, learn_encoder, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 6, seed=0), 120, seed=1)
    >>> small = Encoder(layers=1, width=8, heads=2, hidden=8)
    >>> run = learn_encoder(tokens[:100], tokens[100:], 3, small, Settings(epochs=2))
    >>> run.trained.logits(tokens[:5]).shape
    (5, 6, 3)
    """

    encoder: Encoder
    weights: Weights

    @property
    def sites(self) -> int:
        """L, the length of a sequence."""
        return len(self.weights["positions"])

    @property
    def colors(self) -> int:
        """C, the number of token values."""
        return len(self.weights["tokens"]) - 1

    def logits(self, tokens: Any, hidden: Hidden | None = None) -> Floats:
        """Return z, every site masked in turn: an array (samples, sites, colors).

        Tokens that are `hidden`, a bool array like `tokens`, are masked besides.

        Raises
        ------
        MissingExtra
            If JAX is not installed.
        """
        apply = _compiled_apply(self.encoder)
        tokens = checked_tokens(tokens, self.sites, self.colors)
        hidden = None if hidden is None else checked_hidden(hidden, tokens.shape)
        samples, sites = tokens.shape
        logits = np.empty((samples, sites, self.colors))
        masked = np.tile(np.arange(sites), _BLOCK)

        def block(whole: Any, first: int) -> Any:
            # Always the same shape, which is compiled once.
            part = whole[first : first + _BLOCK]
            filled = np.concatenate([part, np.zeros((_BLOCK - len(part), sites), part.dtype)])
            return np.repeat(filled, sites, axis=0)

        for first in range(0, samples, _BLOCK):
            besides = () if hidden is None else (block(hidden, first),)
            values = np.asarray(apply(self.weights, block(tokens, first), masked, *besides))
            count = min(_BLOCK, samples - first)
            logits[first : first + _BLOCK] = values.reshape(_BLOCK, sites, -1)[:count]
        return logits

    def loss(self, tokens: Any) -> float:
        """Return the mean cross-entropy per masked token, every site masked in turn."""
        tokens = checked_tokens(tokens, self.sites, self.colors, least=1)
        logits = self.logits(tokens)
        shown = np.take_along_axis(logits, tokens[..., None].astype(np.intp), axis=-1)
        return float(np.mean(log_sum_exp(logits) - shown[..., 0]))


@dataclass(frozen=True, eq=False)
class EncoderLearning(History):
    """What training a transformer encoder led to.

    Attributes
    ----------
    train_losses, held_out_losses, best, status
        As in `Learning`.
    trained : TrainedEncoder
        The encoder of the epoch with the smallest held-out loss.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Encoder, PottsModel, Settings, learn_encoder, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 6, seed=0), 120, seed=1)
    >>> small = Encoder(layers=1, width=8, heads=2, hidden=8)
    >>> run = learn_encoder(tokens[:100], tokens[100:], 3, small, Settings(epochs=2))
    >>> run.status, run.held_out_losses.shape
    ('epochs', (2,))
    """

    trained: TrainedEncoder


def learn_encoder(
    tokens: Any,
    held_out: Any,
    colors: int,
    encoder: Encoder | None = None,
    settings: Settings | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 1,
    label: str | None = None,
) -> EncoderLearning:
    """Train a transformer encoder by masked language modelling.

    One random site of every sequence is masked in every epoch, or a share of all, as `learn` does
    for factored attention, with the same schedules, early stopping and checkpoints.

    Parameters
    ----------
    tokens, held_out : uint8 arrays (samples, sites)
        Sequences to train on, and others that decide which epoch is kept. The held-out loss of
        the kept epoch is a little too good: test on a third set.
    colors : int
        C.
    encoder : Encoder, optional
        The architecture, by default two layers.
    settings : Settings, optional
        How to train; by default 30 epochs of batches of 64, Adam with one cycle of rates up to
        0.002 and decay 0.01.
    checkpoint : path, optional
        An npz file that holds the state of the run. If it exists, the run goes on from there,
        and ends with the same digits as one that was never interrupted.
    every : int
        Epochs between two checkpoints.
    label : str, optional
        Show a progress bar with this label, away from a terminal a line every half minute;
        notebooks show one anyway.

    Returns
    -------
    EncoderLearning
        The encoder of the epoch with the smallest held-out loss, and how the training went.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the checkpoint is of another run or version, is not
        whole, cannot be written, or has another process at work on it.
    MissingExtra
        If JAX or optax is not installed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Encoder, PottsModel, Settings, learn_encoder, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 6, seed=0), 120, seed=1)
    >>> small = Encoder(layers=1, width=8, heads=2, hidden=8)
    >>> learn_encoder(tokens[:100], tokens[100:], 3, small, Settings(epochs=2)).status
    'epochs'
    """
    colors = checked_colors(colors)
    tokens, held_out = checked_sequences(tokens, held_out, colors)
    encoder = Encoder() if encoder is None else encoder
    settings = SETTINGS if settings is None else settings
    if not isinstance(encoder, Encoder):
        raise invalid("encoder", encoder, "an Encoder")
    if not isinstance(settings, Settings):
        raise invalid("settings", settings, "Settings")
    run = _EncoderRun(tokens, held_out, colors, encoder, settings)
    run.finish(checkpoint, every, label)
    return run.result()


class _EncoderRun(Run):
    def __init__(
        self, tokens: Tokens, held_out: Tokens, colors: int, encoder: Encoder, settings: Settings
    ) -> None:
        identity = {"encoder": asdict(encoder), "colors": colors}
        super().__init__(tokens, held_out, settings, identity)
        self._encoder = encoder
        self._method = (settings.optimiser, settings.momentum, settings.decay)
        self._weights: Weights = encoder.init(tokens.shape[1], colors, self.rng)
        self._moments: Any = _method(*self._method).init(self._weights)
        self.keep()

    def one_epoch(self) -> float:
        order, hidden = self.batches()
        samples, batch = len(order), min(self.settings.batch, len(order))
        steps = -(-samples // batch)
        # The last batch is filled up with sequences that do not count.
        counted = np.zeros(steps * batch, np.float32)
        counted[:samples] = 1
        filled = np.resize(order, steps * batch)
        rates = [
            self.settings.rate
            * rate_at(self.settings.schedule, (self.epoch + step / steps) / self.settings.epochs)
            for step in range(steps)
        ]
        # One masked site is told by its number, and the last layer asks for no other.
        alone = self.settings.masking is None
        masked = (hidden.argmax(axis=1) if alone else hidden)[filled]
        epoch = _compiled_epoch(self._encoder, self._method, 0.0 if alone else self.masks)
        self._weights, self._moments, losses = epoch(
            self._weights,
            self._moments,
            self.tokens,
            filled.reshape(steps, batch),
            masked.reshape(steps, batch, *masked.shape[1:]),
            counted.reshape(steps, batch),
            np.array(rates, np.float32),
        )
        sizes = counted.reshape(steps, batch).sum(axis=1) * self.masks
        total = np.sum(np.asarray(losses, np.float64) * sizes)
        return float(total / hidden.sum()) if hidden.any() else float("nan")

    def held_out_loss(self) -> float:
        if not all(np.isfinite(value).all() for value in self.groups()["now"].values()):
            return float("nan")
        return TrainedEncoder(self._encoder, self._weights).loss(self.held_out)

    def groups(self) -> Groups:
        leaves = loaded("jax").tree_util.tree_leaves(self._moments)
        return {
            "now": {name: np.asarray(value) for name, value in self._weights.items()},
            "moment": {str(number): np.asarray(leaf) for number, leaf in enumerate(leaves)},
        }

    def take(self, groups: Groups) -> None:
        tree = loaded("jax").tree_util
        self._weights = groups["now"]
        structure, stored = tree.tree_structure(self._moments), groups["moment"]
        leaves = [stored[str(number)] for number in range(len(stored))]
        self._moments = tree.tree_unflatten(structure, leaves)

    def result(self) -> EncoderLearning:
        """Return what the run has led to."""
        return EncoderLearning(**self.history(), trained=TrainedEncoder(self._encoder, self.best))


def masked_loss(encoder: Encoder, weights: Weights, tokens: Any, masked: Any, counted: Any) -> Any:
    """Return the mean cross-entropy of the masked tokens, a JAX scalar.

    Parameters
    ----------
    encoder : Encoder
        The architecture.
    weights : dict of arrays
        The parameters.
    tokens : uint8 array (samples, sites)
        Sequences.
    masked : int array (samples,)
        The masked site of each.
    counted : array (samples,)
        Weights of the sequences in the mean.
    """
    jax, jnp = loaded("jax"), loaded("jax.numpy")
    logits = encoder.apply(weights, tokens, masked)
    true = jnp.take_along_axis(tokens, masked[:, None], axis=1).astype(np.int32)
    losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), true, axis=1)[:, 0]
    return jnp.sum(counted * losses) / jnp.sum(counted)


def shares_loss(
    encoder: Encoder, weights: Weights, tokens: Any, hidden: Any, counted: Any, masks: float
) -> Any:
    """Return the cross-entropy of tokens masked at once, over their mean number; a JAX scalar.

    Parameters
    ----------
    encoder, weights, tokens, counted
        As for `masked_loss`.
    hidden : bool array (samples, sites)
        The masked sites of each.
    masks : float
        The mean number of masked tokens per sequence.
    """
    jax, jnp = loaded("jax"), loaded("jax.numpy")
    logits = encoder.apply_everywhere(weights, tokens, hidden)
    true = tokens[..., None].astype(np.int32)
    losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), true, axis=-1)[..., 0]
    return jnp.sum(counted[:, None] * hidden * losses) / (masks * jnp.sum(counted))


@cache
def _compiled_apply(encoder: Encoder) -> Any:
    return loaded("jax").jit(encoder.apply)


def _method(optimiser: str, momentum: float, decay: float) -> Any:
    optax = loaded("optax")
    adam = optimiser == "adam"
    slope = optax.scale_by_adam(b1=momentum) if adam else optax.trace(momentum)
    # Behind the moments: the decay is decoupled (Loshchilov & Hutter, arXiv:1711.05101).
    return optax.chain(slope, optax.add_decayed_weights(decay))


@cache
def _compiled_epoch(encoder: Encoder, method: tuple[str, float, float], masks: float) -> Any:
    """Return a whole epoch as one compiled function, which takes over the state it is given.

    `masks` is the mean number of tokens of a sequence that are masked at once, or 0 for one alone.
    """
    jax, optax = loaded("jax"), loaded("optax")
    optimiser = _method(*method)

    def loss_of(weights: Weights, tokens: Any, masked: Any, counts: Any) -> Any:
        if masks:
            return shares_loss(encoder, weights, tokens, masked, counts, masks)
        return masked_loss(encoder, weights, tokens, masked, counts)

    def epoch(
        weights: Weights,
        moments: Any,
        tokens: NDArray[np.uint8],
        order: NDArray[np.int64],
        masked: NDArray[Any],
        counted: Any,
        rates: Any,
    ) -> Any:
        def step(state: Any, batch: Any) -> Any:
            weights, moments = state
            part, sites, counts, rate = batch
            loss, slope = jax.value_and_grad(
                lambda values: loss_of(values, tokens[part], sites, counts)
            )(weights)
            moves, moments = optimiser.update(slope, moments, weights)
            moves = jax.tree_util.tree_map(lambda move: -rate * move, moves)
            return (optax.apply_updates(weights, moves), moments), loss

        batches = (order, masked, counted, rates)
        (weights, moments), losses = jax.lax.scan(step, (weights, moments), batches)
        return weights, moments, losses

    return jax.jit(epoch, donate_argnums=(0, 1))
