"""What operators do, for the admin and the commands."""
