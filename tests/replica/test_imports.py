"""Who may import whom, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import replica

ROOT = Path(replica.__file__).parent.parent


def imported(package: str) -> set[str]:
    """Every module that a package, or a module, names in an import, wherever it stands."""
    names: set[str] = set()
    files = [*(ROOT / package).rglob("*.py"), *ROOT.glob(f"{package}.py")]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names |= {node.module or "", *(f"{node.module}.{a.name}" for a in node.names)}
    return names


def test_the_theory_stands_alone():
    roots = {name.split(".")[0] for name in imported("replica")}
    assert not roots & {"simulations", "figures", "matplotlib"}


def test_simulations_borrow_descriptions_and_tables_only(lent):
    borrowed = {name for name in imported("simulations") if name.split(".")[0] == "replica"}
    assert {".".join(name.split(".")[:2]) for name in borrowed} - {"replica"} <= lent
    assert "replica" not in borrowed
    assert not any(name.split(".")[0] == "figures" for name in imported("simulations"))


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


def test_what_is_lent_holds_no_theory(lent):
    """The borrowed modules import one another and no other module of the theory."""
    for module in lent:
        sources = imported(module.replace(".", "/"))
        borrowed = {name for name in sources if name.split(".")[0] == "replica"}
        assert {".".join(name.split(".")[:2]) for name in borrowed} <= lent, module
