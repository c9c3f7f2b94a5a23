"""Checkpoints: arrays and plain values in one npz file, never a pickle, of one process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from replica.tables import locks
from replica.tables.atomic_files import clear_partial_files, whole_file
from replica.tables.provenance import strict_json
from replica.validation import invalid
from simulations.tokens import Floats

_PLAIN = "plain"


def save(path: str | os.PathLike[str], arrays: Mapping[str, Floats], plain: Any) -> None:
    """Write arrays and a value that JSON can hold; the file appears whole or not at all."""
    target = Path(path)
    contents: dict[str, Any] = {**arrays, _PLAIN: np.array(json.dumps(plain))}
    with whole_file(target) as stream:
        np.savez(stream, **contents)


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Floats], Any]:
    """Return what `save` wrote.

    Raises
    ------
    ValueError
        If the file is no checkpoint.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return arrays, strict_json(str(arrays.pop(_PLAIN)))
    except Exception as error:  # zipfile alone raises half a dozen kinds
        why = " ".join(str(error).split())
        raise invalid("checkpoint", str(path), f"a checkpoint ({why})") from None


@contextmanager
def alone(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from the checkpoint at `path`, which need not exist yet.

    Raises
    ------
    ValueError
        If its folder cannot be written, or if another process is at work on it.
    """
    target = Path(path)
    with locks.alone("checkpoint", target):
        clear_partial_files(target)
        yield
