"""Figures, as ratios between things measured in the same run. `make bench` runs them all, `make bench
ARGS=drain` one.
"""
