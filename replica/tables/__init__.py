"""Tables as files: columns, provenance, and writing that survives a kill."""

from replica.tables.columns import COLUMNS
from replica.tables.table import Table

__all__ = [
    "COLUMNS",
    "Table",
]
