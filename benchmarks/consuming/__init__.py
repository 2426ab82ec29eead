"""The consuming service of the benchmarks."""
