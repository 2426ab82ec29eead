"""What operators do with held events, for the admin and the commands."""
