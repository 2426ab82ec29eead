"""What operators do over many held events, for the admin and the commands alike."""
