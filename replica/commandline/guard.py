"""Scripts that start worker processes without a guard, of which each worker runs a copy."""

from __future__ import annotations

import multiprocessing
import os

#: How the names of worker processes begin, and the status of one that came upon itself.
NAME, UNGUARDED = "replica-worker", 97


def leave_if_starting() -> None:
    """End a worker process that, running its script again, is about to ask for workers."""
    process = multiprocessing.current_process()
    if getattr(process, "_inheriting", False) and process.name.startswith(NAME):
        os._exit(UNGUARDED)
