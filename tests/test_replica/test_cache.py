"""A damaged cache of compiled code is made anew."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
from {package}.jit import jit

@jit
def square(x):
    return x * x

@jit
def quartic(x):
    return square(square(x))

print(quartic(3.0), sum(quartic.stats.cache_hits.values()))
"""


@pytest.mark.parametrize(
    ("package", "kind", "damage"),
    [
        ("replica", ".nbi", lambda content: b""),
        ("replica", ".nbi", lambda content: b"neither a pickle nor of any version\n"),
        ("replica", ".nbc", lambda content: content[: len(content) // 2]),
        ("simulations", ".nbc", lambda content: b""),
    ],
    ids=["index emptied", "index overwritten", "code torn", "code emptied"],
)
def test_damaged_files_are_made_anew(tmp_path, package, kind, damage):
    program, cache = tmp_path / "program.py", tmp_path / "cache"
    program.write_text(PROGRAM.format(package=package))

    def outcome():
        done = subprocess.run(
            [sys.executable, program],
            env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split() or done.stderr

    assert outcome() == ["81.0", "0"]
    files = list(cache.rglob(f"*{kind}"))
    assert files
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    assert outcome() == ["81.0", "0"]
    assert outcome() == ["81.0", "1"]
