"""The status of the consumers: heartbeats, lag, held events, and the report."""
