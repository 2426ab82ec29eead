"""Runs the whole example: services, processes, purchases, a SIGKILL, and a comparison of everything."""
