"""Averages over Gaussian fields; knows arrays, and no problem."""
