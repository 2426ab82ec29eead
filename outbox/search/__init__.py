"""Search of the log: each question reads a bounded number of rows, and the next one goes on from there."""
