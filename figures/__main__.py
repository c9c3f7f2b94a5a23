"""Run the command with `python -m figures`."""

from figures.cli import main

raise SystemExit(main())
