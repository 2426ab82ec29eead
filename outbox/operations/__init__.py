"""What operators do over many rows, for the admin and the commands alike."""
