"""How far the consumer groups of our topics are, for the status page."""
