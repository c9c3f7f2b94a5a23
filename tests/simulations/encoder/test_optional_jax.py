"""Without its extra everything but the transformer works, and that says what it lacks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from simulations import Encoder, MissingExtra, TrainedEncoder, learn_encoder


def test_what_is_missing_is_told_in_one_sentence(monkeypatch):
    for module in ("jax", "jax.numpy", "optax"):
        monkeypatch.setitem(sys.modules, module, None)
    tokens = np.zeros((3, 4), np.uint8)
    told = r"^the transformer encoder takes JAX; (jax|optax) is not installed: "
    told += r"pip install '\.\[transformer\]' in the project's folder brings it$"
    with pytest.raises(MissingExtra, match=told):
        learn_encoder(tokens, tokens, 2)
    # Of an architecture that no other test has compiled.
    encoder = Encoder(1, 6, 3, 5)
    weights = encoder.init(4, 2, np.random.default_rng(0))
    with pytest.raises(ImportError, match=told):
        TrainedEncoder(encoder, weights).logits(tokens)


def test_importing_does_not_load_it():
    code = "import sys, simulations; simulations.learn_encoder, simulations.Encoder; "
    code += "import figures.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "simulations.encoder.learning" in done.stdout.split()
    assert not set(done.stdout.split()) & {"jax", "jaxlib", "optax"}
