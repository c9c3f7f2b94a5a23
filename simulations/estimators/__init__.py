"""Rows of factored attention from a training set, by minimisation or otherwise."""
