"""What tests of several packages ask for."""

from __future__ import annotations

import pytest

LENT = (
    "arrays",
    "commandline",
    "errors",
    "execution",
    "immutable",
    "jit",
    "notices",
    "problem",
    "tables",
    "validation",
)


@pytest.fixture(scope="session")
def lent() -> set[str]:
    """The modules of the theory that the simulation may borrow: none holds numerics."""
    return {f"replica.{name}" for name in LENT}
