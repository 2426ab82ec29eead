"""The whole example in one command: services, processes, purchases, a SIGKILL, and proof that all agree."""
