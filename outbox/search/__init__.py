"""Search of the log: each query reads a bounded number of rows, and the next one continues from there."""
