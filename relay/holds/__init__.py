"""Holds: what must wait, and its release, in order."""
