"""The way of the relay, from the settings to a topic: what outbox_doctor examines."""
