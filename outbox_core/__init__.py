"""What the outbox and the inbox both stand on. A plain library: no Django app, and no import of either."""
