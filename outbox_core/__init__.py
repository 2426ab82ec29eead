"""What outbox and inbox both stand on."""
