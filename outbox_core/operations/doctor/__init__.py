"""Walks a way step by step, and names what is closed: what outbox_doctor and inbox_doctor share."""
