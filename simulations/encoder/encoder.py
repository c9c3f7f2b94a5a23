"""An ordinary transformer encoder as pure functions of its parameters: the masked site's logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.validation import integer, invalid
from simulations.encoder.optional_jax import loaded

#: Arrays by name, NumPy's or JAX's.
Weights = dict[str, Any]

#: Added to variances by the layer norm.
_EPSILON = 1e-5


@dataclass(frozen=True)
class Encoder:
    """The architecture: pre-norm blocks of dot-product attention and an MLP, with residuals.

    Token and position embeddings are learned, the masked token has an embedding of its own,
    and a last layer norm and a linear map lead to the logits.

    Parameters
    ----------
    layers : int
        Blocks of attention and MLP.
    width : int
        Dimension of the embeddings, a multiple of `heads`.
    heads : int
        Heads per layer.
    hidden : int
        Units of the MLP, between whose two maps stands a GELU.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from simulations import Encoder
    >>> Encoder(layers=1, width=32, heads=4, hidden=64)
    Encoder(layers=1, width=32, heads=4, hidden=64)
    """

    layers: int = 2
    width: int = 64
    heads: int = 4
    hidden: int = 128

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "hidden"):
            integer(name, getattr(self, name), 1)
        if self.width % self.heads:
            raise invalid("width", self.width, f"a multiple of heads = {self.heads}")

    def init(self, sites: int, colors: int, rng: np.random.Generator) -> Weights:
        """Return random parameters, float32 arrays by name.

        Embeddings are N(0, 1) and weights N(0, 1/inputs), those that write into the residual
        stream smaller by √(2 layers), so that its variance does not grow with the depth.
        """
        width, hidden = self.width, self.hidden
        out = 1 / np.sqrt(2 * self.layers)
        weights = {
            "tokens": rng.standard_normal((colors + 1, width)),
            "positions": rng.standard_normal((sites, width)),
        }

        def linear(name: str, inputs: int, outputs: int, scale: float = 1.0) -> None:
            draws = rng.standard_normal((inputs, outputs))
            weights[f"{name}.weight"] = draws * (scale / np.sqrt(inputs))
            weights[f"{name}.bias"] = np.zeros(outputs)

        def norm(name: str) -> None:
            weights[f"{name}.scale"] = np.ones(width)
            weights[f"{name}.shift"] = np.zeros(width)

        for layer in range(self.layers):
            norm(f"{layer}.attention.norm")
            for part in ("query", "key", "value"):
                linear(f"{layer}.attention.{part}", width, width)
            linear(f"{layer}.attention.out", width, width, out)
            norm(f"{layer}.mlp.norm")
            linear(f"{layer}.mlp.in", width, hidden)
            linear(f"{layer}.mlp.out", hidden, width, out)
        norm("norm")
        linear("logits", width, colors)
        return {name: value.astype(np.float32) for name, value in weights.items()}

    def apply(self, weights: Weights, tokens: Any, masked: Any, hidden: Any = None) -> Any:
        """Return the logits of one masked site per sequence, a JAX array (samples, colors).

        Only the masked site is read out, so the last layer asks for it alone; the sites it
        attends to are all, itself as mask included.

        Parameters
        ----------
        weights : dict of arrays
            The parameters.
        tokens : int array (samples, sites)
            Sequences.
        masked : int array (samples,)
            The site of each that is predicted.
        hidden : bool array (samples, sites), optional
            Sites that are masked besides.
        """
        alone = loaded("jax.numpy").arange(weights["positions"].shape[0]) == masked[:, None]
        every = alone if hidden is None else alone | hidden
        stream = self._stream(weights, tokens, every, masked[:, None, None])
        return _linear(weights, "logits", _norm(weights, "norm", stream[:, 0]))

    def apply_everywhere(self, weights: Weights, tokens: Any, hidden: Any) -> Any:
        """Return the logits of every site, a JAX array (samples, sites, colors).

        They predict where a site is masked; elsewhere they have seen the token.

        Parameters
        ----------
        weights, tokens
            As for `apply`.
        hidden : bool array (samples, sites)
            The sites that are masked, all at once.
        """
        stream = self._stream(weights, tokens, hidden, None)
        return _linear(weights, "logits", _norm(weights, "norm", stream))

    def _stream(self, weights: Weights, tokens: Any, hidden: Any, where: Any) -> Any:
        """Return what the last layer leaves at the sites `where`, or at all."""
        jnp = loaded("jax.numpy")
        mask = weights["tokens"].shape[0] - 1
        # In uint8 there is no room for the mask beside 256 colours.
        shown = jnp.where(hidden, mask, tokens.astype(np.int32))
        stream = weights["tokens"][shown] + weights["positions"]
        for layer in range(self.layers):
            part = {
                name.split(".", 1)[1]: value
                for name, value in weights.items()
                if name.startswith(f"{layer}.")
            }
            seen = _norm(part, "attention.norm", stream)
            if where is not None and layer == self.layers - 1:
                stream = jnp.take_along_axis(stream, where, axis=1)
                asking = jnp.take_along_axis(seen, where, axis=1)
            else:
                asking = seen
            stream = stream + self._attention(part, asking, seen)
            inner = _linear(part, "mlp.in", _norm(part, "mlp.norm", stream))
            stream = stream + _linear(part, "mlp.out", _gelu(inner))
        return stream

    def _attention(self, part: Weights, asking: Any, seen: Any) -> Any:
        jnp = loaded("jax.numpy")
        depth = self.width // self.heads

        def split(name: str, values: Any) -> Any:
            projected = _linear(part, f"attention.{name}", values)
            return projected.reshape(*projected.shape[:2], self.heads, depth)

        query, key, value = split("query", asking), split("key", seen), split("value", seen)
        scores = jnp.einsum("nihd,njhd->nhij", query, key) / np.sqrt(depth).astype(query.dtype)
        weights = jnp.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = weights / weights.sum(axis=-1, keepdims=True)
        mixed = jnp.einsum("nhij,njhd->nihd", weights, value)
        return _linear(part, "attention.out", mixed.reshape(asking.shape))


def _linear(weights: Weights, name: str, values: Any) -> Any:
    return values @ weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _norm(weights: Weights, name: str, values: Any) -> Any:
    centred = values - values.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return (
        centred / loaded("jax.numpy").sqrt(variance + _EPSILON) * weights[f"{name}.scale"]
        + weights[f"{name}.shift"]
    )


def _gelu(values: Any) -> Any:
    # Hendrycks & Gimpel's approximation, arXiv:1606.08415.
    return (
        0.5
        * values
        * (1 + loaded("jax.numpy").tanh(0.7978845608028654 * (values + 0.044715 * values**3)))
    )
