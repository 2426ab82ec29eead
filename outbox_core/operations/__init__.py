"""What both sides' operators share: who did what, problems with remedies, work over many rows."""
