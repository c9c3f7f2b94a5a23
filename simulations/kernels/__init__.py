"""Compiled loops over sequences, which know arrays alone."""
