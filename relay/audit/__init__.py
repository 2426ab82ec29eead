"""Proves that Kafka has every published event of the outbox, and no other record with its source."""
