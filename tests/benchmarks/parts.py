"""Parts of a benchmark that are named on its command line, and the time that they take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def run_parts(
    parts: Mapping[str, Callable[[], Result]], argv: Sequence[str] | None = None
) -> list[Result]:
    """Run the parts that the command line names, or all, and return what each does."""
    results = []
    for name in (sys.argv[1:] if argv is None else argv) or list(parts):
        start = time.process_time()
        results.append(parts[name]())
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
    return results
