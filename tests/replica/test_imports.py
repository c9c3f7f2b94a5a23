"""What an import costs; who may import whom stands in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

import figures
import replica
import simulations

PACKAGES = {package.__name__: package for package in (replica, simulations, figures)}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "replica/*.md", "simulations/*.md", "figures/*.md")


@pytest.mark.parametrize("module", ["replica", "replica.cli"])
def test_heavy_libraries_wait(module):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numba", "scipy", "matplotlib", "simulations"}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_every_public_name_can_be_had(package):
    """The stub, which type checkers read, names the module where each is defined."""
    stub = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        alias.name: f"{package.__name__}.{node.module}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(homes) == sorted(package.__all__) == sorted(dir(package))
    for name, home in homes.items():
        value = getattr(package, name)
        assert value is getattr(import_module(home), name)
        if callable(value):
            assert value.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'anything'"):
        _ = package.anything


def test_documents_import_public_names_only():
    root, asked = Path(__file__).parents[2], set()
    for pattern in DOCUMENTS:
        for path in root.glob(pattern):
            text = path.read_text(encoding="utf-8")
            for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
                for node in ast.walk(ast.parse(block)):
                    if isinstance(node, ast.ImportFrom) and node.module in PACKAGES:
                        asked |= {(node.module, alias.name) for alias in node.names}
    assert {module for module, _ in asked} == set(PACKAGES)
    for module, name in asked:
        assert name in PACKAGES[module].__all__


@pytest.mark.parametrize("package", ["replica", "simulations"])
def test_the_version_is_that_of_the_distribution(package):
    assert PACKAGES[package].__version__ == metadata.version("replica-attention")
