"""Reading the log, and the position that says how far it is published."""
