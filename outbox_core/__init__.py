"""What outbox and inbox share. A plain library: it is not a Django app and imports neither of them."""
