"""What an import costs; who may import whom stands in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

import pytest

import replica


@pytest.mark.parametrize("module", ["replica", "replica.cli"])
def test_heavy_libraries_wait(module):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numba", "scipy", "matplotlib", "simulations"}


def test_every_public_name_can_be_had():
    for name in replica.__all__:
        assert getattr(replica, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'anything'"):
        _ = replica.anything
