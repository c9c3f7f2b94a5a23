"""What tests of several packages ask for."""

from __future__ import annotations

import pytest

LENT = (
    "arguments", "arrays", "cache", "cluster", "commandline", "data", "errors", "executor",
    "files", "guard", "immutable", "journal", "locks", "mounts", "notices", "numerals", "options",
    "problem", "processes", "sidecars", "status", "tables", "tasks", "texts",
)  # fmt: skip


@pytest.fixture(scope="session")
def lent() -> set[str]:
    """The modules of the theory that the simulation may borrow: none holds numerics."""
    return {f"replica.{name}" for name in LENT}
