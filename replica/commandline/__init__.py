"""Shared behaviour of all commands."""
