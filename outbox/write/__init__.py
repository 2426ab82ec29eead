"""Writing events: from an event to its row, in the caller's transaction."""
