"""Experiments whose lines fill tables: one system, many, and their averages."""
