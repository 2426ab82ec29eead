"""CloudEvents on the wire of Kafka, both ways."""
