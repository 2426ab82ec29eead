"""Holds: what has to wait, in order."""
