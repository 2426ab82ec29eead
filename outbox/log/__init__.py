"""Shared by all readers of the log: its tables, its positions, and the proof that they can be trusted."""
