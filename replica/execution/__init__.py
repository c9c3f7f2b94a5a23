"""Tasks in worker processes or on a cluster, with results that do not depend on where."""
