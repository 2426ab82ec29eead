"""The example in containers: its files, and ``make containers``, which runs them on a Docker engine."""
