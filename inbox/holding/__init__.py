"""Failed events: the cause, the next attempt, and when a person must decide."""
