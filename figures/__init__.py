"""Figures of the paper: theory as lines, trained finite systems as markers."""
