"""A consumer service whose handlers do what its events say."""
