"""Compiled loops of the quadrature rules, which know arrays alone."""
