"""Run the command with `python -m replica`."""

from replica.cli import main

raise SystemExit(main())
