"""Checkpoints: arrays and plain values in one npz file, never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from replica.arguments import refusal
from replica.files import PARTIAL
from simulations.fields import Floats

_PLAIN = "plain"


def save(path: str | os.PathLike[str], arrays: Mapping[str, Floats], plain: Any) -> None:
    """Write arrays and a value that JSON can hold; the file appears whole or not at all."""
    target = Path(path)
    partial = target.with_name(f".{target.name}{PARTIAL}")
    with open(partial, "wb") as stream:
        contents: dict[str, Any] = {**arrays, _PLAIN: np.array(json.dumps(plain))}
        np.savez(stream, **contents)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, target)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Floats], Any]:
    """Return what `save` wrote.

    Raises
    ------
    ValueError
        If the file is no checkpoint.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return arrays, json.loads(str(arrays.pop(_PLAIN)))
    except Exception as error:  # zipfile alone raises half a dozen kinds
        reason = " ".join(str(error).split())
        raise refusal("checkpoint", str(path), f"a checkpoint ({reason})") from None
