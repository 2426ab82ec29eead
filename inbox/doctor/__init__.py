"""The way of a consumer, from the settings to a topic: what inbox_doctor examines."""
