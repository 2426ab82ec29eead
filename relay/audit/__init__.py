"""Proves that Kafka has every published event of the outbox, and nothing else of ours."""
