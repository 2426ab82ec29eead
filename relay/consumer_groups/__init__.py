"""How far the consumer groups of the outbox's topics are, for the status page."""
