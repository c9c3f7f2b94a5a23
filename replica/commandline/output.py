"""The options that say where a table goes, and lines as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from replica.tables.columns import as_json
from replica.tables.formats import ENDINGS


def add_output_options(parser: argparse.ArgumentParser, printed: str = "lines") -> None:
    """Add the options that say where a table goes; `printed` names what JSON is of."""
    parser.add_argument("--json", action="store_true", help=f"print the {printed} as JSON")
    kinds = ", ".join(ENDINGS)
    parser.add_argument("--out", metavar="FILE", type=_place,
                        help=f"table to write, by its ending {kinds}; its provenance stands beside "
                        "it, and its folder is made; - or none is stdout")  # fmt: skip


def _place(text: str) -> str | None:
    return None if text == "-" else text


def print_json(lines: Iterable[Mapping[str, Any]]) -> None:
    """Print lines as JSON."""
    print(json.dumps([as_json(line) for line in lines], indent=2))
