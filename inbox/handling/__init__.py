"""From a record to the handlers that take it, in one transaction."""
