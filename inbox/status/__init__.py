"""How the consumers are: heartbeats, lag, what is held, and the report of all that."""
