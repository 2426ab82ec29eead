"""What the processes ``run_relay`` and ``run_consumer`` share."""
