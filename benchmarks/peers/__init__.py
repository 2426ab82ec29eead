"""What a user would pick instead, set up fairly. Each prints its settings."""
