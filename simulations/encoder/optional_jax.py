"""JAX and optax, which only the encoder needs: loaded when first used, or missed clearly."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from replica.errors import MissingExtra, not_installed

__all__ = ["MissingExtra", "loaded"]


def loaded(module: str) -> Any:
    """Return a module of JAX or optax.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("jax", "jaxlib", "optax"):
            raise
        raise MissingExtra(
            f"the transformer encoder takes JAX; {not_installed(error.name, 'transformer')}"
        ) from None
