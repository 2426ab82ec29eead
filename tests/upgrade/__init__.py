"""Two releases at work side by side, as in an upgrade without downtime."""
