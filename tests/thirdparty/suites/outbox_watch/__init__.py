"""Receivers of everything, for the tests of another package."""
