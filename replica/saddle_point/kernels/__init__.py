"""Compiled parts of the saddle-point equations, which know arrays alone."""
